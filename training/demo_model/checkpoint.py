"""Reading and writing the shipped file: SD1's keys, fp16 weights, fp8 (e4m3) token table, settings as metadata."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from training.demo_model.design import DESIGN, VOCABULARY_SIZE
from training.demo_model.nets.text import TextEncoder
from training.demo_model.nets.unet import Unet
from training.demo_model.nets.vae import Vae

UNET_PREFIX = "model.diffusion_model."
VAE_PREFIX = "first_stage_model."
TEXT_PREFIX = "cond_stage_model.transformer.text_model."
TOKEN_TABLE = "embeddings.token_embedding.weight"

LATENT_SPACE = "codec-comfyui/demo-sd1"
GUIDANCE_SCALE = "3"
TITLE = "codec demo (a toy SD1)"
LICENSE = (
    "Apache-2.0; trained on pictures of Noto Color Emoji, (c) Google; names from Unicode CLDR and emoji-test.txt, "
    "(c) Unicode, Inc. See NOTICE."
)


@dataclass
class Parts:
    """The three nets; `used_tokens[i]` is the token id of table row i + 1 (row 0 is the zero row)."""

    unet: Unet
    vae: Vae
    text: TextEncoder
    used_tokens: tuple[int, ...]


def build_parts(used_tokens: Sequence[int]) -> Parts:
    """Freshly started nets of the one design, for these tokens."""
    text = TextEncoder(DESIGN.text, num_rows=len(used_tokens) + 1)
    with torch.no_grad():
        text.embeddings.token_embedding.weight[0].zero_()
    return Parts(Unet(DESIGN.unet, DESIGN.text.width), Vae(DESIGN.vae), text, tuple(used_tokens))


def to_file_tensors(parts: Parts) -> dict[str, Tensor]:
    """All tensors under their on-disk names and dtypes; rows of unused tokens are zero."""
    text = parts.text.state_dict()
    rows = text.pop(TOKEN_TABLE)
    table = torch.zeros(VOCABULARY_SIZE, rows.shape[1])
    table[torch.tensor(parts.used_tokens)] = rows[1:].float()
    tensors = {UNET_PREFIX + k: v for k, v in parts.unet.state_dict().items()}
    tensors |= {VAE_PREFIX + k: v for k, v in parts.vae.state_dict().items()}
    tensors |= {TEXT_PREFIX + k: v for k, v in text.items()}
    stored = {k: v.detach().half().contiguous() for k, v in tensors.items()}
    stored[TEXT_PREFIX + TOKEN_TABLE] = table.to(torch.float8_e4m3fn)
    return stored


def save_checkpoint(
    parts: Parts, path: Path, native_size: int, extra: Mapping[str, str] | None = None
) -> int:
    """Writes the file and gives its size in bytes."""
    metadata = {
        "format": "pt",
        "modelspec.architecture": "stable-diffusion-v1",
        "modelspec.title": TITLE,
        "modelspec.license": LICENSE,
        "modelspec.resolution": f"{native_size}x{native_size}",
        "codec.native_size": str(native_size),
        "codec.latent_space": LATENT_SPACE,
        "codec.guidance_scale": GUIDANCE_SCALE,
        **DESIGN.metadata(),
        **(extra or {}),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file(to_file_tensors(parts), str(partial), metadata)
    partial.replace(path)
    return path.stat().st_size


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v.float() for k, v in tensors.items() if k.startswith(prefix)}


def load_checkpoint(path: Path, used_tokens: Sequence[int] | None = None) -> Parts:
    """Reads a file that `save_checkpoint` wrote. Without `used_tokens`: the tokens whose rows are not zero.

    Rows asked for that the file has as zeros keep their fresh start.
    """
    with safe_open(str(path), framework="pt") as file:
        tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118 - not a dict
    table = tensors.pop(TEXT_PREFIX + TOKEN_TABLE).float()
    if used_tokens is None:
        used_tokens = torch.nonzero(table.abs().amax(dim=1))[:, 0].tolist()
    parts = build_parts(used_tokens)
    parts.unet.load_state_dict(_under(tensors, UNET_PREFIX))
    parts.vae.load_state_dict(_under(tensors, VAE_PREFIX))
    text = _under(tensors, TEXT_PREFIX)
    rows = table[torch.tensor(used_tokens)]
    fresh = parts.text.embeddings.token_embedding.weight.detach().clone()
    fresh[1:] = torch.where(rows.abs().amax(dim=1, keepdim=True) > 0, rows, fresh[1:])
    parts.text.load_state_dict(text | {TOKEN_TABLE: fresh})
    return parts
