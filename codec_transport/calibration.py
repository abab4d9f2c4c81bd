"""Static scales from real latents: a high percentile of per-picture channel maxima, times a small margin.

The largest value ever seen would do too, but one odd picture would then cost every other one resolution.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from codec_transport.errors import LocalProtocolError, NonFiniteLatentError
from codec_transport.pipelines.encoder import scales_block

DEFAULT_PERCENTILE = 99.0
DEFAULT_MARGIN = 1.05


@dataclass(frozen=True, slots=True)
class Calibration:
    """A measured block and what it does to the latents it was measured on.

    block: 2*C bytes. scales: the same numbers. num_latents, num_values: measured on. clamp_rate: share of
    values beyond their channel's scale. largest: per channel, over all latents.
    """

    block: bytes
    scales: npt.NDArray[np.float32]
    num_latents: int
    num_values: int
    clamp_rate: float
    largest: npt.NDArray[np.float32]


def calibrate(
    latents: Iterable[Any], *, percentile: float = DEFAULT_PERCENTILE, margin: float = DEFAULT_MARGIN
) -> Calibration:
    """The block for latents (C, ...) in model space, numpy or torch; all are held in memory as fp16.

    Raises: LocalProtocolError for no latents, channels that differ, a percentile outside 0..100 or a margin
    that is not positive; NonFiniteLatentError.
    """
    if not 0 <= percentile <= 100 or not 0 < margin < 100:
        raise LocalProtocolError(f"percentile {percentile} and margin {margin}, expected 0..100 and above 0")
    channels = [np.asarray(latent, np.float16).reshape(latent.shape[0], -1) for latent in latents]
    if not channels or len({len(latent) for latent in channels}) != 1:
        raise LocalProtocolError("no latents, or latents of different channels; expected some of one space")
    maxima = np.stack([np.abs(latent).max(axis=1) for latent in channels]).astype(np.float32)
    if not np.isfinite(maxima).all():
        raise NonFiniteLatentError(tuple(np.flatnonzero(~np.isfinite(maxima).all(axis=0)).tolist()))
    block = scales_block(np.percentile(maxima, percentile, axis=0) * margin)
    scales = np.frombuffer(block, "<f2").astype(np.float32)
    beyond = sum(int((np.abs(latent) > scales[:, None]).sum()) for latent in channels)
    num_values = sum(latent.size for latent in channels)
    return Calibration(block, scales, len(channels), num_values, beyond / num_values, maxima.max(axis=0))


def clamp_rate(latents: Iterable[Any], block: bytes) -> float:
    """Share of the values of other latents that a block clamps."""
    scales = np.frombuffer(block, "<f2").astype(np.float32)[:, None]
    beyond = total = 0
    for latent in latents:
        values = np.asarray(latent, np.float16).reshape(len(scales), -1)
        beyond += int((np.abs(values) > scales).sum())
        total += values.size
    return beyond / total if total else 0.0
