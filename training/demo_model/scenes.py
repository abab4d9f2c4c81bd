"""Captioned scenes: what is in the picture (drawn from a seeded generator) and the renderer that paints it.

A scene holds one thing. A caption either names the background or leaves it out, and then it is white: a caption
therefore always decides the background, which is what makes it learnable.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.demo_model.concepts import Vocabulary
from training.demo_model.emoji import BITMAP_SIDE, Bitmap

LEADS = (
    "{a}",
    "a {n}",
    "a picture of a {n}",
    "emoji of a {n}",
    "a photo of a {n}",
    "a drawing of a {n}",
    "cute {a}",
)
LEAD_WEIGHTS = (50, 20, 8, 6, 8, 4, 4)
TAILS = (" on a {b} background", ", {b} background", " on {b}")
TAIL_WEIGHTS = (60, 30, 10)
PLACES = (
    (" on the left", 0.27, 0.5),
    (" on the right", 0.73, 0.5),
    (" at the top", 0.5, 0.27),
    (" at the bottom", 0.5, 0.73),
)
ALIAS_SHARE = 0.2
SMALL_SHARE = 0.08
UNNAMED_BACKGROUND_SHARE = 1 / 3
WHITE = 0


@dataclass(frozen=True)
class Scene:
    """One picture: indices into the vocabulary, centre and size as fractions of the shorter side, angle in rad."""

    concept: int
    background: int
    center_x: float
    center_y: float
    size: float
    angle: float
    place: int
    caption: str


def with_article(text: str) -> str:
    """`a` becomes `an` before the vowels a, e, i and o (not u: a unicorn)."""
    return (
        text.replace(" a a", " an a")
        .replace(" a e", " an e")
        .replace(" a i", " an i")
        .replace(" a o", " an o")
    )


def draw_scene(vocabulary: Vocabulary, rng: random.Random, concept: int | None = None) -> Scene:
    """One random scene; the same generator state gives the same scene on every machine."""
    index = rng.randrange(len(vocabulary.concepts)) if concept is None else concept
    thing = vocabulary.concepts[index]
    name = thing.name
    if thing.aliases and rng.random() < ALIAS_SHARE:
        name = rng.choice(thing.aliases)
    size, x, y, place, where = rng.uniform(0.76, 0.92), 0.5, 0.5, 0, ""
    if rng.random() < SMALL_SHARE:
        name, size, place = "small " + name, rng.uniform(0.40, 0.50), 1
        if rng.random() < 0.6:
            k = rng.randrange(len(PLACES))
            (where, x, y), place = PLACES[k], 2 + k
    x, y = x + rng.uniform(-0.03, 0.03), y + rng.uniform(-0.03, 0.03)
    angle = rng.uniform(-0.1, 0.1) if rng.random() < 0.5 else 0.0
    caption = rng.choices(LEADS, LEAD_WEIGHTS)[0].format(a=name, n=name) + where
    background = WHITE
    if rng.random() >= UNNAMED_BACKGROUND_SHARE:
        background = rng.randrange(len(vocabulary.background_names))
        caption += rng.choices(TAILS, TAIL_WEIGHTS)[0].format(b=vocabulary.background_names[background])
    return Scene(index, background, x, y, size, angle, place, with_article(" " + caption).strip())


class Renderer:
    """Paints scenes; bitmaps are premultiplied and kept at three sizes, against aliasing of small things."""

    def __init__(self, vocabulary: Vocabulary, bitmaps: Sequence[Bitmap], device: str = "cpu") -> None:
        rgba = torch.from_numpy(np.stack(bitmaps)).permute(0, 3, 1, 2).float().div(255)
        rgba[:, :3] *= rgba[:, 3:]
        self.textures = [rgba.to(device)]
        for _ in range(2):
            self.textures.append(F.avg_pool2d(self.textures[-1], 2))
        self.palette = torch.tensor(vocabulary.background_rgb, device=device) / 255

    def _layer(self, scenes: Sequence[Scene], level: int, height: int, width: int) -> Tensor:
        side, rows = min(height, width), []
        for s in scenes:
            cos, sin = math.cos(s.angle), math.sin(s.angle)
            sx, sy, u, v = (
                width / side / s.size,
                height / side / s.size,
                2 * s.center_x - 1,
                2 * s.center_y - 1,
            )
            rows.append(
                [
                    [cos * sx, sin * sy, -u * cos * sx - v * sin * sy],
                    [-sin * sx, cos * sy, u * sin * sx - v * cos * sy],
                ]
            )
        texture = self.textures[level][[s.concept for s in scenes]]
        maps = torch.tensor(rows, dtype=torch.float32, device=texture.device)
        grid = F.affine_grid(maps, [len(scenes), 4, height, width], align_corners=False)
        return F.grid_sample(texture, grid, mode="bilinear", padding_mode="zeros", align_corners=False)

    def __call__(self, scenes: Sequence[Scene], height: int, width: int) -> Tensor:
        """Shape: (b,3,height,width), float32, -1..1."""
        backgrounds = self.palette[[s.background for s in scenes]][:, :, None, None]
        out = backgrounds.expand(-1, -1, height, width).clone()
        shrink = [BITMAP_SIDE / (s.size * min(height, width)) for s in scenes]
        for level in range(len(self.textures)):
            chosen = [i for i, r in enumerate(shrink) if min(2, int(r >= 1.6) + int(r >= 3.2)) == level]
            if chosen:
                layer = self._layer([scenes[i] for i in chosen], level, height, width)
                out[chosen] = out[chosen] * (1 - layer[:, 3:]) + layer[:, :3]
        return out * 2 - 1
