"""What each pipeline and coding costs in bytes and in picture, on latents that the demo model really makes.

The reference is the picture that the decoder draws from the sampler's own float32 latent. Its JPEG, WebP and H.264
files stand beside it with their own distance to it.

SSIM: Wang et al. 2004, luma, Gaussian window of 11 with deviation 1.5; PSNR over all three colours of 8 bits.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from codec_transport import (
    LatentStreamDecoder,
    decode_latent_frame_msgpack,
    decode_latent_header_msgpack,
    split_messages,
)
from codec_transport.dictionary_training import coded_size, train
from codec_transport.real_latents import LatentSource, SamplingChoice
from codec_transport.spaces.builtin import DEMO_SPACE_ID, SD1_SPACE_ID, builtin_spaces
from codec_transport.spaces.space import LatentSpace
from codec_transport.train_dict import body_of
from codec_transport.wire.codings import AVAILABLE_CODINGS, body_coder
from codec_transport.wire.layouts import PIPELINE_LAYOUTS, PIPELINES

CHECKPOINT = Path("models/checkpoints/codec-demo-sd1.safetensors")
SEED = 9000  # neither scales nor dictionaries have seen these
CLIP_FRAMES = 12
GAUSSIAN_SHAPE = (4, 64, 64)
NUM_GAUSSIAN = 40
JPEG_QUALITY, WEBP_QUALITY, H264_CRF = 85, 85, 18

Picture = npt.NDArray[np.uint8]


def space_of(space_id: str) -> LatentSpace:
    """A built-in space."""
    return next(space for space in builtin_spaces() if space.id == space_id)


def psnr_db(one: Picture, other: Picture) -> float:
    """Peak signal to noise of 8-bit pictures; equal ones count as 100 dB."""
    error = float(np.mean((one.astype(np.float64) - other) ** 2))
    return min(100.0, 10 * np.log10(255.0**2 / error)) if error else 100.0


def ssim(one: Picture, other: Picture) -> float:
    """Structural similarity of two (H,W,3) pictures, 1 for equal ones."""
    axis = torch.arange(11, dtype=torch.float64) - 5
    weights = torch.exp(-(axis**2) / (2 * 1.5**2))
    window = torch.outer(weights, weights)[None, None] / weights.sum() ** 2
    luma = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
    x, y = ((torch.tensor(p, dtype=torch.float64) @ luma)[None, None] for p in (one, other))

    def blurred(values: Tensor) -> Tensor:
        return F.conv2d(values, window)

    mean_x, mean_y = blurred(x), blurred(y)
    var_x, var_y = blurred(x * x) - mean_x**2, blurred(y * y) - mean_y**2
    covariance = blurred(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    top = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return float((top / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))).mean())


class Painter:
    """Model-space latents to 8-bit pictures, with the checkpoint's own decoder."""

    def __init__(self, source: LatentSource, space: LatentSpace) -> None:
        assert source.checkpoint.vae is not None, "the demo checkpoint holds its autoencoder"
        self._vae, self._factor = source.checkpoint.vae, space.vae_scale_factor or 1.0

    def paint(self, latent: Tensor) -> Picture:
        """(H,W,3) of a latent (C,h,w)."""
        pixels = self._vae.decode(latent[None] / self._factor)[0]
        return (pixels * 255).round().clamp(0, 255).to(torch.uint8).numpy()


def decoded(body: bytes) -> list[Tensor]:
    """The latents of a msgpack body."""
    first, *rest = split_messages([body], "msgpack")
    decoder = LatentStreamDecoder(decode_latent_header_msgpack(first))
    return [torch.from_numpy(decoder.decode_frame(decode_latent_frame_msgpack(message))) for message in rest]


def coded_sizes(body: bytes, space: LatentSpace, pipeline: str) -> dict[str, int]:
    """Bytes of a msgpack body under every coding at hand; zstd where a dictionary ships."""
    sizes = {"identity": len(body)}
    for coding in AVAILABLE_CODINGS:
        sizes[coding] = coded_size(body, "msgpack", body_coder(coding))
    dictionary = space.dictionary_for("msgpack", pipeline)
    if dictionary is not None:
        sizes["zstd"] = coded_size(body, "msgpack", body_coder("zstd", dictionary=dictionary.content))
    return sizes


def measure_pictures(
    prompts: Sequence[str], clip_prompts: Sequence[tuple[str, str]], side: int
) -> dict[str, Any]:
    """Bytes, PSNR and SSIM per pipeline for pictures and clips of the demo model, and of image and video files."""
    space = space_of(DEMO_SPACE_ID)
    source = LatentSource(CHECKPOINT)
    painter = Painter(source, space)
    choice = SamplingChoice(side=side, seed=SEED)
    pictures = [[latent] for latent in source.from_prompts(prompts, space, choice)]
    clips = list(source.clips(clip_prompts, space, choice, CLIP_FRAMES))
    return {
        "checkpoint": CHECKPOINT.name,
        "side": side,
        "pictures": _rows(
            pictures, [p for p in PIPELINES if not PIPELINE_LAYOUTS[p].is_delta], space, painter
        )
        + _file_rows(pictures, painter),
        "clips": _rows(clips, list(PIPELINES), space, painter) + _file_rows(clips, painter),
        "num_pictures": len(pictures),
        "num_clips": len(clips),
        "frames_per_clip": CLIP_FRAMES,
    }


def _rows(
    streams: Sequence[Sequence[Tensor]], pipelines: Sequence[str], space: LatentSpace, painter: Painter
) -> list[dict[str, Any]]:
    wanted = [[painter.paint(latent) for latent in stream] for stream in streams]
    rows = []
    for pipeline in pipelines:
        bodies = [body_of(space, "msgpack", pipeline, stream) for stream in streams]
        drawn = [[painter.paint(latent) for latent in decoded(body)] for body in bodies]
        sizes = [coded_sizes(body, space, pipeline) for body in bodies]
        rows.append(
            {
                "name": pipeline,
                "bytes": {coding: round(mean(size[coding] for size in sizes)) for coding in sizes[0]},
                **_distance(wanted, drawn),
            }
        )
    return rows


def _distance(wanted: Sequence[Sequence[Picture]], drawn: Sequence[Sequence[Picture]]) -> dict[str, float]:
    pairs = [pair for one, other in zip(wanted, drawn, strict=True) for pair in zip(one, other, strict=True)]
    return {
        "psnr_db": round(mean(psnr_db(*pair) for pair in pairs), 2),
        "ssim": round(mean(ssim(*pair) for pair in pairs), 4),
    }


def _file_rows(streams: Sequence[Sequence[Tensor]], painter: Painter) -> list[dict[str, Any]]:
    wanted = [[painter.paint(latent) for latent in stream] for stream in streams]
    rows: list[dict[str, Any]] = [
        {
            "name": "RGB, 8 bit",
            "bytes": {"identity": sum(p.nbytes for p in wanted[0])},
            "psnr_db": 100.0,
            "ssim": 1.0,
        }
    ]
    for name, form, options in (
        ("PNG", "PNG", {}),
        (f"JPEG {JPEG_QUALITY}", "JPEG", {"quality": JPEG_QUALITY}),
        (f"WebP {WEBP_QUALITY}", "WEBP", {"quality": WEBP_QUALITY}),
    ):
        files = [[_file(picture, form, options) for picture in pictures] for pictures in wanted]
        drawn = [[np.asarray(Image.open(io.BytesIO(f)).convert("RGB")) for f in clip] for clip in files]
        size = round(mean(sum(map(len, clip)) for clip in files))
        rows.append({"name": name, "bytes": {"identity": size}, **_distance(wanted, drawn)})
    videos = [_h264(pictures) for pictures in wanted]
    drawn = [_frames(video) for video in videos]
    size = round(mean(map(len, videos)))
    rows.append({"name": f"H.264 crf {H264_CRF}", "bytes": {"identity": size}, **_distance(wanted, drawn)})
    return rows


def _file(picture: Picture, form: str, options: dict[str, int]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, form, **options)
    return out.getvalue()


def _h264(pictures: Sequence[Picture]) -> bytes:
    """An MP4 file; 4:4:4, so that small coloured pictures are compared fairly."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=24, options={"crf": str(H264_CRF)})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv444p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return out.getvalue()


def _frames(video: bytes) -> list[Picture]:
    with av.open(io.BytesIO(video), "r") as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]


def measure_gaussian() -> list[dict[str, Any]]:
    """What codings save on unit Gaussian latents, per pipeline; zstd with a dictionary trained on such bodies."""
    space = space_of(SD1_SPACE_ID)
    random = np.random.default_rng(3)
    latents = [
        random.standard_normal(GAUSSIAN_SHAPE, np.float32).astype(np.float16) for _ in range(NUM_GAUSSIAN)
    ]
    rows = []
    for pipeline in ("raw", "int8", "int4", "int8-adaptive", "int4-adaptive"):
        bodies = [body_of(space, "msgpack", pipeline, [latent]) for latent in latents]
        dictionary = train(bodies[NUM_GAUSSIAN // 2 :], "msgpack", sizes=(4096,)).content
        plain = sum(map(len, bodies[: NUM_GAUSSIAN // 2]))
        saved = {}
        for coding in ("gzip", "br", "zstd"):
            given = dictionary if coding == "zstd" else None
            coded = sum(
                coded_size(body, "msgpack", body_coder(coding, dictionary=given))
                for body in bodies[: NUM_GAUSSIAN // 2]
            )
            saved[coding] = round(1 - coded / plain, 4)
        rows.append({"pipeline": pipeline, "bytes": len(bodies[0]), "saved": saved})
    return rows
