"""Nodes between video files and image streams: load, save, save on the way. Clients see them in `nodes_video`."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import folder_paths
from comfy_api.input_impl import VideoFromFile
from comfy_api.latest import Input, io, ui
from comfy_api.media import saving
from comfy_api.media.video_formats import CODEC_NAMES, CONTAINER_NAMES
from comfy_api.streams import ImageStreamInput
from comfy_extras import video_ops
from comfy_extras.video.interposers import SavedVideoStream
from comfy_extras.video.sinks import video_steps
from comfy_extras.video.sources import VideoFileStream
from comfy_extras.video_ops import naming_inputs

_HIDDEN = [io.Hidden.prompt, io.Hidden.extra_pnginfo, io.Hidden.unique_id, io.Hidden.dynprompt]


def file_inputs() -> list[Any]:
    """The inputs that say where a video goes and how it is written."""
    return [
        io.String.Input(
            "filename_prefix",
            default="video/ComfyUI",
            tooltip="Start of the file name; may hold folders and variables like %width% and %year%.",
        ),
        io.Combo.Input("format", options=CONTAINER_NAMES, default="auto", tooltip="The kind of file."),
        io.Combo.Input("codec", options=CODEC_NAMES, default="auto", tooltip="How frames are compressed."),
        io.Audio.Input("audio", optional=True, tooltip="The sound; it is cut to the frames' length."),
    ]


def fps_input() -> Any:
    """Frames per second of what is written."""
    return io.Float.Input("fps", default=30.0, min=1.0, max=120.0, step=1.0)


class LoadVideoStream(io.ComfyNode):
    """Frames of a video of the input folder, one chunk at a time."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LoadVideoStream",
            display_name="Load Video Stream",
            category="image/video",
            description="Reads a video file frame by frame, in memory that does not grow with its length.",
            search_aliases=["video to stream", "stream video", "read video frames"],
            inputs=[
                io.Combo.Input("file", options=video_ops.input_videos(), upload=io.UploadType.video),
                io.Float.Input(
                    "start_time", default=0.0, min=0.0, max=1e6, step=0.001, tooltip="Seconds to skip."
                ),
                io.Float.Input(
                    "duration", default=0.0, min=0.0, max=1e6, step=0.001,
                    tooltip="Seconds to read; 0 reads to the end.",
                ),
                io.Int.Input("frame_step", default=1, min=1, max=1000, tooltip="Take every n-th frame."),
                io.Int.Input("max_frames", default=0, min=0, max=10_000_000, tooltip="Frames to give; 0 is all."),
            ],
            outputs=[
                io.ImageStream.Output(display_name="stream"),
                io.Audio.Output(display_name="audio"),
                io.Float.Output(display_name="fps"),
            ],
        )  # fmt: skip

    @classmethod
    def execute(
        cls, file: str, start_time: float, duration: float, frame_step: int, max_frames: int
    ) -> io.NodeOutput:
        video = VideoFromFile(video_ops.video_path(file), start_time, duration)
        with naming_inputs({"file": file}):
            stream = VideoFileStream(video, "file", file, step=frame_step, max_frames=max_frames or None)
            audio = video.get_audio()
        assert stream.frame_rate is not None
        return io.NodeOutput(stream, audio, float(stream.frame_rate))

    @classmethod
    def fingerprint_inputs(cls, file: str, **_: Any) -> str:
        return video_ops.file_fingerprint(video_ops.video_path(file))

    @classmethod
    def validate_inputs(cls, file: str | None = None) -> bool | str:
        found = not isinstance(file, str) or folder_paths.exists_annotated_filepath(file)
        return True if found else f"Invalid video file: {file}"


class SaveVideoStream(io.ComfyNode):
    """Writes a stream into a video file of the output folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SaveVideoStream",
            display_name="Save Video Stream",
            category="image/video",
            description="Encodes a stream while its frames are made.",
            search_aliases=["save image stream", "export video stream", "stream to video"],
            essentials_category="Basics",
            inputs=[
                io.ImageStream.Input("stream"),
                fps_input(),
                io.Int.Input("chunk_size", default=8, min=1, max=4096, tooltip="Most frames at a time."),
                *file_inputs(),
            ],
            outputs=[],
            hidden=_HIDDEN,
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, filename_prefix: str | None = None) -> bool | str:
        return video_ops.prefix_verdict(filename_prefix)

    @classmethod
    def execute(
        cls,
        stream: ImageStreamInput,
        fps: float,
        chunk_size: int,
        filename_prefix: str,
        format: str,
        codec: str,
        audio: Input.Audio | None = None,
    ) -> Generator[int, Any, io.NodeOutput]:
        out = yield from video_steps(
            stream.chunks(chunk_size),
            frames_input="stream",
            filename_prefix=filename_prefix,
            fps=fps,
            format=format,
            codec=codec,
            audio=audio,
            metadata=saving.metadata_text(cls.hidden.prompt, cls.hidden.extra_pnginfo),
        )
        return io.NodeOutput(ui=saved_video_ui(out))


class SavePassthroughVideoStream(io.ComfyNode):
    """Writes what goes by into a video file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SavePassthroughVideoStream",
            display_name="Save+Passthrough Video Stream",
            category="image/video",
            description="Encodes a stream while its frames go on to other nodes.",
            search_aliases=[
                "stream to video",
                "save image stream",
                "export video stream",
                "passthrough video stream",
            ],
            essentials_category="Basics",
            inputs=[io.ImageStream.Input("stream"), fps_input(), *file_inputs()],
            outputs=[io.ImageStream.Output(display_name="passthrough")],
            hidden=_HIDDEN,
            has_intermediate_output=True,
            passthrough="stream",
        )

    @classmethod
    def validate_inputs(cls, filename_prefix: str | None = None) -> bool | str:
        return video_ops.prefix_verdict(filename_prefix)

    @classmethod
    def execute(
        cls,
        stream: ImageStreamInput,
        fps: float,
        filename_prefix: str,
        format: str,
        codec: str,
        audio: Input.Audio | None = None,
    ) -> io.NodeOutput:
        saved = SavedVideoStream(
            stream,
            fps,
            filename_prefix,
            format=format,
            codec=codec,
            audio=audio,
            metadata=saving.metadata_text(cls.hidden.prompt, cls.hidden.extra_pnginfo),
        )
        return io.NodeOutput(saved)


def saved_video_ui(out: saving.CountedOutput) -> ui.PreviewVideo:
    """What clients are told of a video that was written."""
    return ui.PreviewVideo([ui.SavedResult(out.filename, out.subfolder, io.FolderType.output)])
