"""A diffusion model as sampling sees it: network, parameterization, latent format.

Every family builds one of these; only what differs from the default is overridden in the family's package. Packs know
the class as `comfy.model_base.BaseModel`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Self

import torch
from torch import Tensor, nn

from comfy.latents.formats import LatentFormat
from comfy.patching.wrappers import WrapperExecutor, WrappersMP, get_all_wrappers
from comfy.sampling.conds import CondCrossAttn, CondNoiseShape, CondRegular
from comfy.sampling.parameterization import ModelSampling, SamplingSettings, make_model_sampling
from comfy.weights.assign import assign_weights, strip_prefix

ACTIVATION_BYTES_PER_POSITION = 64 * 1024
"""What one latent position costs in activations of a UNet of SD1's width in float32; measured at 64x64 on the CPU."""


class ModelType(Enum):
    """Kinds of prediction. Names are the field's; `prediction` is the parameterization's word for it."""

    EPS = 1
    V_PREDICTION = 2
    V_PREDICTION_EDM = 3
    STABLE_CASCADE = 4
    EDM = 5
    FLOW = 6
    V_PREDICTION_CONTINUOUS = 7
    FLUX = 8
    IMG_TO_IMG = 9
    FLOW_COSMOS = 10

    @property
    def prediction(self) -> str:
        """The name under which `make_model_sampling` knows this kind."""
        return self.name.lower()


@dataclass
class ModelConfig:
    """What a family says about one checkpoint; packs read `unet_config`, `latent_format`, `sampling_settings`.

    `family` is the family's name ("sd1"), `unet_config` the network's numbers as plain data,
    `supported_inference_dtypes` the formats it may compute in, best first. The prefixes stand in front of the parts'
    names in a checkpoint (`text_prefixes` by text encoder), `file_metadata` is what a file must say of the numbers
    that shapes do not tell.
    """

    family: str
    unet_config: dict[str, Any]
    latent_format: LatentFormat
    model_type: ModelType = ModelType.EPS
    schedule: SamplingSettings = field(default_factory=SamplingSettings)
    memory_usage_factor: float = 1.0
    supported_inference_dtypes: tuple[torch.dtype, ...] = (torch.float16, torch.bfloat16, torch.float32)
    diffusion_prefix: str = "model.diffusion_model."
    vae_prefix: str = "first_stage_model."
    text_prefixes: dict[str, str] = field(default_factory=dict)
    file_metadata: dict[str, str] = field(default_factory=dict)

    @property
    def sampling_settings(self) -> dict[str, Any]:
        """The noise schedule's settings by name."""
        return self.schedule.sampling_settings


class DiffusionModel(nn.Module):
    """Denoises latents: scaling in, the network, and the prediction's algebra out."""

    def __init__(self, model_config: ModelConfig, diffusion_model: nn.Module) -> None:
        super().__init__()
        self.model_config = model_config
        self.diffusion_model = diffusion_model
        self.latent_format = model_config.latent_format
        self.model_type = model_config.model_type
        self.model_sampling: ModelSampling = make_model_sampling(
            model_config.model_type.prediction, model_config.schedule
        )
        self.manual_cast_dtype: torch.dtype | None = None
        self.memory_usage_factor = model_config.memory_usage_factor
        self.adm_channels: int = model_config.unet_config.get("adm_in_channels") or 0
        self.concat_keys: tuple[str, ...] = ()
        self.current_patcher: Any = None

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.diffusion_model.parameters()).device

    def get_dtype(self) -> torch.dtype:
        """The type the network computes in."""
        return next(self.diffusion_model.parameters()).dtype

    def apply_model(
        self,
        x: Tensor,
        t: Tensor,
        c_concat: Tensor | None = None,
        c_crossattn: Tensor | None = None,
        control: Any = None,
        transformer_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """The denoised latent (B,C,...) of a noisy one at noise levels t (B,); both at the network's scale.

        `c_concat` (B,c,...) is put behind the latent's channels, `c_crossattn` (B,S,W) is the text.
        """
        transformer_options = {} if transformer_options is None else transformer_options
        executor = WrapperExecutor.new_class_executor(
            self._apply_model, self, get_all_wrappers(WrappersMP.APPLY_MODEL, transformer_options)
        )
        return executor.execute(x, t, c_concat, c_crossattn, control, transformer_options, **kwargs)

    def _apply_model(
        self,
        x: Tensor,
        t: Tensor,
        c_concat: Tensor | None,
        c_crossattn: Tensor | None,
        control: Any,
        transformer_options: dict[str, Any],
        **kwargs: Any,
    ) -> Tensor:
        dtype = self.get_dtype()
        network_input = self.model_sampling.calculate_input(t, x)
        if c_concat is not None:
            network_input = torch.cat((network_input, c_concat.to(network_input)), dim=1)
        timestep = self.process_timestep(self.model_sampling.timestep(t).float(), x=x, **kwargs)
        extra = {key: _cast(value, dtype) for key, value in kwargs.items()}
        executor = WrapperExecutor.new_class_executor(
            self.diffusion_model,
            self.diffusion_model,
            get_all_wrappers(WrappersMP.DIFFUSION_MODEL, transformer_options),
        )
        output = executor.execute(
            network_input.to(dtype),
            timestep,
            context=_cast(c_crossattn, dtype),
            control=control,
            transformer_options=transformer_options,
            **extra,
        )
        return self.model_sampling.calculate_denoised(t, output.float(), x)

    def process_timestep(self, timestep: Tensor, **kwargs: Any) -> Tensor:
        """The network's time input (B,), or what a family makes of it."""
        return timestep

    def concat_cond(self, **kwargs: Any) -> Tensor | None:
        """Channels behind the latent's, of families that have such."""
        return None

    def encode_adm(self, **kwargs: Any) -> Tensor | None:
        """The vector condition (B,adm_channels) of families that have one."""
        return None

    def extra_conds(self, **kwargs: Any) -> dict[str, Any]:
        """Network inputs of one conditioning entry, wrapped so that they follow the batch.

        Read from kwargs: `cross_attn` (the text, (1,S,W)).
        """
        conds: dict[str, Any] = {}
        channels = self.concat_cond(**kwargs)
        if channels is not None:
            conds["c_concat"] = CondNoiseShape(channels)
        vector = self.encode_adm(**kwargs)
        if vector is not None:
            conds["y"] = CondRegular(vector)
        text = kwargs.get("cross_attn")
        if text is not None:
            conds["c_crossattn"] = CondCrossAttn(text)
        return conds

    def load_model_weights(self, sd: Mapping[str, Tensor], unet_prefix: str = "") -> Self:
        """Replaces the network's weights by those below a prefix. Raises: WeightsShapeError."""
        device, dtype = self.device, self.get_dtype()
        assign_weights(self.diffusion_model, strip_prefix(sd, unet_prefix), prefix=unet_prefix, dtype=dtype)
        self.diffusion_model.to(device)
        return self

    def state_dict_for_saving(
        self,
        clip_state_dict: Mapping[str, Tensor] | None = None,
        vae_state_dict: Mapping[str, Tensor] | None = None,
        clip_vision_state_dict: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """The weights of a whole checkpoint, under its names. An image encoder has no place in these families."""
        config = self.model_config
        saved = {
            config.diffusion_prefix + key: value for key, value in self.diffusion_model.state_dict().items()
        }
        saved |= {config.vae_prefix + key: value for key, value in (vae_state_dict or {}).items()}
        for ours, theirs in config.text_prefixes.items():
            saved |= {theirs + key: value for key, value in strip_prefix(clip_state_dict or {}, ours).items()}
        return saved

    def process_latent_in(self, latent: Tensor) -> Tensor:
        """From the scale of the VAE to the network's."""
        return self.latent_format.process_in(latent)

    def process_latent_out(self, latent: Tensor) -> Tensor:
        """From the network's scale to the VAE's."""
        return self.latent_format.process_out(latent)

    def scale_latent_inpaint(
        self, sigma: Tensor, noise: Tensor, latent_image: Tensor, **kwargs: Any
    ) -> Tensor:
        """What stands in the kept area at a noise level: the clean latent with that much noise."""
        shape = (-1,) + (1,) * (noise.dim() - 1)
        return self.model_sampling.noise_scaling(sigma.reshape(shape), noise, latent_image)

    def memory_required(self, input_shape: Sequence[int], cond_shapes: Any = None) -> float:
        """Bytes for activations of one call with a batch of this latent shape (B,C,...); an estimate for offloading."""
        positions = input_shape[0] * math.prod(input_shape[2:])
        return positions * ACTIVATION_BYTES_PER_POSITION * self.memory_usage_factor

    def extra_conds_shapes(self, **kwargs: Any) -> dict[str, list[int]]:
        """Shapes of inputs that make a call larger than its latent; none by default."""
        return {}


def _cast(value: Any, dtype: torch.dtype) -> Any:
    """Floating tensors in the network's type; everything else as it is."""
    if isinstance(value, Tensor):
        return value.to(dtype) if value.dtype.is_floating_point else value
    if isinstance(value, list):
        return [_cast(item, dtype) for item in value]
    return value
