"""An example pack: copy this folder into `custom_nodes/`."""

import torch

from comfy_api.latest import ComfyExtension, io, ui


def scale_exposure(image: torch.Tensor, gain: float) -> torch.Tensor:
    """Every channel times `gain`. Shape: (B,H,W,C) float32, stays in 0..1."""
    return (image * gain).clamp(0.0, 1.0)


def mean_of(images: list[torch.Tensor]) -> torch.Tensor:
    """The mean of batches of one size. Shape: (B,H,W,C)."""
    return torch.stack(images).mean(dim=0)


class AdjustGain(io.ComfyNode):
    """Multiplies every channel by one factor, and shows the result on the node."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ExampleAdjustGain",
            display_name="Adjust Gain",
            category="image/exposure",
            description="Multiplies every channel by one factor.",
            inputs=[
                io.Image.Input("image"),
                io.Float.Input(
                    "gain", default=1.0, min=0.0, max=8.0, step=0.01, tooltip="1 changes nothing."
                ),
            ],
            outputs=[io.Image.Output()],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, image: torch.Tensor, gain: float) -> io.NodeOutput:
        result = scale_exposure(image, gain)
        return io.NodeOutput(result, ui=ui.PreviewImage(result, cls=cls))


class MeanOfImages(io.ComfyNode):
    """The mean of up to eight images: a new socket appears when the last one is linked."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        socket = io.Autogrow.TemplatePrefix(io.Image.Input("image"), prefix="image", min=2, max=8)
        return io.Schema(
            node_id="ExampleMeanOfImages",
            display_name="Mean of Images",
            category="image/exposure",
            inputs=[io.Autogrow.Input("images", template=socket)],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(cls, images: dict[str, torch.Tensor]) -> io.NodeOutput:
        return io.NodeOutput(mean_of(list(images.values())))


class ExposureExtension(ComfyExtension):
    """What the server asks for the pack's nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [AdjustGain, MeanOfImages]


async def comfy_entrypoint() -> ExposureExtension:
    """Called once while the server starts."""
    return ExposureExtension()
