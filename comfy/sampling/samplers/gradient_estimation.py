"""Gradient estimation: Euler steps corrected by the change of the derivative. One network call per step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from comfy.sampling.samplers.base import (
    Denoiser,
    SamplerCallback,
    report,
    to_d,
    with_uncond,
)


@torch.no_grad()
def sample_gradient_estimation(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    ge_gamma: float = 2.0,
    cfg_pp: bool = False,
) -> Tensor:
    """Euler steps plus (gamma - 1) times the change of the derivative; with `cfg_pp` as in `cfg_pp`.

    Source: Permenter & Yuan 2023, arXiv 2306.04848, section 5.
    """
    extra_args = extra_args or {}
    ones = x.new_ones([x.shape[0]])
    kept: list[Tensor] = []
    if cfg_pp:
        extra_args, kept = with_uncond(extra_args)
    previous: Tensor | None = None
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * ones, **extra_args)
        report(callback, x, i, sigmas[i], denoised)
        if sigmas[i + 1] == 0:
            x = denoised
            continue
        d = to_d(x, sigmas[i], kept[0] if cfg_pp else denoised)
        dt = sigmas[i + 1] - sigmas[i]
        x = denoised + d * sigmas[i + 1] if cfg_pp else x + d * dt
        if previous is not None:
            x = x + (ge_gamma - 1) * (d - previous) * dt
        previous = d
    return x


def sample_gradient_estimation_cfg_pp(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    ge_gamma: float = 2.0,
) -> Tensor:
    """`sample_gradient_estimation` with CFG++."""
    return sample_gradient_estimation(model, x, sigmas, extra_args, callback, disable, ge_gamma, cfg_pp=True)
