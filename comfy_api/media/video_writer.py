"""`VideoWriter`: frames and sound into a file, chunk by chunk; every video of this project is written here.

What comes out does not depend on how the frames were cut: the encoder gets them one by one, and sound is pushed
per frame. Who names files and removes them after an error is `comfy_api.media.saving.counted_output`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from fractions import Fraction
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from comfy_api.errors import MediaError
from comfy_api.media import saving
from comfy_api.media.values import AudioInput
from comfy_api.media.video_audio import AudioTrack, checked_audio
from comfy_api.media.video_formats import VideoFormat, exact_rate, video_format

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)

BT709 = 1
"""Code of the colour matrix, primaries and transfer of ITU-T H.273 that files are tagged with."""

LIMITED_RANGE = 1

SCALER_THREADS = 1
"""More of them cut a picture into bands that spill over each other's first pixels: measured with av 18.1 on
4:2:2 pictures whose width is no multiple of 64, another file on every run."""


class VideoWriter:
    """Writes one video. Give chunks to `write`, then call `finish`; leaving the context without that aborts.

    `target` is a path or a binary file that can seek. Frames are (n,H,W,C) float 0..1; the first one decides the
    size. Sides that the pixel format cannot hold (odd ones in 4:2:0) grow by one repeated row or column.
    Sound is cut to the length of the frames. Nothing is opened before the first frame.
    Raises: MediaError naming fps, format, codec or audio; OSError of the file.
    """

    def __init__(
        self,
        target: str | IO[bytes],
        frame_rate: float | Fraction,
        *,
        format: str = "auto",
        codec: str = "auto",
        audio: AudioInput | None = None,
        metadata: Mapping[str, Any] | None = None,
        codec_options: Mapping[str, str] | None = None,
        bit_depth: int | None = None,
    ) -> None:
        self.frame_rate = exact_rate(frame_rate)
        self.format: VideoFormat = video_format(format, codec)
        self.num_frames = 0
        if audio is not None:
            checked_audio(audio)
        self._target, self._audio, self._metadata = target, audio, dict(metadata or {})
        self._options = {**self.format.codec.options, **(codec_options or {})}
        self._size: tuple[int, int] | None = None
        self._container: Any = None
        self._file: _Target | None = None
        self._stream: Any = None
        self._track: AudioTrack | None = None
        self._pixel_format, self._depth = self.format.codec.at_depth(bit_depth)
        self._has_alpha = False

    def begin(self, height: int, width: int, channels: int = 3) -> tuple[Any, Any, Any]:
        """Opens the file for frames of a size before the first one; gives PyAV's container and its two tracks.

        The track of the sound is None where there is none.
        """
        import torch

        self._open(torch.empty(height, width, channels))
        return self._container, self._stream, self._track.stream if self._track is not None else None

    def write(self, images: Tensor) -> None:
        """Encodes a chunk (n,H,W,C) float 0..1, C 1, 3 or 4; it is read, never changed."""
        for image in images:
            if self._container is None:
                self._open(image)
            self._encode(image)

    def finish(self) -> None:
        """Flushes encoders and closes the file. Raises: MediaError when no frame came."""
        import av

        if self._container is None:
            raise MediaError("a video needs at least one frame, none came", source="images")
        self._mux(self._stream.encode(None))
        if self._track is not None:
            self._mux(self._track.last_packets())
        container, self._container = self._container, None
        try:
            container.close()
        except (av.error.FFmpegError, OSError) as error:
            # the muxer hides what the file said when it closes
            raise (self._file.error if self._file is not None else None) or error from error
        finally:
            self._close_file()

    def abort(self) -> None:
        """Lets go of the file; what is in it is of no use. Safe to call at any time."""
        import av

        container, self._container = self._container, None
        if container is None:
            return
        try:
            container.close()
        except (av.error.FFmpegError, OSError) as error:  # a full disk says so again: the first error counts
            logger.debug("closing an unfinished video: %s", error)
        finally:
            self._close_file()

    def _close_file(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    def _open(self, image: Tensor) -> None:
        import av

        height, width = int(image.shape[0]), int(image.shape[1])
        self._size = (height, width)
        choice = self.format.codec
        if min(height, width) < choice.least_side:
            raise MediaError(
                f"{self.format.codec_name} needs sides of {choice.least_side} pixels, came {width}x{height}",
                source="codec",
            )
        self._has_alpha = image.shape[2] == 4 and choice.alpha_format is not None
        if self._has_alpha and choice.alpha_format is not None:
            self._pixel_format = choice.alpha_format
        even_x, even_y = choice.even
        full_w, full_h = width + width % even_x, height + height % even_y
        if (full_w, full_h) != (width, height):
            logger.info(
                "%s holds even sides only: the video is %dx%d instead of %dx%d",
                self._pixel_format, full_w, full_h, width, height,
            )  # fmt: skip
        place = self.format.container
        target: Any = self._target
        if isinstance(target, str):
            target = self._file = _Target(saving.open_output(target))
        options = {**place.options, "flush_packets": "1"}  # a packet is in the file when the encoder gave it
        self._container = av.open(target, "w", format=place.muxer, options=options)
        for key, value in self._metadata.items():
            self._container.metadata[key] = value if isinstance(value, str) else json.dumps(value)
        stream = self._container.add_stream(choice.encoder, rate=self.frame_rate, options=self._options)
        stream.width, stream.height, stream.pix_fmt = full_w, full_h, self._pixel_format
        stream.codec_context.time_base = 1 / self.frame_rate
        if choice.is_yuv:
            context = stream.codec_context
            context.colorspace = context.color_primaries = context.color_trc = BT709
            context.color_range = LIMITED_RANGE
        self._stream = stream
        if self._audio is not None and self._audio["waveform"].shape[-1]:
            self._track = AudioTrack(self._container, place.audio_encoder, self._audio)

    def _encode(self, image: Tensor) -> None:
        if tuple(image.shape[:2]) != self._size:
            assert self._size is not None
            raise MediaError(
                f"frame {self.num_frames} is {image.shape[1]}x{image.shape[0]}, "
                f"the frames before it {self._size[1]}x{self._size[0]}",
                source="images",
            )
        import av

        frame = self._picture(image)
        frame.pts, frame.time_base = self.num_frames, 1 / self.frame_rate
        try:
            packets = self._stream.encode(frame)
        except av.error.FFmpegError as error:
            raise MediaError(
                f"{self.format.codec_name} does not take {self._stream.width}x{self._stream.height} "
                f"at {self.frame_rate} frames a second: {error.strerror}",
                source="codec",
            ) from error
        self.num_frames += 1
        self._mux(packets)
        if self._track is not None:
            self._mux(self._track.packets_until(self.num_frames / self.frame_rate))

    def _picture(self, image: Tensor) -> Any:
        import av

        deep = self._depth > 8
        name = ("rgba64le" if deep else "rgba") if self._has_alpha else ("rgb48le" if deep else "rgb24")
        levels = quantised(image, 4 if self._has_alpha else 3, 65535 if deep else 255)
        levels = self._padded(levels)
        array = levels.numpy()
        picture = av.VideoFrame.from_ndarray(array.astype("<u2") if deep else array, format=name)
        if not self.format.codec.is_yuv:
            return picture.reformat(format=self._pixel_format, threads=SCALER_THREADS)
        return picture.reformat(
            format=self._pixel_format,
            dst_colorspace=BT709,
            dst_color_range=LIMITED_RANGE,
            threads=SCALER_THREADS,
        )

    def _padded(self, levels: Tensor) -> Tensor:
        import torch

        right, below = self._stream.width - levels.shape[1], self._stream.height - levels.shape[0]
        if right:
            levels = torch.cat((levels, levels[:, -1:]), dim=1)
        if below:
            levels = torch.cat((levels, levels[-1:]), dim=0)
        return levels.contiguous()

    def _mux(self, packets: Iterable[Any]) -> None:
        for packet in packets:
            self._container.mux(packet)


class _Target:
    """A file that the muxer writes to; it keeps the file system's own error, which the muxer may hide."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None
        self.seek, self.tell, self.read = file.seek, file.tell, file.read

    def write(self, content: bytes) -> int:
        try:
            saving.write_all(self._file, content)
            return len(content)
        except OSError as error:
            self.error = self.error or error
            raise

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def quantised(image: Tensor, channels: int, top: int) -> Tensor:
    """A frame (H,W,C) float 0..1 as the nearest of the levels 0..top; grey becomes colour, alpha comes or goes.

    Shape: (H,W,channels), uint8 for top 255 and int32 above, CPU. Values outside 0..1 are cut.
    """

    import torch

    image = image.detach().to("cpu", torch.float32)
    if image.shape[2] == 1:
        image = image.expand(-1, -1, 3)
    if image.shape[2] > channels:
        image = image[:, :, :channels]
    elif image.shape[2] < channels:
        image = torch.nn.functional.pad(image, (0, channels - image.shape[2]), value=1.0)
    levels = image.mul(top).add_(0.5).clamp_(0, top)
    return levels.to(torch.uint8 if top <= 255 else torch.int32)
