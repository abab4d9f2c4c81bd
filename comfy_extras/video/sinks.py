"""Generators that end a chain: a video file, picture files, an animation. Each `yield n` says that n frames are done.

The engine steps them. A file gets its name when its generator returns and is gone when anything is thrown in; the
errors of the frames themselves pass through untouched.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Iterator, Mapping
from fractions import Fraction
from typing import Any

from PIL import Image
from torch import Tensor

import folder_paths
from comfy_api.media import png, saving
from comfy_api.media.animated import webp_exif
from comfy_api.media.values import AudioInput
from comfy_api.media.video_formats import exact_rate, video_format
from comfy_api.media.video_writer import VideoWriter
from comfy_extras.errors import NodeInputError
from comfy_extras.video.animations import AnimationWriter, ApngWriter, WebpWriter
from comfy_extras.video_ops import naming_inputs, naming_output, node_output

Steps = Generator[int, Any, saving.CountedOutput]


def video_steps(
    chunks: Iterator[Tensor],
    *,
    frames_input: str,
    filename_prefix: str,
    fps: float | Fraction,
    format: str,
    codec: str,
    audio: AudioInput | None,
    metadata: Mapping[str, Any],
    codec_options: Mapping[str, str] | None = None,
) -> Steps:
    """Writes a video in the output folder; returns the file. `frames_input` names the frames' input in errors.

    Raises: NodeInputError, OutputFileError naming the input; whatever the chunks raise.
    """
    values = {frames_input: "frames", "fps": fps, "format": format, "codec": codec, "audio": audio}
    with naming_inputs(values, images=frames_input):
        extension = "." + video_format(format, codec).container.extension
        exact_rate(fps)
    first = _first(chunks, frames_input)
    height, width = int(first.shape[1]), int(first.shape[2])
    with node_output(filename_prefix, extension, width=width, height=height) as out:
        with naming_inputs(values, images=frames_input):
            writer = VideoWriter(
                out.temporary,
                fps,
                format=format,
                codec=codec,
                audio=audio,
                metadata=metadata,
                codec_options=codec_options,
            )
        with writer:
            chunk: Tensor | None = first
            while chunk is not None:
                with naming_inputs(values, images=frames_input), naming_output(filename_prefix):
                    writer.write(chunk)
                yield len(chunk)
                chunk = next(chunks, None)
            with naming_inputs(values, images=frames_input), naming_output(filename_prefix):
                writer.finish()
    return out


def picture_steps(
    chunks: Iterator[Tensor], *, filename_prefix: str, text: Mapping[str, str]
) -> Generator[int, Any, list[tuple[str, str]]]:
    """Writes one PNG per frame; returns (file name, subfolder) of each. Files that are done stay."""
    saved: list[tuple[str, str]] = []
    first = _first(chunks, "stream")
    height, width = int(first.shape[1]), int(first.shape[2])
    root = folder_paths.get_output_directory()
    with naming_output(filename_prefix):
        folder_paths.jailed_path(root, filename_prefix)
        # the folder is searched once: for a film of files that would be quadratic
        folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
            filename_prefix, root, width, height
        )
    chunk: Tensor | None = first
    while chunk is not None:
        for image in chunk:
            index = len(saved)
            numbered = name.replace("%batch_num%", str(index))

            def name_for(attempt: int, numbered: str = numbered, number: int = counter + index) -> str:
                return f"{numbered}_{number + attempt:05}_.png"

            with naming_output(filename_prefix), folder_paths.atomic_output(folder, name_for) as out:
                content = png.encode_png(image, text)
                with saving.open_output(str(out.temporary)) as file:
                    saving.write_all(file, content)
            assert out.path is not None
            saved.append((out.path.name, subfolder))
        yield len(chunk)
        chunk = next(chunks, None)
    return saved


def animation_steps(
    chunks: Iterator[Tensor],
    *,
    filename_prefix: str,
    format: str,
    fps: float,
    lossless: bool,
    quality: int,
    text: Mapping[str, str],
) -> Steps:
    """Writes one animated PNG ("apng") or WebP ("webp"); returns the file."""
    with naming_inputs({"fps": fps}):
        exact_rate(fps)
    extension = ".png" if format == "apng" else ".webp"
    first = _first(chunks, "stream")
    height, width = int(first.shape[1]), int(first.shape[2])
    with node_output(filename_prefix, extension, width=width, height=height) as out:
        with naming_output(filename_prefix):
            file = saving.open_output(out.temporary)
        with file:
            buffered = io.BufferedRandom(file)  # type: ignore[arg-type]  # a raw file that may be a test's own
            writer: AnimationWriter = (
                ApngWriter(buffered, fps, text, png.SAVE_LEVEL)
                if format == "apng"
                else WebpWriter(buffered, fps, webp_exif(text), lossless, quality)
            )
            chunk: Tensor | None = first
            size: tuple[int, int] | None = None
            while chunk is not None:
                for image in chunk:
                    picture = _picture(image)
                    size = size or picture.size
                    if picture.size != size:
                        raise NodeInputError(
                            "stream", f"{picture.size}", f"has frames of another size than {size}"
                        )
                    with naming_output(filename_prefix):
                        writer.add(picture)
                yield len(chunk)
                chunk = next(chunks, None)
            with naming_output(filename_prefix):
                writer.finish()
                buffered.flush()
    return out


def counted_steps(chunks: Iterator[Any], length: Callable[[Any], int]) -> Generator[int, Any, int]:
    """Forgets the frames; returns how many there were."""
    total = 0
    for chunk in chunks:
        total += length(chunk)
        yield length(chunk)
    return total


def _first(chunks: Iterator[Tensor], input_name: str) -> Tensor:
    first = next(chunks, None)
    if first is None:
        raise NodeInputError(input_name, "a stream", "ended without a frame, so there is nothing to save")
    return first


def _picture(image: Tensor) -> Image.Image:
    picture = png.to_pil(image)
    return picture.convert("RGB") if picture.mode == "L" else picture
