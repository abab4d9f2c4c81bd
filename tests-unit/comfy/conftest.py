"""A whole SD1 checkpoint, three numbers wide, with random weights: what the tests of `comfy` load."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from comfy.models.unet.config import UNetConfig
from comfy.models.unet.network import UNet
from comfy.text.clip.transformer import ClipTextConfig, ClipTextTransformer
from comfy.vae.kl.config import KlConfig
from comfy.vae.kl.network import AutoencoderKL

METADATA = {
    "codec.sd1.unet_heads": "2,4",
    "codec.sd1.unet_groups": "4",
    "codec.sd1.text_heads": "2",
    "codec.sd1.vae_groups": "4,8",
    "modelspec.title": "tiny",
}

UNET = UNetConfig(
    in_channels=4,
    out_channels=4,
    model_channels=8,
    num_res_blocks=(1, 1),
    channel_mult=(1, 2),
    transformer_depth=(1, 1),
    transformer_depth_output=(1, 1, 1, 1),
    transformer_depth_middle=1,
    context_dim=12,
    use_linear_in_transformer=False,
    adm_in_channels=None,
    num_heads=(2, 4),
    groups=4,
)
VAE = KlConfig(
    ch=8,
    ch_mult=(1, 2),
    num_res_blocks=1,
    z_channels=4,
    image_channels=3,
    has_encoder=True,
    has_quant=True,
    groups=(4, 8),
)
TEXT = ClipTextConfig(
    width=12, num_layers=2, num_heads=2, inner_width=16, vocabulary_size=49408, projection_width=None
)


def _random(module, prefix, generator):
    state = module.state_dict()
    return {
        prefix + key: torch.empty(value.shape).normal_(0.0, 0.05, generator=generator).half()
        for key, value in state.items()
    }


@pytest.fixture(scope="session")
def tiny_state_dict():
    """Tensors of the tiny checkpoint, under checkpoint names."""
    generator = torch.Generator().manual_seed(7)
    with torch.device("meta"):
        unet, vae, text = UNet(UNET), AutoencoderKL(VAE), ClipTextTransformer(TEXT)
    return {
        **_random(unet, "model.diffusion_model.", generator),
        **_random(vae, "first_stage_model.", generator),
        **_random(text, "cond_stage_model.transformer.", generator),
    }


@pytest.fixture(scope="session")
def tiny_metadata():
    """Metadata of the tiny checkpoint."""
    return dict(METADATA)


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory, tiny_state_dict):
    """The tiny checkpoint as a file."""
    path = tmp_path_factory.mktemp("checkpoints") / "tiny.safetensors"
    save_file(tiny_state_dict, path, metadata=METADATA)
    return path
