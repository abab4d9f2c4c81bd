"""Image streams: batches to streams and back, previews, cuts, rates, picture files, decoding."""

from __future__ import annotations

import os
from collections.abc import Generator
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

import folder_paths
from comfy_api.latest import ComfyExtension, io, ui
from comfy_api.media import saving
from comfy_api.stream_readers import TensorImageStream as TensorImageStream
from comfy_api.streams import ImageStreamInput
from comfy_extras.errors import InputFileError, NodeInputError
from comfy_extras.video.interposers import PreviewingImageStream as PreviewingImageStream
from comfy_extras.video.interposers import rated_stream, stream_rate, trimmed_stream
from comfy_extras.video.sinks import animation_steps, counted_steps, picture_steps
from comfy_extras.video.sources import VAEDecodedImageStream as VAEDecodedImageStream
from comfy_extras.video.sources import natural_order, picture_stream
from comfy_extras.video.tracking import FrameProgressTracker as FrameProgressTracker
from comfy_extras.video.tracking import drain_image_stream as drain_image_stream
from comfy_extras.video_ops import prefix_verdict

CATEGORY = "image/stream"
MAX_CHUNK = 4096
MAX_FRAMES = 10_000_000
"""Four days at 30 frames a second; only a bound for the widgets."""


class ImageBatchToStream(io.ComfyNode):
    """The images of a batch, one after another."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImageBatchToStream",
            display_name="Image Batch To Stream",
            category=CATEGORY,
            search_aliases=["image to stream", "batch to stream", "frames to stream"],
            inputs=[io.Image.Input("image")],
            outputs=[io.ImageStream.Output(display_name="stream")],
        )

    @classmethod
    def execute(cls, image: Tensor) -> io.NodeOutput:
        return io.NodeOutput(TensorImageStream(image))


class ImageStreamToBatch(io.ComfyNode):
    """All frames of a stream as one batch; they must fit into memory."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImageStreamToBatch",
            display_name="Image Stream To Batch",
            category=CATEGORY,
            search_aliases=["stream to image", "stream to batch", "collect stream"],
            inputs=[
                io.ImageStream.Input("stream"),
                io.Int.Input("batch_size", default=MAX_CHUNK, min=1, max=MAX_CHUNK),
            ],
            outputs=[io.Image.Output(display_name="image")],
        )

    @classmethod
    def execute(cls, stream: ImageStreamInput, batch_size: int) -> Generator[int, Any, io.NodeOutput]:
        parts = []
        for chunk in stream.chunks(batch_size):
            parts.append(chunk)
            yield len(chunk)
        return io.NodeOutput(torch.cat(parts) if parts else stream.empty_chunk())


class PreviewImageStream(io.ComfyNode):
    """Shows frames while they go by."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="PreviewImageStream",
            display_name="Preview Image Stream",
            category=CATEGORY,
            search_aliases=["stream preview", "preview frames", "preview image stream"],
            inputs=[io.ImageStream.Input("stream")],
            outputs=[io.ImageStream.Output(display_name="passthrough")],
            has_intermediate_output=True,
            passthrough="stream",
        )

    @classmethod
    def execute(cls, stream: ImageStreamInput) -> io.NodeOutput:
        def show_last(frame: Tensor) -> dict[str, Any]:
            return ui.PreviewImage(frame.unsqueeze(0)).as_dict()

        return io.NodeOutput(PreviewingImageStream(stream, show_last))


class StreamSink(io.ComfyNode):
    """Pulls a stream to its end and forgets the frames."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StreamSink",
            display_name="Stream Sink",
            category=CATEGORY,
            search_aliases=["consume stream", "drain stream", "image stream sink"],
            inputs=[
                io.ImageStream.Input("stream"),
                io.Int.Input("chunk_size", default=8, min=1, max=MAX_CHUNK),
            ],
            outputs=[],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, stream: ImageStreamInput, chunk_size: int) -> Generator[int, Any, io.NodeOutput]:
        yield from counted_steps(stream.chunks(chunk_size), len)
        return io.NodeOutput()


class VAEDecodeStream(io.ComfyNode):
    """Pictures of a latent, decoded while they are needed."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VAEDecodeStream",
            display_name="VAE Decode Stream",
            category=CATEGORY,
            description="Decodes picture by picture; video VAEs piece by piece, equal to the whole clip.",
            search_aliases=["vae stream decode", "latent to stream", "video latent stream"],
            inputs=[io.Latent.Input("samples"), io.Vae.Input("vae")],
            outputs=[io.ImageStream.Output(display_name="stream")],
        )

    @classmethod
    def execute(cls, samples: dict[str, Any], vae: Any) -> io.NodeOutput:
        return io.NodeOutput(VAEDecodedImageStream(vae, samples))


class LoadImagesStream(io.ComfyNode):
    """Pictures of a folder below the input folder, in the order of their names."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LoadImagesStream",
            display_name="Load Images Stream",
            category=CATEGORY,
            description="Reads a folder of pictures one by one; numbers in names are ordered as numbers.",
            search_aliases=["image sequence", "folder to stream", "load frames"],
            inputs=[
                io.String.Input(
                    "folder", default="", tooltip="Folder below the input folder; empty is that itself."
                ),
                io.Int.Input("start", default=0, min=0, max=MAX_FRAMES, tooltip="Pictures to skip."),
                io.Int.Input("frame_step", default=1, min=1, max=1000, tooltip="Take every n-th picture."),
                io.Int.Input(
                    "max_frames", default=0, min=0, max=MAX_FRAMES, tooltip="Pictures to give; 0 is all."
                ),
            ],
            outputs=[io.ImageStream.Output(display_name="stream")],
        )

    @classmethod
    def execute(cls, folder: str, start: int, frame_step: int, max_frames: int) -> io.NodeOutput:
        paths = pictures_of(folder)[start::frame_step]
        paths = paths[:max_frames] if max_frames else paths
        if not paths:
            raise InputFileError("folder", folder, "holds no picture in the span asked for")
        return io.NodeOutput(picture_stream(paths, "folder", folder))

    @classmethod
    def fingerprint_inputs(cls, folder: str, **_: Any) -> list[str]:
        states = [(path, os.stat(path)) for path in pictures_of(folder)]
        return [f"{os.path.basename(path)}:{state.st_size}:{state.st_mtime_ns}" for path, state in states]


def pictures_of(folder: str) -> list[str]:
    """Paths of the pictures of a folder below the input folder. Raises: InputFileError naming `folder`."""
    try:
        root = folder_paths.jailed_path(folder_paths.get_input_directory(), folder or ".")
    except folder_paths.PathEscapeError as error:
        raise InputFileError("folder", folder, error.reason) from error
    if not root.is_dir():
        raise InputFileError("folder", folder, "is no folder below the input folder")
    names = [entry.name for entry in os.scandir(root) if entry.is_file()]
    kept = folder_paths.filter_files_content_types(names, ["image"])
    return [str(root / name) for name in sorted(kept, key=natural_order)]


class StreamTrim(io.ComfyNode):
    """Some frames out of a stream."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StreamTrim",
            display_name="Stream Trim",
            category=CATEGORY,
            description="Skips frames at the start and stops after a number of them; later ones are never made.",
            search_aliases=["cut stream", "stream range", "stream from batch"],
            inputs=[
                io.ImageStream.Input("stream"),
                io.Int.Input("start", default=0, min=0, max=MAX_FRAMES, tooltip="Frames to skip."),
                io.Int.Input(
                    "length", default=0, min=0, max=MAX_FRAMES, tooltip="Frames to keep; 0 keeps the rest."
                ),
            ],
            outputs=[io.ImageStream.Output(display_name="stream")],
        )

    @classmethod
    def execute(cls, stream: ImageStreamInput, start: int, length: int) -> io.NodeOutput:
        return io.NodeOutput(trimmed_stream(stream, start, length))


class StreamRate(io.ComfyNode):
    """A stream at another frame rate and of the same duration."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StreamRate",
            display_name="Stream Rate",
            category=CATEGORY,
            description="Drops or doubles frames, or blends neighbours, so that the duration stays.",
            search_aliases=["frame rate", "change fps", "resample stream"],
            inputs=[
                io.ImageStream.Input("stream"),
                io.Float.Input(
                    "source_fps", default=0.0, min=0.0, max=1000.0, step=0.001,
                    tooltip="Frames per second that come in; 0 takes what the stream says of itself.",
                ),
                io.Float.Input("fps", default=30.0, min=0.001, max=1000.0, step=0.001),
                io.Boolean.Input("blend", default=False, tooltip="Mixes neighbouring frames by time."),
            ],
            outputs=[io.ImageStream.Output(display_name="stream"), io.Float.Output(display_name="fps")],
        )  # fmt: skip

    @classmethod
    def execute(cls, stream: ImageStreamInput, source_fps: float, fps: float, blend: bool) -> io.NodeOutput:
        known = stream_rate(stream, source_fps)
        if known is None:
            raise NodeInputError(
                "source_fps", source_fps, "must be given: this stream does not know its rate"
            )
        rate = Fraction(fps).limit_denominator(100_000)
        return io.NodeOutput(rated_stream(stream, known, rate, blend), float(rate))


class SaveImagesStream(io.ComfyNode):
    """Saves the frames of a stream as pictures, or as one moving picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SaveImagesStream",
            display_name="Save Images Stream",
            category=CATEGORY,
            description="Writes frames as they come: one PNG each, or one animated PNG or WebP.",
            search_aliases=["stream to images", "save frames", "animated webp", "apng"],
            inputs=[
                io.ImageStream.Input("stream"),
                io.String.Input("filename_prefix", default="ComfyUI"),
                io.Combo.Input("format", options=["png", "apng", "webp"], default="png"),
                io.Float.Input(
                    "fps", default=6.0, min=0.01, max=1000.0, step=0.01, tooltip="Of moving pictures."
                ),
                io.Boolean.Input("lossless", default=True, tooltip="WebP only."),
                io.Int.Input("quality", default=80, min=0, max=100, tooltip="WebP only."),
            ],
            outputs=[],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, filename_prefix: str | None = None) -> bool | str:
        return prefix_verdict(filename_prefix)

    @classmethod
    def execute(
        cls,
        stream: ImageStreamInput,
        filename_prefix: str,
        format: str,
        fps: float,
        lossless: bool,
        quality: int,
    ) -> Generator[int, Any, io.NodeOutput]:
        text = saving.metadata_text(cls.hidden.prompt, cls.hidden.extra_pnginfo)
        if format == "png":
            saved = yield from picture_steps(stream.chunks(), filename_prefix=filename_prefix, text=text)
            results = [ui.SavedResult(name, folder, io.FolderType.output) for name, folder in saved]
            return io.NodeOutput(ui=ui.SavedImages(results))
        out = yield from animation_steps(
            stream.chunks(),
            filename_prefix=filename_prefix,
            format=format,
            fps=fps,
            lossless=lossless,
            quality=quality,
            text=text,
        )
        result = ui.SavedResult(out.filename, out.subfolder, io.FolderType.output)
        return io.NodeOutput(ui=ui.SavedImages([result], is_animated=True))


class ImageStreamExtension(ComfyExtension):
    """This file's nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [
            ImageBatchToStream,
            ImageStreamToBatch,
            PreviewImageStream,
            StreamSink,
            VAEDecodeStream,
            LoadImagesStream,
            StreamTrim,
            StreamRate,
            SaveImagesStream,
        ]


async def comfy_entrypoint() -> ImageStreamExtension:
    """What the loader calls."""
    return ImageStreamExtension()
