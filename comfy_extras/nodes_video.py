"""Video nodes: files to VIDEO values and back, frames and sound in and out of them."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from torch import Tensor

import folder_paths
from comfy_api.input_impl import VideoFromComponents, VideoFromFile
from comfy_api.latest import ComfyExtension, Input, Types, io
from comfy_api.media import saving
from comfy_api.media.video_formats import exact_rate
from comfy_api.media.video_stream import VideoFromStream
from comfy_api.media.video_writer import VideoWriter
from comfy_api.stream_readers import TensorImageStream
from comfy_api.streams import ImageStreamInput
from comfy_extras import video_ops
from comfy_extras.video.interposers import SavedVideoStream as SavedVideoStream
from comfy_extras.video.sinks import video_steps
from comfy_extras.video.sources import VideoFileStream
from comfy_extras.video.stream_nodes import (
    LoadVideoStream,
    SavePassthroughVideoStream,
    SaveVideoStream,
    saved_video_ui,
)
from comfy_extras.video_ops import naming_inputs, naming_output, node_output

MAX_CHUNK = 4096
"""The engine says how many frames come at a time; this is more than it will ever ask."""


class LoadVideo(io.ComfyNode):
    """A video of the input folder; its frames stay in the file until they are needed."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LoadVideo",
            display_name="Load Video",
            category="image/video",
            inputs=[io.Combo.Input("file", options=video_ops.input_videos(), upload=io.UploadType.video)],
            outputs=[io.Video.Output()],
        )

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        video = VideoFromFile(video_ops.video_path(file))
        with naming_inputs({"file": file}):
            _ = video.facts  # a file that is no video is this node's error, not that of a node further down
        return io.NodeOutput(video)

    @classmethod
    def fingerprint_inputs(cls, file: str) -> str:
        return video_ops.file_fingerprint(video_ops.video_path(file))

    @classmethod
    def validate_inputs(cls, file: str | None = None) -> bool | str:
        found = not isinstance(file, str) or folder_paths.exists_annotated_filepath(file)
        return True if found else f"Invalid video file: {file}"


class GetVideoComponents(io.ComfyNode):
    """Frames, sound and frame rate of a video."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="GetVideoComponents",
            display_name="Get Video Components",
            category="image/video",
            description="Takes a video apart into its frames, its sound and its frame rate.",
            inputs=[io.Video.Input("video", tooltip="The video to take apart.")],
            outputs=[
                io.Image.Output(display_name="images"),
                io.Audio.Output(display_name="audio"),
                io.Float.Output(display_name="fps"),
            ],
        )

    @classmethod
    def execute(cls, video: Input.Video) -> io.NodeOutput:
        with naming_inputs({"video": video}):
            components = video.get_components()
        return io.NodeOutput(components.images, components.audio, float(components.frame_rate))

    @classmethod
    def open_stream(cls, video: Input.Video) -> io.NodeOutput:
        """The frames as a stream; sound and rate are there at once."""
        stream: ImageStreamInput
        with naming_inputs({"video": video}):
            if isinstance(video, VideoFromStream):
                stream = video.stream
            elif isinstance(video, VideoFromFile):
                stream = VideoFileStream(video, "video", type(video).__name__)
            else:
                stream = TensorImageStream(video.get_components().images)
            return io.NodeOutput(stream, video.get_audio(), float(video.get_frame_rate()))

    @classmethod
    def stream_estimate(cls, video: Input.Video) -> tuple[int, tuple[int, ...]] | None:
        """Frames and shape of one, from what the file says of itself."""
        if not isinstance(video, VideoFromFile):
            return None
        width, height = video.get_dimensions()
        return round(video.get_duration() * video.get_frame_rate()), (height, width, 3)


class CreateVideo(io.ComfyNode):
    """A video of frames and sound."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="CreateVideo",
            display_name="Create Video",
            category="image/video",
            description="Makes a video of images, with sound if there is any.",
            inputs=[
                io.Image.Input("images", tooltip="The frames, one after another."),
                io.Float.Input("fps", default=30.0, min=1.0, max=120.0, step=1.0),
                io.Audio.Input("audio", optional=True, tooltip="The sound; it is cut to the frames' length."),
            ],
            outputs=[io.Video.Output()],
        )

    @classmethod
    def execute(cls, images: Tensor, fps: float, audio: Input.Audio | None = None) -> io.NodeOutput:
        with naming_inputs({"fps": fps}):
            rate = exact_rate(fps)
        return io.NodeOutput(
            VideoFromComponents(Types.VideoComponents(images=images, frame_rate=rate, audio=audio))
        )

    @classmethod
    def open_stream(
        cls, images: ImageStreamInput, fps: float, audio: Input.Audio | None = None
    ) -> io.NodeOutput:
        """A video whose frames come while it is saved."""
        with naming_inputs({"fps": fps}):
            return io.NodeOutput(VideoFromStream(images, exact_rate(fps), audio))


class SaveVideo(io.ComfyNode):
    """Writes a video into the output folder, with the graph that made it inside."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SaveVideo",
            display_name="Save Video",
            category="image/video",
            description="Saves a video in the output folder.",
            inputs=[
                io.Video.Input("video", tooltip="The video to save."),
                io.String.Input(
                    "filename_prefix",
                    default="video/ComfyUI",
                    tooltip="Start of the file name; may hold folders and variables like %width% and %year%.",
                ),
                io.Combo.Input(
                    "format",
                    options=Types.VideoContainer.as_input(),
                    default="auto",
                    tooltip="The kind of file.",
                ),
                io.Combo.Input(
                    "codec",
                    options=Types.VideoCodec.as_input(),
                    default="auto",
                    tooltip="How frames are compressed.",
                ),
            ],
            outputs=[],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, filename_prefix: str | None = None) -> bool | str:
        return video_ops.prefix_verdict(filename_prefix)

    @classmethod
    def execute(cls, video: Input.Video, filename_prefix: str, format: str, codec: str) -> io.NodeOutput:
        values = {"video": video, "format": format, "codec": codec}
        with naming_inputs(values, images="video", audio="video", fps="video", file="video"):
            width, height = video.get_dimensions()
            extension = "." + Types.VideoContainer.get_extension(format)
            with (
                node_output(filename_prefix, extension, width=width, height=height) as out,
                naming_output(filename_prefix),
            ):
                video.save_to(
                    out.temporary,
                    format=Types.VideoContainer(format),
                    codec=Types.VideoCodec(codec),
                    metadata=saving.metadata_text(cls.hidden.prompt, cls.hidden.extra_pnginfo),
                )
        return io.NodeOutput(ui=saved_video_ui(out))

    @classmethod
    def drain_stream(
        cls, video: Input.Video, filename_prefix: str, format: str, codec: str
    ) -> Generator[int, Any, io.NodeOutput]:
        """The same file, written while its frames come."""
        out = yield from video_steps(
            video.iter_frames(MAX_CHUNK),
            frames_input="video",
            filename_prefix=filename_prefix,
            fps=video.get_frame_rate(),
            format=format,
            codec=codec,
            audio=video.get_audio(),
            metadata=saving.metadata_text(cls.hidden.prompt, cls.hidden.extra_pnginfo),
        )
        return io.NodeOutput(ui=saved_video_ui(out))


class SaveWEBM(io.ComfyNode):
    """Writes images as a WebM video into the output folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SaveWEBM",
            category="image/video",
            is_experimental=True,
            inputs=[
                io.Image.Input("images"),
                io.String.Input("filename_prefix", default="ComfyUI"),
                io.Combo.Input("codec", options=["vp9", "av1"]),
                io.Float.Input("fps", default=24.0, min=0.01, max=1000.0, step=0.01),
                io.Float.Input(
                    "crf",
                    default=32.0,
                    min=0,
                    max=63.0,
                    step=1,
                    tooltip="Higher gives smaller files of lower quality, lower the opposite.",
                ),
            ],
            outputs=[],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, filename_prefix: str | None = None) -> bool | str:
        return video_ops.prefix_verdict(filename_prefix)

    @classmethod
    def execute(
        cls, images: Tensor, filename_prefix: str, codec: str, fps: float, crf: float
    ) -> io.NodeOutput:
        height, width = images.shape[1:3]
        metadata = saving.metadata_text(cls.hidden.prompt, cls.hidden.extra_pnginfo)
        with (
            naming_inputs({"images": images, "fps": fps, "codec": codec}),
            node_output(filename_prefix, ".webm", width=width, height=height) as out,
            naming_output(filename_prefix),
            VideoWriter(
                out.temporary,
                fps,
                format="webm",
                codec=codec,
                metadata=metadata,
                codec_options={"crf": str(int(crf))},
            ) as writer,
        ):
            writer.write(images)
            writer.finish()
        return io.NodeOutput(ui=saved_video_ui(out))

    @classmethod
    def drain_stream(
        cls, images: ImageStreamInput, filename_prefix: str, codec: str, fps: float, crf: float
    ) -> Generator[int, Any, io.NodeOutput]:
        """The same file, written while its frames come."""
        out = yield from video_steps(
            images.chunks(),
            frames_input="images",
            filename_prefix=filename_prefix,
            fps=fps,
            format="webm",
            codec=codec,
            audio=None,
            metadata=saving.metadata_text(cls.hidden.prompt, cls.hidden.extra_pnginfo),
            codec_options={"crf": str(int(crf))},
        )
        return io.NodeOutput(ui=saved_video_ui(out))


class VideoExtension(ComfyExtension):
    """This file's nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [
            LoadVideo,
            GetVideoComponents,
            CreateVideo,
            SaveVideo,
            SaveWEBM,
            LoadVideoStream,
            SaveVideoStream,
            SavePassthroughVideoStream,
        ]


async def comfy_entrypoint() -> VideoExtension:
    """What the loader calls."""
    return VideoExtension()
