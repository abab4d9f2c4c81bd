"""Upscaling by a model: anything with a `scale` that is called on (B,C,H,W) and gives (B,C,H*scale,W*scale)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from comfy.images.tiling import tiled_scale
from comfy.memory import devices
from comfy_api.latest import ComfyExtension, io

TILE, OVERLAP = 512, 32
"""Pixels. Pictures up to one tile go through in one piece."""


IMAGES_OR_STREAM = io.Custom("IMAGE,IMAGE_STREAM")
"""What comes out is of the kind that went in."""


class ImageUpscaleWithModel(io.ComfyNode):
    """Images through an upscaling model; a stream gives a stream."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImageUpscaleWithModel",
            display_name="Upscale Image (using Model)",
            category="image/upscaling",
            inputs=[
                io.UpscaleModel.Input("upscale_model"),
                io.MultiType.Input("image", [io.Image, io.ImageStream]),
            ],
            outputs=[IMAGES_OR_STREAM.Output(display_name="IMAGE")],
            frame_wise=["image"],
        )

    @classmethod
    def execute(cls, upscale_model: Any, image: Tensor) -> io.NodeOutput:
        return io.NodeOutput(cls.upscale_batch(upscale_model, image))

    @classmethod
    def stream_shape(cls, shape: tuple[int, ...], upscale_model: Any = None) -> tuple[int, ...] | None:
        """As many times larger as the model says."""
        scale = getattr(upscale_model, "scale", None)
        return None if scale is None else (*(round(side * scale) for side in shape[:2]), *shape[2:])

    @classmethod
    def upscale_batch(cls, upscale_model: Any, image: Tensor) -> Tensor:
        """Every image by itself, so that bits do not depend on the batch. Shape: (B,H,W,3) to (B,H*s,W*s,3)."""
        device = devices.get_torch_device()
        if hasattr(upscale_model, "to"):
            upscale_model.to(device)
        with torch.no_grad():
            pictures = [
                _upscaled(upscale_model, one.to(device)) for one in image[..., :3].movedim(-1, 1).split(1)
            ]
        return torch.cat(pictures).movedim(1, -1).clamp(0.0, 1.0)


def _upscaled(model: Any, picture: Tensor) -> Tensor:
    """(1,3,H,W) to (1,3,H*s,W*s) on the CPU, in tiles where it is larger than one."""
    if max(picture.shape[2:]) <= TILE:
        return model(picture).float().cpu()
    return tiled_scale(
        picture, model, tile_x=TILE, tile_y=TILE, overlap=OVERLAP, upscale_amount=float(model.scale)
    )


class UpscaleModelExtension(ComfyExtension):
    """This file's nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [ImageUpscaleWithModel]


async def comfy_entrypoint() -> UpscaleModelExtension:
    """What the loader calls."""
    return UpscaleModelExtension()
