"""Compositing nodes: images together with their transparency."""

from __future__ import annotations

import torch
from torch import Tensor

from comfy.images.batches import repeat_to_batch_size
from comfy_api.latest import ComfyExtension, io
from comfy_extras.image_ops import resized
from comfy_extras.mask_ops import mask_as_batch

CATEGORY = "mask/compositing"


def split_alpha(image: Tensor) -> tuple[Tensor, Tensor]:
    """The colours (B,H,W,3) and the mask 1 - alpha (B,H,W); an image without alpha is opaque everywhere."""
    alpha = image[..., 3] if image.shape[-1] > 3 else torch.ones_like(image[..., 0])
    return image[..., :3], 1.0 - alpha


def joined_alpha(image: Tensor, mask: Tensor) -> Tensor:
    """RGBA images (B,H,W,4), alpha = 1 - mask; the mask is resized to the image, the shorter batch repeated."""
    planes = mask_as_batch(mask).unsqueeze(-1)
    if planes.shape[1:3] != image.shape[1:3]:
        planes = resized(planes, image.shape[2], image.shape[1], "bilinear")
    num = max(image.shape[0], planes.shape[0])
    colours = repeat_to_batch_size(image[..., :3], num)
    return torch.cat((colours, 1.0 - repeat_to_batch_size(planes, num)), dim=-1)


class SplitImageWithAlpha(io.ComfyNode):
    """An image's colours and its transparency as a mask."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SplitImageWithAlpha",
            display_name="Split Image with Alpha",
            category=CATEGORY,
            inputs=[io.Image.Input("image")],
            outputs=[io.Image.Output(), io.Mask.Output()],
            frame_wise=["image"],
        )

    @classmethod
    def execute(cls, image: Tensor) -> io.NodeOutput:
        return io.NodeOutput(*split_alpha(image))

    @classmethod
    def stream_shape(cls, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The same height and width."""
        return shape


class JoinImageWithAlpha(io.ComfyNode):
    """An image whose transparency is a mask."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="JoinImageWithAlpha",
            display_name="Join Image with Alpha",
            category=CATEGORY,
            inputs=[io.Image.Input("image"), io.Mask.Input("alpha")],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(cls, image: Tensor, alpha: Tensor) -> io.NodeOutput:
        return io.NodeOutput(joined_alpha(image, alpha))


class CompositingNodes(ComfyExtension):
    """This file's nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [JoinImageWithAlpha, SplitImageWithAlpha]


async def comfy_entrypoint() -> CompositingNodes:
    return CompositingNodes()
