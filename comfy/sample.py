"""Door: a whole sampling run. Most packs import it; the room is `comfy.sampling.run`."""

from comfy._facade import open_door
from comfy.sampling.preparation import cleanup_additional_models as cleanup_additional_models
from comfy.sampling.run import fix_empty_latent_channels as fix_empty_latent_channels
from comfy.sampling.run import prepare_noise as prepare_noise
from comfy.sampling.run import prepare_sampling as prepare_sampling
from comfy.sampling.run import sample as sample
from comfy.sampling.run import sample_custom as sample_custom

__all__ = [
    "cleanup_additional_models",
    "fix_empty_latent_channels",
    "prepare_noise",
    "prepare_sampling",
    "sample",
    "sample_custom",
]

open_door(__name__)
