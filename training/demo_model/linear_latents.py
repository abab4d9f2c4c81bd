"""A closed-form latent space: the four main components of 8x8 patches, whitened, turned to fit SD1's preview matrix.

It is the space the autoencoder is trained towards, so that the UNet can train from the first minute on latents that
cost one small matrix product. Source: Hotelling 1933 (principal components); the fit of the turn is ours.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.demo_model.design import LATENT_CHANNELS, VAE_FACTOR

#: SD1's usual latent -> RGB matrix for previews (public numbers): rows are channels, columns red, green, blue.
PREVIEW_MATRIX = torch.tensor(
    [[0.298, 0.207, 0.208], [0.187, 0.286, 0.173], [-0.158, 0.189, 0.264], [-0.184, -0.271, -0.473]]
)
FILE_NAME = "linear.safetensors"
#: Training that goes on from shipped weights needs exactly their space; a new fit may turn out mirrored.
SHIPPED_SPACE = Path(__file__).with_name(FILE_NAME)
_ORDERS = ((0, 1, 2, 3), (1, 0, 3, 2), (2, 3, 0, 1), (3, 2, 1, 0))
_SIGNS = ((1, 1, 1, 1), (-1, 1, 1, 1), (1, -1, 1, 1), (1, 1, -1, 1), (1, 1, 1, -1), (-1, -1, 1, 1))


def preview_turn(white: Tensor, rgb: Tensor) -> tuple[Tensor, float]:
    """The rotation R for which `white @ R @ PREVIEW_MATRIX` is nearest to the colours, and the share explained.

    Shape: white (n,4) of unit covariance, rgb (n,3) -> (4,4).
    """
    centred = rgb - rgb.mean(0)
    best, best_error = torch.eye(LATENT_CHANNELS), float("inf")
    for order in _ORDERS:
        for signs in _SIGNS:
            start = (
                torch.eye(LATENT_CHANNELS)[list(order)] * torch.tensor(signs, dtype=torch.float32)[:, None]
            )
            free = torch.zeros(LATENT_CHANNELS, LATENT_CHANNELS, requires_grad=True)
            optimizer = torch.optim.Adam([free], 0.05)
            for _ in range(100):
                turn = start @ torch.linalg.matrix_exp(free - free.T)
                error = (white @ turn @ PREVIEW_MATRIX - centred).pow(2).mean()
                optimizer.zero_grad()
                error.backward()
                optimizer.step()
            if error.item() < best_error:
                best, best_error = turn.detach(), error.item()
    return best, 1 - best_error / centred.pow(2).mean().item()


@dataclass(frozen=True)
class LinearLatents:
    """Patches to unit-std latents and back. `down` (192,4), `up` (4,192), `mean` (192,)."""

    mean: Tensor
    down: Tensor
    up: Tensor

    def encode(self, pictures: Tensor) -> Tensor:
        """Shape: (b,3,H,W) in -1..1 -> (b,4,H/8,W/8) at unit std."""
        kernel = self.down.T.reshape(LATENT_CHANNELS, 3, VAE_FACTOR, VAE_FACTOR)
        return F.conv2d(pictures, kernel, -(self.mean @ self.down), stride=VAE_FACTOR)

    def decode(self, latents: Tensor) -> Tensor:
        """Shape: (b,4,h,w) -> (b,3,8h,8w)."""
        patches = torch.einsum("bchw,cp->bphw", latents, self.up) + self.mean[:, None, None]
        return F.pixel_shuffle(patches, VAE_FACTOR)

    def save(self, path: Path) -> None:
        """Writes the three tensors."""
        save_file({"mean": self.mean, "down": self.down.contiguous(), "up": self.up.contiguous()}, str(path))


def load_linear(state: Path) -> LinearLatents:
    """The space that `fit_latents` left in the state folder, else the shipped model's own."""
    fitted = state / FILE_NAME
    return LinearLatents(**load_file(str(fitted if fitted.exists() else SHIPPED_SPACE)))


def fit(batches: Sequence[Tensor], rng: random.Random) -> tuple[LinearLatents, dict[str, float]]:
    """The latent space of these pictures, and how good it is. Shape: each (b,3,H,W) in -1..1."""
    patches = torch.cat([F.pixel_unshuffle(x, VAE_FACTOR).permute(0, 2, 3, 1).flatten(0, 2) for x in batches])
    colors = torch.cat([F.avg_pool2d(x, VAE_FACTOR).permute(0, 2, 3, 1).flatten(0, 2) for x in batches])
    mean = patches.mean(0)
    variances, vectors = torch.linalg.eigh(torch.cov((patches - mean).T))
    total = variances.sum()
    variances, vectors = variances[-LATENT_CHANNELS:].flip(0), vectors[:, -LATENT_CHANNELS:].flip(1)
    whiten = vectors / variances.sqrt()
    white = (patches - mean) @ whiten
    some = torch.tensor(rng.sample(range(len(white)), min(6000, len(white))))
    turn, explained = preview_turn(white[some], colors[some])
    space = LinearLatents(mean, whiten @ turn, (vectors * variances.sqrt() @ turn).T)
    error = (white @ (vectors * variances.sqrt()).T + mean - patches).pow(2).mean()
    quality = {
        "variance_kept": (variances.sum() / total).item(),
        "linear_psnr_db": (-10 * torch.log10(error / 4)).item(),
        "preview_r2": explained,
    }
    return space, quality
