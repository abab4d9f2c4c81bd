"""Streams that begin a chain: frames of a video file, pictures of a folder, latents through a VAE."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from comfy.images import reading
from comfy.vae import chunked
from comfy_api.errors import MediaError
from comfy_api.media.video_file import VideoFromFile
from comfy_api.media.video_reader import FrameReader
from comfy_api.stream_generators import image_stream
from comfy_api.stream_readers import TensorLatentStream
from comfy_api.streams import ImageStreamInput, LatentStreamInput
from comfy_extras.core.image_io import UNREADABLE
from comfy_extras.errors import InputFileError

Latent = dict[str, Any]


class VideoFileStream(ImageStreamInput):
    """Frames of a video file, every `step`-th one, at most `max_frames` (None: all).

    Raises while pulled: InputFileError naming `input_name` for a damaged file.
    """

    def __init__(
        self,
        video: VideoFromFile,
        input_name: str,
        name: str,
        *,
        step: int = 1,
        max_frames: int | None = None,
    ) -> None:
        super().__init__()
        self._video, self._input_name, self._name = video, input_name, name
        self._step, self._max_frames = step, max_frames
        self._reader: FrameReader | None = None
        self.frame_rate = Fraction(video.get_frame_rate(), step)
        self.frame_count = video.planned_frames(step=step, max_frames=max_frames)

    def get_dimensions(self) -> tuple[int, int] | None:
        """(width, height) of the file."""
        return self._video.get_dimensions()

    def do_reset(self) -> None:
        """Opens the file."""
        try:
            self._reader = self._video.open_frames(step=self._step, max_frames=self._max_frames)
        except MediaError as error:
            raise InputFileError(self._input_name, self._name, error.reason) from error

    def do_pull(self, max_frames: int) -> Tensor:
        """The next frames."""
        assert self._reader is not None
        try:
            return self._reader.read(max_frames)
        except MediaError as error:
            raise InputFileError(self._input_name, self._name, error.reason) from error

    def do_close(self, aborted: bool) -> None:
        """Closes the file."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()


def natural_order(name: str) -> list[tuple[int, str]]:
    """A key that puts frame_9 before frame_10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name.lower())]


def picture_stream(paths: Sequence[str], input_name: str, folder: str) -> ImageStreamInput:
    """Pictures of files, one frame each, all of the first one's size; alpha is left out.

    Raises while pulled: InputFileError for a file that is no picture or has another size.
    """

    def frames() -> Iterator[Tensor]:
        size: tuple[int, ...] | None = None
        for path in paths:
            try:
                picture = reading.load_frames(path)[0][:1]
            except UNREADABLE as error:
                raise InputFileError(input_name, folder, f"holds {path!r}, which is no picture") from error
            if size is not None and tuple(picture.shape) != size:
                raise InputFileError(
                    input_name,
                    folder,
                    f"holds {path!r} of {picture.shape[2]}x{picture.shape[1]} pixels, "
                    f"the pictures before it have {size[2]}x{size[1]}",
                )
            size = tuple(picture.shape)
            yield picture

    return image_stream(frames, frame_count=len(paths))


class VAEDecodedImageStream(ImageStreamInput):
    """Pictures of latents: image VAEs decode frame by frame, video VAEs in pieces that keep state in this object.

    `latents` is a LATENT or a stream of them. The latents stay with the stream, so that it can run again.
    """

    def __init__(self, vae: Any, latents: Latent | LatentStreamInput) -> None:
        super().__init__()
        self._vae = vae
        self.models = (vae.patcher,) if hasattr(vae, "patcher") else ()
        self._latents = latents if isinstance(latents, LatentStreamInput) else TensorLatentStream(latents)
        self._shape = None if isinstance(latents, LatentStreamInput) else tuple(latents["samples"].shape)
        self._pieces: Iterator[Tensor] | None = None
        self._run: chunked.DecodeRun | None = None
        self._rest: list[Tensor] = []
        count = self._latents.frame_count
        is_video = hasattr(vae.first_stage_model, "frames_total")
        # of a stream of video latents nobody knows yet where one video ends and the next begins
        if count is not None and not (is_video and self._shape is None):
            items = 1 if self._shape is None or len(self._shape) != 5 else self._shape[0]
            self.frame_count = items * chunked.decoded_frames(vae, count // items, self._shape)

    def get_dimensions(self) -> tuple[int, int] | None:
        """(width, height) where the latent is at hand."""
        if self._shape is None:
            return None
        scale = self._vae.spacial_compression_decode()
        return int(self._shape[-1] * scale), int(self._shape[-2] * scale)

    def do_reset(self) -> None:
        """Back to the first latent."""
        self._latents.reset()
        self._pieces = self._decoded()

    def do_pull(self, max_frames: int) -> Any:
        """The next frames; a piece of the decoder that is longer is kept for the next pull."""
        assert self._pieces is not None
        taken: list[Tensor] = []
        missing = max_frames
        while missing:
            piece = self._rest.pop() if self._rest else next(self._pieces, None)
            if piece is None:
                break
            if len(piece) > missing:
                self._rest.append(piece[missing:])
                piece = piece[:missing]
            taken.append(piece)
            missing -= len(piece)
        if not taken:
            return None
        return taken[0] if len(taken) == 1 else torch.cat(taken)

    def do_close(self, aborted: bool) -> None:
        """Drops the decoder's state."""
        self._pieces, self._rest = None, []
        run, self._run = self._run, None
        if run is not None:
            run.close()
        self._latents.close(aborted)

    def _decoded(self) -> Iterator[Tensor]:
        """Pieces (n,H,W,3), item after item of a batch of videos."""
        for chunk in self._latents.chunks(1):
            if self._run is not None and chunk.get("item_starts"):
                yield from self._run.flush()
                self._run.reset()
            if self._run is None:
                self._run = chunked.open_decode(self._vae, chunk["samples"])
            yield from self._run.push(chunk["samples"])
        if self._run is not None:
            yield from self._run.flush()
