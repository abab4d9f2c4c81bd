"""How large and how long: the fields of a request that say so, in every spelling that callers use."""

from __future__ import annotations

import re

from codec_transport.endpoints.negotiation_fields import FieldReader
from codec_transport.endpoints.negotiation_records import Endpoint, ModelFacts, RequestLimits
from codec_transport.endpoints.rejection import RejectionError

DEFAULT_FPS = 24
DEFAULT_FRAMES = 24


def read_size(
    fields: FieldReader, endpoint: Endpoint, model: ModelFacts, limits: RequestLimits
) -> tuple[int, int]:
    """Width and height in pixels. Raises: RejectionError `invalid_size`."""
    param = "size"
    text = fields.text("size")
    if text is not None:
        found = re.fullmatch(r"\s*([0-9]{1,6})[xX]([0-9]{1,6})\s*", text)
        if found is None:
            raise _bad_size(param, f"{text!r:.40} is not WIDTHxHEIGHT")
        width, height = int(found[1]), int(found[2])
    elif endpoint is Endpoint.VIDEOS and fields.has("resolution"):
        param = "resolution"
        side = fields.whole(param, least=-(2**53), most=2**53)
        width = height = side or 0
    else:
        width, height = model.native_size
    stride = model.space.spatial_stride if model.space is not None else 8
    if min(width, height) < 1 or width % stride or height % stride:
        raise _bad_size(param, f"{width}x{height}, both sides must be multiples of {stride}")
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        bound = f"{limits.max_side} pixels a side and {limits.max_pixels} in all"
        raise _bad_size(param, f"{width}x{height}, at most {bound}")
    return width, height


def read_length(
    fields: FieldReader, endpoint: Endpoint, model: ModelFacts, limits: RequestLimits
) -> tuple[int, int | None]:
    """Pixel frames and playback rate; one frame and no rate on the image endpoint."""
    if endpoint is Endpoint.IMAGES:
        return 1, None
    most = min(limits.max_frames, model.max_frames)
    fps = fields.whole("fps", least=1, most=limits.max_fps) or DEFAULT_FPS
    frames = fields.whole("frames", least=1, most=most)
    seconds = fields.number("duration_seconds", least=0.0, most=most)
    if frames is None and seconds is not None:
        frames = round(fps * seconds)
        if not 1 <= frames <= most:
            raise RejectionError(
                400,
                "invalid_value",
                f"duration_seconds: {frames} frames at {fps} fps, expected 1 to {most}",
                param="duration_seconds",
            )
    return frames or DEFAULT_FRAMES, fps


def check_clip(endpoint: Endpoint, model: ModelFacts, num_pixels: int) -> None:
    """Raises: RejectionError for more pixels in all frames than the model samples at once."""
    if endpoint is Endpoint.VIDEOS and num_pixels > model.max_clip_pixels:
        raise RejectionError(
            400,
            "invalid_value",
            f"frames: {num_pixels} pixels in all frames, at most {model.max_clip_pixels} with {model.name}",
            param="frames",
        )


def _bad_size(param: str, problem: str) -> RejectionError:
    return RejectionError(400, "invalid_size", f"{param}: {problem}", param=param)
