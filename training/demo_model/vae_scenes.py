"""Pictures for the autoencoder: mostly the model's own scenes, the rest busier, so that any picture may be encoded."""

import random

import torch
import torch.nn.functional as F
from torch import Tensor

from training.demo_model.concepts import Vocabulary
from training.demo_model.scenes import Renderer, Scene, draw_scene

#: Share of pictures with other emoji, turned anyhow, on free backgrounds.
FREE_SHARE = 0.2


def draw_own(vocabulary: Vocabulary, renderer: Renderer, num: int, side: int, rng: random.Random) -> Tensor:
    """Scenes as the UNet sees them. Shape: (num,3,side,side), -1..1."""
    return renderer([draw_scene(vocabulary, rng) for _ in range(num)], side, side)


def draw_free(renderer: Renderer, num: int, side: int, rng: random.Random) -> Tensor:
    """Any emoji, any size, place and angle, on colour fields with a little noise. Shape: (num,3,side,side), -1..1."""
    num_emoji, num_backgrounds = len(renderer.textures[0]), len(renderer.palette)
    scenes = [
        Scene(
            concept=rng.randrange(num_emoji),
            background=rng.randrange(num_backgrounds),
            center_x=rng.uniform(0.2, 0.8),
            center_y=rng.uniform(0.2, 0.8),
            size=rng.uniform(0.3, 1.2),
            angle=rng.uniform(-3.14, 3.14),
            place=0,
            caption="",
        )
        for _ in range(num)
    ]
    pictures = renderer(scenes, side, side)
    generator = torch.Generator().manual_seed(rng.getrandbits(32))
    grid = rng.choice((2, 3, 5))
    fields = torch.rand(num, 3, grid, grid, generator=generator) * 2 - 1
    smooth = F.interpolate(fields, (side, side), mode="bicubic").clamp(-1, 1)
    smooth = smooth + torch.randn(smooth.shape, generator=generator) * 0.2 * rng.random() ** 3
    flat = renderer.palette[[s.background for s in scenes]][:, :, None, None] * 2 - 1
    is_background = (pictures - flat).abs().amax(1, keepdim=True) < 0.02
    return torch.where(is_background, smooth.clamp(-1, 1), pictures)
