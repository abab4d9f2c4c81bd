"""Reading video files frame by frame: `VideoFacts` of a file, and `FrameReader`, which seeks and trims.

Frames come at a constant rate whatever the file does: a file of variable rate is laid onto the grid of its average
rate (a frame is shown until the next one's time), so that frames and sound stay in step.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from comfy_api.errors import MediaError
from comfy_api.media.values import AudioInput
from comfy_api.media.video_audio import read_audio

if TYPE_CHECKING:
    from torch import Tensor

Source = str | io.BytesIO

_RATE_SLACK = Fraction(1, 500)
"""Average and base rate of a constant file differ by less: its length is rounded to the container's clock."""

MAX_HOLE = 36_000
"""Ten minutes at 60 frames a second; a longer gap is a broken clock, and filling it would never end."""


@dataclass(frozen=True)
class VideoFacts:
    """What is known of a file without decoding it all; its first frame has been decoded.

    `num_frames` counts frames as `FrameReader` gives them (None where the file does not say); `origin_s` is the
    file's time of frame 0. Width and height are as shown, after the file's own rotation.
    """

    width: int
    height: int
    frame_rate: Fraction
    num_frames: int | None
    duration_s: Fraction | None
    origin_s: Fraction
    container_format: str
    codec: str
    audio_codec: str | None
    bit_depth: int
    has_alpha: bool
    is_variable: bool


@contextlib.contextmanager
def opened(source: Source) -> Iterator[Any]:
    """A container for reading. Raises: MediaError naming the file when it is missing, damaged or no video."""
    import av

    if isinstance(source, io.BytesIO):
        source.seek(0)
    name = source if isinstance(source, str) else "buffer"
    try:
        with av.open(source) as container:
            if not container.streams.video:
                raise MediaError("holds no video", source=name)
            yield container
    except (av.error.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(f"cannot be read as a video: {reason}", source=name) from error


def read_facts(source: Source) -> VideoFacts:
    """Opens a file, decodes one frame and closes it. Raises: MediaError."""
    with opened(source) as container:
        return facts_of(container, source if isinstance(source, str) else "buffer")


def facts_of(container: Any, name: str) -> VideoFacts:
    """Facts of an open container, which is left at its start or a little after it."""
    track = container.streams.video[0]
    track.thread_type = "AUTO"
    first = next(container.decode(track), None)
    if first is None:
        raise MediaError("holds no frame that can be decoded", source=name)
    base = Fraction(track.base_rate or 0)
    rate = Fraction(track.average_rate or 0) or _counted_rate(container, track) or base
    if rate <= 0:
        raise MediaError("says no frame rate", source=name)
    variable = abs(base - rate) > rate * _RATE_SLACK
    time_base = Fraction(track.time_base)
    origin = (first.pts or 0) * time_base
    duration = track.duration * time_base if track.duration else None
    if duration is None and container.duration:
        duration = Fraction(container.duration, 1_000_000)
    num_frames: int | None = track.frames or None
    if variable:
        num_frames = None
    quarter_turned = round(first.rotation / 90) % 2 == 1
    audio = container.streams.audio
    return VideoFacts(
        width=first.height if quarter_turned else first.width,
        height=first.width if quarter_turned else first.height,
        frame_rate=rate,
        num_frames=num_frames,
        duration_s=duration,
        origin_s=origin,
        container_format=container.format.name,
        codec=track.codec_context.codec.canonical_name,
        audio_codec=audio[0].codec_context.codec.canonical_name if audio else None,
        bit_depth=max(part.bits for part in first.format.components),
        has_alpha=any(part.is_alpha for part in first.format.components),
        is_variable=variable,
    )


def _counted_rate(container: Any, track: Any) -> Fraction:
    """Frames per second by the times of all packets; 0 where they say nothing. Recordings of browsers need it."""
    times = sorted(packet.pts for packet in container.demux(track) if packet.pts is not None)
    container.seek(0)
    if len(times) < 2 or times[-1] == times[0]:
        return Fraction(0)
    span = (times[-1] - times[0]) * Fraction(track.time_base)
    return Fraction((len(times) - 1) / span).limit_denominator(1001)


def planned_frames(
    facts: VideoFacts, start_s: Fraction, duration_s: Fraction | None, step: int, max_frames: int | None
) -> int | None:
    """How many frames a `FrameReader` with these arguments will give, None where the file does not say."""
    first, stop = _span(facts, start_s, duration_s, step, max_frames)
    return None if stop is None or facts.num_frames is None else max(0, math.ceil((stop - first) / step))


def _span(
    facts: VideoFacts, start_s: Fraction, duration_s: Fraction | None, step: int, max_frames: int | None
) -> tuple[int, int | None]:
    """First place and the place after the last one, None for the end of the file."""
    rate = facts.frame_rate
    first = max(0, math.ceil(start_s * rate - _RATE_SLACK))
    ends = []
    if duration_s is not None:
        ends.append(first + max(0, math.ceil(duration_s * rate - _RATE_SLACK)))
    if facts.num_frames is not None:
        ends.append(max(first, facts.num_frames))
    if max_frames is not None:
        ends.append(first + max_frames * step)
    return first, min(ends) if ends else None


class FrameReader:
    """Frames of a file from `start_s` for `duration_s` seconds (None: to the end), every `step`-th one.

    `read(n)` gives (up to n,H,W,3) float32 0..1, fewer only at the end. Seeks to the key frame before the start.
    Raises: MediaError for a damaged file, naming the frame.
    """

    def __init__(
        self,
        source: Source,
        *,
        start_s: Fraction = Fraction(0),
        duration_s: Fraction | None = None,
        step: int = 1,
        max_frames: int | None = None,
    ) -> None:
        self._name = source if isinstance(source, str) else "buffer"
        self._stack = contextlib.ExitStack()
        self._container = self._stack.enter_context(opened(source))
        with self._closing_on_error():
            self.facts = facts_of(self._container, self._name)
        self._first, self._stop = _span(self.facts, start_s, duration_s, step, max_frames)
        self._step = step
        self._deep = self.facts.bit_depth > 8
        self.num_read = 0
        self._frames = self._placed()

    def read(self, max_frames: int) -> Tensor:
        """The next frames; after the end (0,H,W,3)."""
        import av
        import torch

        taken: list[Tensor] = []
        try:
            while len(taken) < max_frames:
                picture = next(self._frames, None)
                if picture is None:
                    break
                taken.append(picture)
        except av.error.FFmpegError as error:
            at = self.num_read + len(taken)
            raise MediaError(f"is damaged at frame {at}: {error.strerror}", source=self._name) from error
        self.num_read += len(taken)
        if not taken:
            return torch.empty(0, self.facts.height, self.facts.width, 3)
        return torch.stack(taken)

    def close(self) -> None:
        """Closes the file. Safe to call again."""
        self._frames.close()
        self._stack.close()

    @contextlib.contextmanager
    def _closing_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._stack.close()
            raise

    def _placed(self) -> Generator[Tensor]:
        """Frames on the grid of the constant rate, from the first one asked for to the last."""
        index = self._first
        shown: Any = None
        for place, frame in self._decoded():
            if place - index > MAX_HOLE:
                raise MediaError(
                    f"jumps over {place - index} frames at frame {index}, at most {MAX_HOLE} are filled",
                    source=self._name,
                )
            # where no frame stands (variable rate, a lost frame) the one before it is still shown
            while index < place:
                if self._is_past(index):
                    return
                if (index - self._first) % self._step == 0:
                    yield self._tensor(shown if shown is not None else frame)
                index += 1
            shown = frame
            if place < index:
                continue
            if self._is_past(index):
                return
            if (index - self._first) % self._step == 0:
                yield self._tensor(frame)
            index += 1

    def _is_past(self, index: int) -> bool:
        return self._stop is not None and index >= self._stop

    def _decoded(self) -> Iterator[tuple[int, Any]]:
        """(place on the grid, decoded frame), beginning at the key frame before the first one asked for."""
        track = self._container.streams.video[0]
        rate, time_base = self.facts.frame_rate, Fraction(track.time_base)
        start_s = self.facts.origin_s + self._first / rate
        self._container.seek(int(start_s / time_base), stream=track, backward=True)
        place = -1
        for frame in self._container.decode(track):
            if frame.pts is None:
                place += 1
            else:
                place = round((frame.pts * time_base - self.facts.origin_s) * rate)
            yield place, frame

    def _tensor(self, frame: Any) -> Tensor:
        import torch

        name = "rgb48le" if self._deep else "rgb24"
        facts = self.facts
        quarter_turns = round(frame.rotation / 90) % 4
        size = (facts.height, facts.width) if quarter_turns % 2 else (facts.width, facts.height)
        array = frame.reformat(width=size[0], height=size[1], format=name, threads=1).to_ndarray()
        if self._deep:
            picture = torch.from_numpy(array.astype("int32")).to(torch.float32).div_(65535)
        else:
            picture = torch.from_numpy(array).to(torch.float32).div_(255)
        return picture.rot90(quarter_turns, (0, 1)).contiguous() if quarter_turns else picture


def read_sound(
    source: Source, start_s: Fraction = Fraction(0), duration_s: Fraction | None = None
) -> AudioInput | None:
    """The sound of a span of a file, or None where there is none. Raises: MediaError."""
    with opened(source) as container:
        if not container.streams.audio:
            return None
        track = container.streams.video[0]
        origin = (track.start_time or 0) * Fraction(track.time_base)
        end_s = None if duration_s is None else start_s + duration_s
        if start_s:
            # a little early: decoders of lossy sound need a packet to settle
            at = max(Fraction(0), origin + start_s - 1)
            container.seek(int(at * 1_000_000), backward=True)
        return read_audio(container, origin_s=origin, start_s=start_s, end_s=end_s)
