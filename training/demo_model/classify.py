"""Says what a picture shows by comparing it with every thing of the list, painted on the picture's own background.

No learning: the nearest reference (squared error at 32x32 pixels, over a few sizes and places) names the thing, the
nearest named colour to the median of the border names the background.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from training.demo_model.concepts import Vocabulary
from training.demo_model.scenes import Renderer, Scene

SIDE = 32
SIZES = (0.76, 0.80, 0.84, 0.88, 0.92)
SHIFTS = (-0.03, 0.0, 0.03)
BORDER_SHARE = 1 / 32


class NearestConcept:
    """The references, and the questions asked of a picture."""

    def __init__(self, vocabulary: Vocabulary, renderer: Renderer) -> None:
        self.palette = renderer.palette
        black, white = _extreme(vocabulary, dark=True), _extreme(vocabulary, dark=False)
        on_black, on_white = (
            self._paint(vocabulary, renderer, black),
            self._paint(vocabulary, renderer, white),
        )
        span = (renderer.palette[white] - renderer.palette[black])[:, None, None]
        # what a change of background colour changes, pixel by pixel: 1 - alpha
        self.bare = ((on_white - on_black) / span).mean(1, keepdim=True)
        self.ink = on_black - self.bare * renderer.palette[black][:, None, None]
        self.concept = torch.arange(len(vocabulary.concepts)).repeat_interleave(len(SIZES) * len(SHIFTS) ** 2)

    @staticmethod
    def _paint(vocabulary: Vocabulary, renderer: Renderer, background: int) -> Tensor:
        scenes = [
            Scene(concept, background, 0.5 + dx, 0.5 + dy, size, 0.0, 0, "")
            for concept in range(len(vocabulary.concepts))
            for size in SIZES
            for dx in SHIFTS
            for dy in SHIFTS
        ]
        pooled = [
            F.avg_pool2d(renderer(scenes[i : i + 64], 128, 128), 128 // SIDE)
            for i in range(0, len(scenes), 64)
        ]
        return (torch.cat(pooled) + 1) / 2

    def background_color(self, pictures: Tensor) -> Tensor:
        """Median colour of the border. Shape: (b,3,H,W) in -1..1 -> (b,3) in 0..1."""
        n = max(1, round(pictures.shape[-1] * BORDER_SHARE))
        rim = [pictures[..., :n, :], pictures[..., -n:, :]]
        sides = [pictures[..., :n], pictures[..., -n:]]
        return torch.cat([part.flatten(2) for part in rim + sides], dim=2).median(dim=2).values.add(1).div(2)

    def backgrounds(self, pictures: Tensor) -> Tensor:
        """Index of the nearest named colour. Shape: (b,3,H,W) -> (b,)."""
        return torch.cdist(self.background_color(pictures), self.palette).argmin(1)

    def concepts(self, pictures: Tensor) -> Tensor:
        """Index of the nearest thing. Shape: (b,3,H,W) in -1..1 -> (b,)."""
        colors = self.background_color(pictures)
        small = F.adaptive_avg_pool2d(pictures, SIDE).clamp(-1, 1).add(1).div(2)
        found = []
        for picture, color in zip(small, colors, strict=True):
            references = self.ink + self.bare * color[:, None, None]
            found.append(self.concept[(references - picture).pow(2).sum((1, 2, 3)).argmin()])
        return torch.stack(found)


def _extreme(vocabulary: Vocabulary, dark: bool) -> int:
    brightness = [sum(rgb) for rgb in vocabulary.background_rgb]
    return brightness.index(min(brightness) if dark else max(brightness))
