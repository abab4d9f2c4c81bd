"""Ordinary nodes that may be fused, their frames being indices: `decode`, `scale`, `blend`, `savev`, and `ord`."""

from __future__ import annotations

from typing import Any

import torch
from stream_nodes import IMAGE, LOG, Counter, File, N, T, frames, numbers, one, v1

from comfy_api.streams import TensorImageStream


def decode(self, n, uid):
    LOG.calls.append(f"decode {uid}")
    return (frames(range(n)),)


def scale(self, image, f, uid):
    LOG.calls.append(f"scale {uid}")
    LOG.seen.setdefault("scale sizes", []).append(len(image))
    return (image * f,)


def blend(self, image, other, uid):
    return (image + other,)


def no_frames(self, image, uid):
    if not len(image):
        raise ValueError("no frames")
    LOG.seen.setdefault("sizes", []).append(len(image))
    return (image + 1,)


def savev(self, image, name, uid):
    LOG.calls.append(f"savev {uid}")
    with File(name) as file:
        file.frames += numbers(image)
    return {"ui": {"files": [name]}, "result": (name,)}


def drain_savev(self, image, name):
    with File(name) as file:
        for part in image.chunks():
            file.frames += numbers(part)
            yield len(part)
    return {"ui": {"files": [name]}, "result": (name,)}


class Video:
    """A VIDEO: frames as a batch or as a stream."""

    def __init__(self, images: Any) -> None:
        self.images = images

    def held_streams(self):
        return () if isinstance(self.images, torch.Tensor) else (self.images,)

    def with_streams(self, streams):
        return Video(streams[0])


def drain_video(self, video, name):
    with File(name) as file:
        for part in video.images.chunks():
            file.frames += numbers(part)
            yield len(part)
    return {"ui": {"files": [name]}}


def save_video(self, video, name, uid):
    LOG.calls.append("save_video")
    with File(name) as file:
        file.frames += numbers(video.images)
    return {"ui": {"files": [name]}}


def cumulative(image):
    """A convolution over time would look like this: its result depends on where chunks begin."""
    return image + torch.arange(len(image)).reshape(-1, 1, 1, 1)


FUSED = {
    "decode": v1(
        (IMAGE,),
        {"n": N},
        decode,
        open_stream=lambda self, n, uid=None: (Counter("decode", n),),
        stream_estimate=lambda self, n: (n, (1, 1, 1)),
    ),
    "decode_file": v1(
        (IMAGE,),
        {"n": N},
        decode,
        open_stream=lambda self, n, uid=None: (Counter("decode_file", n, known=False),),
        stream_estimate=lambda self, n: (None, (1, 1, 1)),
    ),
    "scale": v1((IMAGE,), {"image": IMAGE, "f": N}, scale, FRAME_WISE=("image",)),
    "blend": v1((IMAGE,), {"image": IMAGE, "other": IMAGE}, blend, FRAME_WISE=("image", "other")),
    "no_frames": v1((IMAGE,), {"image": IMAGE}, no_frames, FRAME_WISE=("image",)),
    "grained": v1(
        (IMAGE,),
        {"image": IMAGE},
        one(lambda uid, image: cumulative(image)),
        FRAME_WISE=("image",),
        FRAME_WISE_GRAIN=5,
    ),
    "shrinks": v1((IMAGE,), {"image": IMAGE}, one(lambda uid, image: image[:3]), FRAME_WISE=("image",)),
    "ord": v1((IMAGE,), {"image": IMAGE}, one(lambda uid, image: image + 100)),
    "savev": v1((T[0],), {"image": IMAGE, "name": T}, savev, OUTPUT_NODE=True, drain_stream=drain_savev),
    "text_len": v1(("INT",), {"text": T}, one(lambda uid, text: len(text))),
    "create_video": v1(
        ("VIDEO",),
        {"images": IMAGE, "fps": N},
        one(lambda uid, images, fps: Video(images)),
        open_stream=lambda self, images, fps, uid=None: (Video(images),),
    ),
    "save_video": v1(
        (), {"video": "VIDEO", "name": T}, save_video, OUTPUT_NODE=True, drain_stream=drain_video
    ),
    "frames_of": v1(
        (IMAGE,),
        {"video": "VIDEO"},
        one(
            lambda uid, video: (
                torch.cat(list(TensorImageStream(video.images).chunks()))
                if isinstance(video.images, torch.Tensor)
                else torch.cat(list(video.images.chunks()))
            )
        ),
    ),
}
