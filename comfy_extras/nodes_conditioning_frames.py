"""Conditioning that changes from frame to frame: one entry per item of a batch that is a clip."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from comfy_api.latest import ComfyExtension, io

Conditioning = list[list[Any]]

MAX_FRAMES = 4096
"""As many as EmptyLatentImage makes in one batch."""


def same_length(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Both contexts (1,T,W) with as many tokens, by repeating each as a whole.

    Attention over a context and over copies of it give the same: the weights of the copies add up.
    """
    tokens = math.lcm(first.shape[1], second.shape[1])
    return first.repeat(1, tokens // first.shape[1], 1), second.repeat(1, tokens // second.shape[1], 1)


def blend_over_frames(first: Tensor, second: Tensor, num_frames: int) -> Tensor:
    """Tensors (1,...) of one shape mixed in even steps: (num_frames,...), the first is `first`, the last `second`."""
    shape = (-1,) + (1,) * (first.dim() - 1)
    weights = torch.linspace(0.0, 1.0, num_frames, dtype=first.dtype, device=first.device).view(shape)
    return torch.lerp(first[:1], second[:1].to(first), weights)


def conditioning_over_frames(
    conditioning_from: Conditioning, conditioning_to: Conditioning, num_frames: int
) -> Conditioning:
    """The first entries of both, blended: one entry whose context (num_frames,T,W) has a row per frame."""
    (first, values), (second, last_values) = conditioning_from[0], conditioning_to[0]
    blended = blend_over_frames(*same_length(first, second), num_frames)
    changed = dict(values)
    pooled, last_pooled = values.get("pooled_output"), last_values.get("pooled_output")
    if pooled is not None and last_pooled is not None:
        changed["pooled_output"] = blend_over_frames(pooled, last_pooled, num_frames)
    return [[blended, changed]]


class ConditioningOverFrames(io.ComfyNode):
    """Moves from one conditioning to another over the frames of a clip that is sampled as one batch."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ConditioningOverFrames",
            display_name="Conditioning over Frames",
            category="codec",
            description="Blends two conditionings frame by frame; sample a batch of as many latents with it.",
            inputs=[
                io.Conditioning.Input("conditioning_from", tooltip="What the first frame shows."),
                io.Conditioning.Input("conditioning_to", tooltip="What the last frame shows."),
                io.Int.Input(
                    "frames",
                    default=24,
                    min=1,
                    max=MAX_FRAMES,
                    tooltip="Frames of the clip, as in its batch.",
                ),
            ],
            outputs=[io.Conditioning.Output()],
        )

    @classmethod
    def execute(
        cls, conditioning_from: Conditioning, conditioning_to: Conditioning, frames: int
    ) -> io.NodeOutput:
        return io.NodeOutput(conditioning_over_frames(conditioning_from, conditioning_to, frames))


class ConditioningFramesExtension(ComfyExtension):
    """The node of this file."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [ConditioningOverFrames]


async def comfy_entrypoint() -> ConditioningFramesExtension:
    """What the loader calls."""
    return ConditioningFramesExtension()
