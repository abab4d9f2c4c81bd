"""Latent nodes: arithmetic, batches, joining and cutting along an axis. Operations: comfy_extras/latent/."""

from __future__ import annotations

from typing import Any

import torch

from comfy.images.batches import repeat_to_batch_size
from comfy_api.latest import ComfyExtension, io
from comfy_extras import latent_ops
from comfy_extras.core.limits import MAX_RESOLUTION
from comfy_extras.latent.operations import (
    LatentApplyOperation,
    LatentApplyOperationCFG,
    LatentOperationSharpen,
    LatentOperationTonemapReinhard,
)

Latent = dict[str, Any]

_AXES = {"x": -1, "y": -2, "t": -3}


def _schema(node_id: str, category: str, *inputs: io.Input) -> io.Schema:
    return io.Schema(node_id=node_id, category=category, inputs=list(inputs), outputs=[io.Latent.Output()])


class LatentAdd(io.ComfyNode):
    """The sum of two latents."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        inputs = (io.Latent.Input("samples1"), io.Latent.Input("samples2"))
        return _schema("LatentAdd", "latent/advanced", *inputs)

    @classmethod
    def execute(cls, samples1: Latent, samples2: Latent) -> io.NodeOutput:
        first, second = latent_ops.matched(samples1["samples"], samples2["samples"])
        return io.NodeOutput({**samples1, "samples": first + second})


class LatentSubtract(io.ComfyNode):
    """The difference of two latents."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        inputs = (io.Latent.Input("samples1"), io.Latent.Input("samples2"))
        return _schema("LatentSubtract", "latent/advanced", *inputs)

    @classmethod
    def execute(cls, samples1: Latent, samples2: Latent) -> io.NodeOutput:
        first, second = latent_ops.matched(samples1["samples"], samples2["samples"])
        return io.NodeOutput({**samples1, "samples": first - second})


class LatentMultiply(io.ComfyNode):
    """A latent times a number."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        factor = io.Float.Input("multiplier", default=1.0, min=-10.0, max=10.0, step=0.01)
        return _schema("LatentMultiply", "latent/advanced", io.Latent.Input("samples"), factor)

    @classmethod
    def execute(cls, samples: Latent, multiplier: float) -> io.NodeOutput:
        return io.NodeOutput({**samples, "samples": samples["samples"] * multiplier})


class LatentInterpolate(io.ComfyNode):
    """A latent between two, by direction and length of each cell's vector."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return _schema(
            "LatentInterpolate",
            "latent/advanced",
            io.Latent.Input("samples1"),
            io.Latent.Input("samples2"),
            io.Float.Input("ratio", default=1.0, min=0.0, max=1.0, step=0.01),
        )

    @classmethod
    def execute(cls, samples1: Latent, samples2: Latent, ratio: float) -> io.NodeOutput:
        first, second = latent_ops.matched(samples1["samples"], samples2["samples"])
        return io.NodeOutput({**samples1, "samples": latent_ops.interpolated(first, second, ratio)})


class LatentConcat(io.ComfyNode):
    """Two latents side by side along one axis."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return _schema(
            "LatentConcat",
            "latent/advanced",
            io.Latent.Input("samples1"),
            io.Latent.Input("samples2"),
            io.Combo.Input("dim", options=["x", "-x", "y", "-y", "t", "-t"]),
        )

    @classmethod
    def execute(cls, samples1: Latent, samples2: Latent, dim: str) -> io.NodeOutput:
        first = samples1["samples"]
        pair = (first, repeat_to_batch_size(samples2["samples"], first.shape[0]))
        ordered = pair[::-1] if dim.startswith("-") else pair
        return io.NodeOutput({**samples1, "samples": torch.cat(ordered, dim=_AXES[dim[-1]])})


class LatentCut(io.ComfyNode):
    """A stretch of a latent along one axis; a negative index counts from the end."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return _schema(
            "LatentCut",
            "latent/advanced",
            io.Latent.Input("samples"),
            io.Combo.Input("dim", options=["x", "y", "t"]),
            io.Int.Input("index", default=0, min=-MAX_RESOLUTION, max=MAX_RESOLUTION, step=1),
            io.Int.Input("amount", default=1, min=1, max=MAX_RESOLUTION, step=1),
        )

    @classmethod
    def execute(cls, samples: Latent, dim: str, index: int, amount: int) -> io.NodeOutput:
        cut = latent_ops.cut(samples["samples"], _AXES[dim], index, amount)
        return io.NodeOutput({**samples, "samples": cut})


class LatentBatch(io.ComfyNode):
    """Two batches of latents as one; the second is resized to the first."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        inputs = (io.Latent.Input("samples1"), io.Latent.Input("samples2"))
        return _schema("LatentBatch", "latent/batch", *inputs)

    @classmethod
    def execute(cls, samples1: Latent, samples2: Latent) -> io.NodeOutput:
        return io.NodeOutput(latent_ops.joined_batch(samples1, samples2))


class LatentBatchSeedBehavior(io.ComfyNode):
    """Whether all items of a batch get the same noise (fixed) or each its own (random)."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return _schema(
            "LatentBatchSeedBehavior",
            "latent/advanced",
            io.Latent.Input("samples"),
            io.Combo.Input("seed_behavior", options=["random", "fixed"], default="fixed"),
        )

    @classmethod
    def execute(cls, samples: Latent, seed_behavior: str) -> io.NodeOutput:
        changed = dict(samples)
        indices = changed.pop("batch_index", None)
        if seed_behavior == "fixed":
            index = indices[0] if indices else 0
            changed["batch_index"] = [index] * samples["samples"].shape[0]
        return io.NodeOutput(changed)


class LatentNodes(ComfyExtension):
    """This file's nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [
            LatentAdd,
            LatentSubtract,
            LatentMultiply,
            LatentInterpolate,
            LatentConcat,
            LatentCut,
            LatentBatch,
            LatentBatchSeedBehavior,
            LatentApplyOperation,
            LatentApplyOperationCFG,
            LatentOperationTonemapReinhard,
            LatentOperationSharpen,
        ]


async def comfy_entrypoint() -> LatentNodes:
    return LatentNodes()
