"""Rebatching nodes: lists of batches regrouped to one batch size, so that the next node runs once per group."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from comfy_api.latest import ComfyExtension, io
from comfy_extras.core.limits import MAX_BATCH
from comfy_extras.latent_ops import batch_slice, joined_batch

Latent = dict[str, Any]


def regrouped_images(batches: list[Tensor], batch_size: int) -> list[Tensor]:
    """The images of all batches in order, in groups of one size (H,W,C) with at most `batch_size` items."""
    groups: list[list[Tensor]] = []
    for image in (image for batch in batches for image in batch.split(1)):
        if not groups or len(groups[-1]) == batch_size or groups[-1][0].shape != image.shape:
            groups.append([])
        groups[-1].append(image)
    return [torch.cat(group) for group in groups]


def regrouped_latents(batches: list[Latent], batch_size: int) -> list[Latent]:
    """The latents of all batches in order, with their masks and noise numbers, in groups of one size."""
    items = [batch_slice(batch, i, 1) for batch in batches for i in range(batch["samples"].shape[0])]
    groups: list[Latent] = []
    for item in items:
        if groups and _fits(groups[-1], item, batch_size):
            groups[-1] = _appended(groups[-1], item)
        else:
            groups.append(item)
    return groups


def _fits(group: Latent, item: Latent, batch_size: int) -> bool:
    masks = [
        None if part.get("noise_mask") is None else part["noise_mask"].shape[1:] for part in (group, item)
    ]
    same_shape = group["samples"].shape[1:] == item["samples"].shape[1:]
    return same_shape and masks[0] == masks[1] and group["samples"].shape[0] < batch_size


def _appended(group: Latent, item: Latent) -> Latent:
    joined = joined_batch(group, item)
    if group.get("noise_mask") is not None:
        joined["noise_mask"] = torch.cat((group["noise_mask"], item["noise_mask"]))
    return joined


class RebatchLatents(io.ComfyNode):
    """Latents regrouped to a batch size."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RebatchLatents",
            display_name="Rebatch Latents",
            category="latent/batch",
            is_input_list=True,
            inputs=[
                io.Latent.Input("latents"),
                io.Int.Input("batch_size", default=1, min=1, max=MAX_BATCH),
            ],
            outputs=[io.Latent.Output(is_output_list=True)],
        )

    @classmethod
    def execute(cls, latents: list[Latent], batch_size: list[int]) -> io.NodeOutput:
        return io.NodeOutput(regrouped_latents(latents, batch_size[0]))


class RebatchImages(io.ComfyNode):
    """Images regrouped to a batch size."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RebatchImages",
            display_name="Rebatch Images",
            category="image/batch",
            is_input_list=True,
            inputs=[io.Image.Input("images"), io.Int.Input("batch_size", default=1, min=1, max=MAX_BATCH)],
            outputs=[io.Image.Output(is_output_list=True)],
        )

    @classmethod
    def execute(cls, images: list[Tensor], batch_size: list[int]) -> io.NodeOutput:
        return io.NodeOutput(regrouped_images(images, batch_size[0]))


class RebatchNodes(ComfyExtension):
    """This file's nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [RebatchLatents, RebatchImages]


async def comfy_entrypoint() -> RebatchNodes:
    return RebatchNodes()
