"""Messages as msgpack maps: key names, order and which keys must be there, in one table per message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codec_transport.errors import MessageFieldError, RemoteProtocolError
from codec_transport.wire.messages import LatentFrame, LatentStreamHeader

HEADER_TYPE = "header"

# Key -> required, in the order in which the maps are written.
HEADER_KEYS: dict[str, bool] = {
    "latent_space_id": True,
    "shape": True,
    "dtype": True,
    "pipeline": True,
    "scales": False,
    "fps": False,
    "total_frames": False,
    "vae_scale_factor": False,
}
FRAME_KEYS: dict[str, bool] = {
    "data": True,
    "seq": True,
    "keyframe": True,
    "done": True,
    "finish_reason": False,
}


def header_to_map(header: LatentStreamHeader) -> dict[str, Any]:
    """The header as the map that is packed; optional values that are unset are left out, never nil."""
    packed: dict[str, Any] = {"type": HEADER_TYPE}
    for key in HEADER_KEYS:
        value = getattr(header, key)
        if value is not None:
            packed[key] = value
    return packed


def header_from_map(mapping: Mapping[str, Any]) -> LatentStreamHeader:
    """A header from an unpacked map; unknown keys are ignored, a missing `type` is accepted.

    Raises: RemoteProtocolError naming the key.
    """
    if mapping.get("type", HEADER_TYPE) != HEADER_TYPE:
        raise RemoteProtocolError(f'type is {mapping["type"]!r:.80}, expected "header"', field="type")
    return header_from_fields(_chosen(mapping, HEADER_KEYS))


def frame_from_map(mapping: Mapping[str, Any]) -> LatentFrame:
    """A frame from an unpacked map; unknown keys are ignored. Raises: RemoteProtocolError naming the key."""
    if mapping.get("type") == HEADER_TYPE:
        raise RemoteProtocolError("a second header, expected a frame", field="type")
    return frame_from_fields(_chosen(mapping, FRAME_KEYS))


def header_from_fields(fields: Mapping[str, Any]) -> LatentStreamHeader:
    """A header from received fields. Raises: RemoteProtocolError naming the field that does not fit."""
    try:
        return LatentStreamHeader(**fields)
    except MessageFieldError as error:
        raise RemoteProtocolError(str(error), field=error.field) from error


def frame_from_fields(fields: Mapping[str, Any]) -> LatentFrame:
    """A frame from received fields. Raises: RemoteProtocolError naming the field that does not fit."""
    try:
        return LatentFrame(**fields)
    except MessageFieldError as error:
        raise RemoteProtocolError(str(error), field=error.field) from error


def _chosen(mapping: Mapping[str, Any], keys: Mapping[str, bool]) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    for key, is_required in keys.items():
        value = mapping.get(key)
        if value is not None:
            chosen[key] = value
        elif is_required:
            raise RemoteProtocolError(f"{key} is missing", field=key)
    return chosen
