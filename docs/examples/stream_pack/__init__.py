"""A pack with a stream source, an interposer, a sink, and a frame-wise node. docs/streaming.md walks through it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from typing_extensions import override

import folder_paths
from comfy_api.latest import ComfyExtension, io
from comfy_api.streams import ImageStreamInput, image_stream

# --- a source: frames that nobody has to hold -----------------------------------------------------------------------


class Sweep(ImageStreamInput):
    """A bright bar that crosses the picture once."""

    def __init__(self, frames: int, width: int, height: int) -> None:
        super().__init__()
        self.frame_count, self.frame_rate = frames, Fraction(24)
        self.frames, self.width, self.height = frames, width, height

    def get_dimensions(self) -> tuple[int, int]:
        return self.width, self.height

    def do_reset(self) -> None:
        self.at = 0

    def do_pull(self, max_frames: int) -> torch.Tensor:
        count = min(max_frames, self.frames - self.at)
        chunk = torch.zeros(count, self.height, self.width, 3)
        for i in range(count):
            chunk[i, :, (self.at + i) * self.width // self.frames] = 1.0
        self.at += count
        return chunk


class SweepStream(io.ComfyNode):
    """The source node: it only makes the stream object."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SweepStream",
            category="examples/streams",
            inputs=[
                io.Int.Input("frames", default=48, min=1),
                io.Int.Input("size", default=64, min=8, max=4096),
            ],
            outputs=[io.ImageStream.Output()],
        )

    @classmethod
    def execute(cls, frames: int, size: int) -> io.NodeOutput:
        return io.NodeOutput(Sweep(frames, size, size))


# --- an interposer: a generator is enough ---------------------------------------------------------------------------


def trails(stream: ImageStreamInput, decay: float) -> Iterator[torch.Tensor]:
    """Each frame with what is left of the frames before it."""
    left: torch.Tensor | None = None
    for chunk in stream.chunks():
        out = chunk.clone()  # the chunk belongs to its producer: copy before changing
        for frame in out:
            if left is not None:
                torch.maximum(frame, left * decay, out=frame)
            left = frame.clone()
        yield out


class TrailsStream(io.ComfyNode):
    """The interposer node: a stream in, a stream out, nothing pulled here."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="TrailsStream",
            category="examples/streams",
            inputs=[io.ImageStream.Input("stream"), io.Float.Input("decay", default=0.8, min=0.0, max=1.0)],
            outputs=[io.ImageStream.Output()],
        )

    @classmethod
    def execute(cls, stream: ImageStreamInput, decay: float) -> io.NodeOutput:
        made = image_stream(lambda: trails(stream, decay), sources=[stream], frame_count=stream.frame_count)
        return io.NodeOutput(made)


# --- a sink: a generator that is stepped ----------------------------------------------------------------------------


class SaveBrightness(io.ComfyNode):
    """The sink node: one line of text per frame, in a file that appears whole or not at all."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SaveBrightness",
            category="examples/streams",
            is_output_node=True,
            inputs=[io.ImageStream.Input("stream"), io.String.Input("name", default="brightness")],
            outputs=[io.Int.Output(display_name="frames")],
        )

    @classmethod
    def execute(cls, stream: ImageStreamInput, name: str) -> Any:
        folder = folder_paths.get_output_directory()
        count = 0
        with (
            folder_paths.atomic_output(folder, lambda i: f"{name}_{i:05}.txt") as file,
            Path(file.temporary).open("w", encoding="utf-8") as lines,
        ):
            for chunk in stream.chunks():
                lines.writelines(f"{frame.mean():.6f}\n" for frame in chunk)
                count += len(chunk)
                yield len(chunk)
        return io.NodeOutput(count, ui={"text": [f"{count} frames"]})


# --- an ordinary node that streams by itself ------------------------------------------------------------------------


class FlipColors(io.ComfyNode):
    """A frame-wise node: it knows nothing of streams and says only that frames do not depend on each other."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FlipColors",
            category="examples/streams",
            frame_wise=["image"],
            inputs=[io.Image.Input("image")],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(cls, image: torch.Tensor) -> io.NodeOutput:
        return io.NodeOutput(image.flip(-1))


class StreamExamples(ComfyExtension):
    """What the pack offers."""

    @override
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [SweepStream, TrailsStream, SaveBrightness, FlipColors]


async def comfy_entrypoint() -> StreamExamples:
    """Called when the pack is loaded."""
    return StreamExamples()
