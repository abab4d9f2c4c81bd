"""Map documents: what a client downloads to learn about a latent space, and the exact bytes of it.

Loaders hash the bytes they download, the publishing tool hashes `JSON.stringify(doc, null, 2)`. Serving
exactly that form makes both agree: two spaces, insertion order, no final newline, text unescaped, numbers
as JavaScript prints them. A map is written once per base URL and the bytes are kept.

Schema: B (pipelines as objects with static scales and keyframe intervals). Further keys are forbidden
there, so scale *and shift* of newer spaces stand in the service information (`describe`) instead.
"""

from __future__ import annotations

import json
import math
from decimal import Context, Decimal
from typing import Any, TypeAlias

from codec_transport.spaces.space import MODALITIES, LatentSpace
from codec_transport.wire.layouts import PIPELINE_LAYOUTS, Scales

Json: TypeAlias = dict[str, Any]

LATENTS_PATH = "/.well-known/codec/latents"
SCALES_PATH = "/.well-known/codec/scales"
DICTIONARIES_PATH = "/.well-known/codec/dicts"


def map_url(space_id: str, base_url: str) -> str:
    """Address of a space's map; the slash in the id stays a path separator."""
    return f"{base_url}{LATENTS_PATH}/{space_id}.json"


def scales_url(scales_hex: str, base_url: str) -> str:
    """Address of a block of static scales."""
    return f"{base_url}{SCALES_PATH}/{scales_hex}.bin"


def dictionary_url(dictionary_hex: str, base_url: str) -> str:
    """Address of a zstd dictionary."""
    return f"{base_url}{DICTIONARIES_PATH}/{dictionary_hex}.zstd"


def map_document(space: LatentSpace, base_url: str) -> Json:
    """The map of schema B. base_url: scheme and host, no slash at the end; addresses inside start with it."""
    document: Json = {
        "id": space.id,
        "version": space.version,
        "shape": list(space.shape),
        "dtype": space.dtype,
    }
    if space.vae_scale_factor is not None:
        document["vae_scale_factor"] = space.vae_scale_factor
    document["pipelines"] = [_pipeline_entry(space, name, base_url) for name in space.pipelines]
    if space.decoder is not None:
        document["decoder"] = {"family": space.decoder.family, "model_class": space.decoder.model_class}
    if space.dictionaries:
        document["zstd_dictionaries"] = dictionary_entries(space, base_url)
    return document


def dictionary_entries(space: LatentSpace, base_url: str) -> list[Json]:
    """What maps and the service information say of a space's dictionaries."""
    return [
        {
            "format": dictionary.stream_format,
            "pipeline": dictionary.pipeline,
            "url": dictionary_url(dictionary.hex, base_url),
            "hash": dictionary.hash,
            "size_bytes": len(dictionary.content),
        }
        for dictionary in space.dictionaries
    ]


def describe(space: LatentSpace, base_url: str, map_hash: str) -> Json:
    """What the service information says of a space, beyond what a map may hold."""
    description: Json = {
        "id": space.id,
        "latent_map_url": map_url(space.id, base_url),
        "latent_map_sha256": map_hash,
        "shape": [space.shape[0], *(["t"] if len(space.shape) == 4 else []), "h", "w"],
        "native_shape": list(space.shape),
        "dtype": space.dtype,
        "spatial_stride": space.spatial_stride,
        "temporal_stride": space.temporal_stride,
        "pipelines": {
            modality: list(space.pipelines_for(modality))
            for modality in MODALITIES
            if modality in space.modalities
        },
    }
    for key in ("vae_scale_factor", "vae_shift_factor"):
        if getattr(space, key) is not None:
            description[key] = getattr(space, key)
    for key in ("latents_mean", "latents_std"):
        if getattr(space, key) is not None:
            description[key] = list(getattr(space, key))
    if space.static_scales is not None:
        description["scales"] = space.static_scales.origin.value
        description["scales_source"] = space.static_scales.source
    return description


def document_bytes(document: Json) -> bytes:
    """A document exactly as `JSON.stringify(document, null, 2)` prints it, in UTF-8.

    Source: ECMA-262, sections "JSON.stringify" and "Number::toString".
    """
    return _text_of(document, indent="\n").encode()


_EXACT = Context(prec=40)  # a double has at most 17 significant digits; the caller's context may have less


def _pipeline_entry(space: LatentSpace, name: str, base_url: str) -> Json:
    entry: Json = {"name": name}
    layout = PIPELINE_LAYOUTS[name]
    if layout.scales is Scales.HEADER and space.static_scales is not None:
        entry["static_scales"] = {
            "url": scales_url(space.static_scales.hex, base_url),
            "hash": space.static_scales.hash,
            "size_bytes": len(space.static_scales.block),
        }
    if layout.is_delta:
        entry["keyframe_interval_frames"] = space.keyframe_interval
    return entry


def _text_of(value: Any, indent: str) -> str:
    """One JSON value. indent: newline and the spaces of the line that the value starts on."""
    inner = indent + "  "
    if isinstance(value, dict):
        members = [f"{inner}{_quoted(key)}: {_text_of(member, inner)}" for key, member in value.items()]
        return "{" + ",".join(members) + indent + "}" if members else "{}"
    if isinstance(value, list | tuple):
        members = [inner + _text_of(member, inner) for member in value]
        return "[" + ",".join(members) + indent + "]" if members else "[]"
    if isinstance(value, float):
        return _number(value)
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _number(value: float) -> str:
    """A double as JavaScript prints it: shortest digits, plain between 1e-6 and 1e21, no `.0`."""
    if not math.isfinite(value):
        return "null"
    if value == 0:
        return "0"
    # repr holds the shortest digits that read back as the same double; only their layout differs
    parts = Decimal(repr(abs(value))).normalize(_EXACT).as_tuple()
    assert isinstance(parts.exponent, int), "finite numbers have a whole exponent"
    digits = "".join(str(digit) for digit in parts.digits)
    point = len(digits) + parts.exponent  # digits in front of the decimal point
    sign = "-" if value < 0 else ""
    if len(digits) <= point <= 21:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{point - 1:+d}"
