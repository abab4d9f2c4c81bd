"""Streams between others: previews, files written on the way, cuts and rates."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from comfy.progress import ProgressBar
from comfy_api.media.png import to_pil
from comfy_api.media.values import AudioInput
from comfy_api.media.video_formats import video_format
from comfy_api.media.video_writer import VideoWriter
from comfy_api.stream_generators import image_stream
from comfy_api.streams import ImageStreamInput
from comfy_execution.streaming.contract import FrameStream
from comfy_extras.errors import NodeInputError
from comfy_extras.video_ops import naming_inputs, naming_output, node_output

PREVIEW_SIDE = 512
"""Longest side of a preview in pixels: what clients show on a node."""

PREVIEW_EVERY_S = 0.1
"""Ten previews a second are motion enough; encoding more would slow the stream down."""


class PassthroughStream(ImageStreamInput):
    """Hands its source's chunks on as they are. Subclasses look at them in `watch`."""

    def __init__(self, stream: ImageStreamInput) -> None:
        super().__init__()
        self.source = stream
        self.frame_count, self.frame_rate = stream.frame_count, stream.frame_rate

    def get_dimensions(self) -> tuple[int, int] | None:
        """The source's."""
        return self.source.get_dimensions()

    def do_reset(self) -> None:
        """Resets the source."""
        self.source.reset()

    def do_pull(self, max_frames: int) -> Any:
        """The source's next chunk."""
        chunk = self.source.pull(max_frames)
        if len(chunk):
            self.watch(chunk)
        return chunk

    def watch(self, chunk: Tensor) -> None:
        """Called with every chunk that is not empty; it must not be changed."""


class PreviewingImageStream(PassthroughStream):
    """Shows the last frame of a chunk on its node while frames go by.

    `show_last(frame)` is called with the very last frame when the stream has ended; what it gives is the node's ui.
    """

    def __init__(self, stream: ImageStreamInput, show_last: Any = None) -> None:
        super().__init__(stream)
        self._show_last = show_last
        self._num_seen, self._shown_at = 0, float("-inf")
        self._last_frame: Tensor | None = None

    def do_reset(self) -> None:
        """Back to frame 0."""
        super().do_reset()
        self._num_seen, self._shown_at, self._last_frame = 0, float("-inf"), None

    def watch(self, chunk: Tensor) -> None:
        """Sends a preview, at most ten a second."""
        self._num_seen += len(chunk)
        self._last_frame = chunk[-1]
        now = time.monotonic()
        if now - self._shown_at < PREVIEW_EVERY_S:
            return
        self._shown_at = now
        total = self.frame_count if self.frame_count is not None else self._num_seen
        preview = ("JPEG", to_pil(chunk[-1]).convert("RGB"), PREVIEW_SIDE)
        ProgressBar(total).update_absolute(self._num_seen, total, preview)

    def do_finish(self) -> dict[str, Any] | None:
        """The last frame as the node's picture."""
        if self._show_last is None or self._last_frame is None:
            return None
        shown: dict[str, Any] = self._show_last(self._last_frame)
        return shown

    def do_close(self, aborted: bool) -> None:
        """Lets go of the last frame."""
        self._last_frame = None


class SavedVideoStream(PassthroughStream):
    """Writes what goes by into a video file, which gets its name when the stream has ended, and is gone otherwise.

    `values` are the node's inputs for errors. After the end `get_preview_ui` names the file.
    Raises while pulled: NodeInputError and OutputFileError naming the input.
    """

    def __init__(
        self,
        stream: ImageStreamInput,
        fps: float | Fraction,
        filename_prefix: str,
        *,
        format: str = "auto",
        codec: str = "auto",
        audio: AudioInput | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(stream)
        self._values = {"stream": stream, "fps": fps, "format": format, "codec": codec, "audio": audio}
        self._fps, self._prefix, self._audio = fps, filename_prefix, audio
        self._metadata = dict(metadata or {})
        with naming_inputs(self._values, images="stream"):
            self._extension = "." + video_format(format, codec).container.extension
        self._file: contextlib.AbstractContextManager[Any] | None = None
        self._out: Any = None
        self._writer: VideoWriter | None = None
        self._ui: dict[str, Any] | None = None

    def do_reset(self) -> None:
        """A new file for each drain; an unfinished one is dropped."""
        super().do_reset()
        self._ui = None

    def watch(self, chunk: Tensor) -> None:
        """Encodes."""
        if self._writer is None:
            self._begin(chunk)
        assert self._writer is not None
        with self._naming():
            self._writer.write(chunk)

    def do_finish(self) -> dict[str, Any] | None:
        """Closes the file and names it."""
        if self._writer is None or self._file is None:
            raise NodeInputError(
                "stream", "IMAGE_STREAM", "ended without a frame, so there is no video to save"
            )
        with self._naming():
            self._writer.finish()
        self._writer, manager, self._file = None, self._file, None
        manager.__exit__(None, None, None)
        entry = {"filename": self._out.filename, "subfolder": self._out.subfolder, "type": "output"}
        self._ui = {"images": [entry], "animated": (True,)}
        return self._ui

    def get_preview_ui(self) -> dict[str, Any] | None:
        """What clients are told of the file; None until it is finished."""
        return self._ui

    def do_close(self, aborted: bool) -> None:
        """Removes a file that was not finished."""
        writer, self._writer = self._writer, None
        manager, self._file = self._file, None
        if writer is not None:
            writer.abort()
        if manager is not None:
            gone = InterruptedError("the stream ended before the file was finished")
            with contextlib.suppress(InterruptedError):
                manager.__exit__(InterruptedError, gone, None)

    def _begin(self, chunk: Tensor) -> None:
        height, width = int(chunk.shape[1]), int(chunk.shape[2])
        self._file = node_output(self._prefix, self._extension, width=width, height=height)
        self._out = self._file.__enter__()
        with self._naming():
            self._writer = VideoWriter(
                self._out.temporary,
                self._fps,
                format=str(self._values["format"]),
                codec=str(self._values["codec"]),
                audio=self._audio,
                metadata=self._metadata,
            )

    @contextlib.contextmanager
    def _naming(self) -> Iterator[None]:
        with naming_inputs(self._values, images="stream"), naming_output(self._prefix):
            yield


def trimmed_stream(stream: ImageStreamInput, start: int, length: int) -> ImageStreamInput:
    """Frames start..start+length of a stream; length 0 is "to the end". Nothing after them is pulled."""

    def frames() -> Iterator[Tensor]:
        at = 0
        for chunk in stream.chunks():
            first = max(0, start - at)
            last = len(chunk) if not length else min(len(chunk), start + length - at)
            if first < last:
                yield chunk[first:last]
            at += len(chunk)
            if length and at >= start + length:
                return

    count = stream.frame_count
    if count is not None:
        count = max(0, count - start)
        count = min(count, length) if length else count
    return image_stream(frames, sources=[stream], frame_count=count, frame_rate=stream.frame_rate)


def rated_stream(
    stream: ImageStreamInput, source_rate: Fraction, rate: Fraction, blend: bool
) -> ImageStreamInput:
    """A stream at another frame rate: frames are dropped and doubled, or mixed by time when `blend` is on.

    Output frame k shows the source at time k / rate; it lasts as long as the source.
    """
    step = source_rate / rate

    def frames() -> Iterator[Tensor]:
        k, start = 0, 0
        held: Tensor | None = None
        largest = 1
        for chunk in stream.chunks():
            largest = max(largest, len(chunk))
            joined = chunk if held is None else torch.cat((held, chunk))
            end = start + len(joined)
            # with blending the frame after is needed too, so the newest one waits
            last = end - 1 if blend else end
            while k * step < last:
                places: list[Fraction] = []
                while k * step < last and len(places) < largest:
                    places.append(k * step - start)
                    k += 1
                yield _at_places(joined, places, blend)
            held = joined[-1:].clone() if blend else None
            start = end - (1 if blend else 0)
        if blend and held is not None:
            while k * step < start + 1:
                yield held
                k += 1

    count = stream.frame_count
    known = None if count is None else -(-count * rate.numerator * source_rate.denominator
                                         // (rate.denominator * source_rate.numerator))  # fmt: skip
    return image_stream(frames, sources=[stream], frame_count=known, frame_rate=rate)


def _at_places(frames: Tensor, places: list[Fraction], blend: bool) -> Tensor:
    """Frames at fractional places; between two of them a mix, or the earlier one."""
    floors = [int(place) for place in places]
    shown = frames[torch.tensor(floors)]
    if not blend:
        return shown
    parts = torch.tensor([float(place - floor) for place, floor in zip(places, floors, strict=True)])
    following = frames[torch.tensor([min(floor + 1, len(frames) - 1) for floor in floors])]
    return torch.lerp(shown, following, parts.view(-1, 1, 1, 1).to(frames))


def stream_rate(stream: FrameStream, given: float) -> Fraction | None:
    """A rate typed in, or the stream's own where that is 0."""
    return Fraction(given).limit_denominator(100_000) if given else stream.frame_rate
