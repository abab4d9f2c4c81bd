"""Sampler output to the frames of a stream: batch axis off, time axis cut.

A latent batch is (B, C, H, W) for images and (B, C, T, H, W) for video. A stream carries one item, so B
must be 1, except where the caller means the batch itself to be the clip.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from codec_transport.errors import LatentInputError


def frame_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of one frame (C, H, W) of a sampler's latent (B, C, H, W) or (B, C, T, H, W)."""
    if len(shape) not in (4, 5):
        raise LatentInputError("latent rank", shape, "(B, C, H, W) or (B, C, T, H, W)")
    return (shape[1], *shape[-2:])


def cut_latent(latent: Any, *, batch_is_time: bool = False) -> Iterator[Any]:
    """Yields the frames (C, H, W) of a latent in time order, as views.

    Shape: (B, C, H, W) or (B, C, T, H, W), numpy or torch. B > 1 needs `batch_is_time`, which makes each
    item of the batch a frame (clips that were sampled as a batch of images).
    Raises: LatentInputError for another rank or a batch that is no clip.
    """
    frame_shape(tuple(latent.shape))
    if latent.shape[0] != 1 and not batch_is_time:
        raise LatentInputError("latent batch", latent.shape[0], "1 (a stream carries one picture or clip)")
    for item in latent:
        if len(item.shape) == 3:
            yield item
        else:
            for i in range(item.shape[1]):
                yield item[:, i]
