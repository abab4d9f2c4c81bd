"""Latent operations: functions of a latent that travel along links, applied at once or at every sampling step.

An operation is called as `operation(latent=tensor)`, (B,C,H,W) in and out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from comfy_api.latest import io

Latent = dict[str, Any]
Operation = Callable[..., Tensor]

CATEGORY = "latent/advanced/operations"
SHARPEN_GAIN = 10.0
"""What `alpha` is multiplied by. Source: measured: vectors cfg_nodes latent/LatentApplyOperation."""


def tonemapped(latent: Tensor, multiplier: float) -> Tensor:
    """The latent with the lengths of its channel vectors compressed towards a ceiling, directions kept.

    m -> m / (1 + m / top), where top is `multiplier` times (mean + 5 standard deviations) of the lengths.
    Source: Reinhard et al. 2002, "Photographic tone reproduction for digital images", eq. 3.
    """
    length = torch.linalg.vector_norm(latent, dim=1, keepdim=True) + 1e-10
    axes = tuple(range(1, latent.ndim))
    top = (length.std(dim=axes, keepdim=True) * 5 + length.mean(dim=axes, keepdim=True)) * multiplier
    scaled = length / top
    return latent / length * (scaled / (scaled + 1.0) * top)


def sharpened(latent: Tensor, radius: int, sigma: float, alpha: float) -> Tensor:
    """Unsharp mask on the directions of the channel vectors; their lengths are put back afterwards.

    The kernel is the identity plus `alpha` times (identity - Gaussian), on a window of 2 radius + 1 whose sides stand
    for -1..1 of the Gaussian's scale; its sum is 1. Borders are mirrored.
    """
    length = torch.linalg.vector_norm(latent, dim=1, keepdim=True) + 1e-6
    at = torch.linspace(-1, 1, 2 * radius + 1, device=latent.device)
    gaussian = torch.exp(-(at[:, None] ** 2 + at[None, :] ** 2) / (2 * sigma * sigma))
    kernel = -alpha * SHARPEN_GAIN * gaussian / gaussian.sum()
    kernel[radius, radius] += 1.0 - kernel.sum()
    channels = latent.shape[1]
    padded = F.pad(latent / length, (radius, radius, radius, radius), mode="reflect")
    weight = kernel.to(latent.dtype).expand(channels, 1, -1, -1)
    return F.conv2d(padded, weight, groups=channels) * length


class LatentApplyOperation(io.ComfyNode):
    """Applies an operation to a latent now."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LatentApplyOperation",
            category=CATEGORY,
            is_experimental=True,
            inputs=[io.Latent.Input("samples"), io.LatentOperation.Input("operation")],
            outputs=[io.Latent.Output()],
        )

    @classmethod
    def execute(cls, samples: Latent, operation: Operation) -> io.NodeOutput:
        return io.NodeOutput({**samples, "samples": operation(latent=samples["samples"])})


class LatentApplyOperationCFG(io.ComfyNode):
    """Applies an operation at every sampling step, to what the positive prompt adds to the negative one."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LatentApplyOperationCFG",
            category=CATEGORY,
            is_experimental=True,
            inputs=[io.Model.Input("model"), io.LatentOperation.Input("operation")],
            outputs=[io.Model.Output()],
        )

    @classmethod
    def execute(cls, model: Any, operation: Operation) -> io.NodeOutput:
        patched = model.clone()
        patched.set_model_sampler_pre_cfg_function(partial(_before_guidance, operation))
        return io.NodeOutput(patched)


class LatentOperationTonemapReinhard(io.ComfyNode):
    """Tone mapping of latents: calms what strong guidance overdrives."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LatentOperationTonemapReinhard",
            category=CATEGORY,
            is_experimental=True,
            inputs=[io.Float.Input("multiplier", default=1.0, min=0.0, max=100.0, step=0.01)],
            outputs=[io.LatentOperation.Output()],
        )

    @classmethod
    def execute(cls, multiplier: float) -> io.NodeOutput:
        return io.NodeOutput(_taking_extras(partial(tonemapped, multiplier=multiplier)))


class LatentOperationSharpen(io.ComfyNode):
    """Sharpening of latents."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LatentOperationSharpen",
            category=CATEGORY,
            is_experimental=True,
            inputs=[
                io.Int.Input("sharpen_radius", default=9, min=1, max=31, step=1),
                io.Float.Input("sigma", default=1.0, min=0.1, max=10.0, step=0.1),
                io.Float.Input("alpha", default=0.1, min=0.0, max=5.0, step=0.01),
            ],
            outputs=[io.LatentOperation.Output()],
        )

    @classmethod
    def execute(cls, sharpen_radius: int, sigma: float, alpha: float) -> io.NodeOutput:
        operation = partial(sharpened, radius=sharpen_radius, sigma=sigma, alpha=alpha)
        return io.NodeOutput(_taking_extras(operation))


def _taking_extras(operation: Operation) -> Operation:
    """Callers may pass more than the latent; what an operation does not know is ignored."""
    return lambda latent, **_: operation(latent)


def _before_guidance(operation: Operation, args: dict[str, Any]) -> list[Tensor]:
    conds: list[Tensor] = list(args["conds_out"])
    if len(conds) == 2:
        conds[0] = operation(latent=conds[0] - conds[1]) + conds[1]
    else:
        conds[0] = operation(latent=conds[0])
    return conds
