"""The older kind of map (schema A), for clients whose validator knows no other.

It forbids what schema B requires and the other way round, so it is a second document with a hash of its own,
never a mixture: no static scales, pipelines as plain names, and at least one decoder that can be downloaded.
A space without one has no such map.
"""

from __future__ import annotations

from collections.abc import Sequence

from codec_transport.spaces.map_document import Json, dictionary_entries
from codec_transport.spaces.space import VIDEO_LATENTS, DecoderFile, LatentSpace
from codec_transport.wire.layouts import PIPELINE_LAYOUTS, Scales

DEFAULT_FPS = 24


def old_map_document(space: LatentSpace, decoders: Sequence[DecoderFile], base_url: str) -> Json:
    """The map of schema A. decoders: at least one; paths among their addresses get the base in front.

    `int8` and `int4` are left out: their scales have no place in such a map.
    """
    document: Json = {
        "id": space.id,
        "version": space.version,
        "space_kind": "video" if space.modalities == {VIDEO_LATENTS} else "image",
        "shape": list(space.shape),
        "dtype": space.dtype,
    }
    if space.vae_scale_factor is not None:
        document["vae_scale_factor"] = space.vae_scale_factor
    document["decoders"] = [_decoder_entry(decoder, base_url) for decoder in decoders]
    document["pipelines"] = [
        name for name in space.pipelines if PIPELINE_LAYOUTS[name].scales is not Scales.HEADER
    ]
    if VIDEO_LATENTS in space.modalities:
        document["video"] = {
            "default_fps": DEFAULT_FPS,
            "keyframe_interval": space.keyframe_interval,
            "temporal_axis": 1,
        }
    if space.dictionaries:
        document["zstd_dictionaries"] = dictionary_entries(space, base_url)
    return document


def _decoder_entry(decoder: DecoderFile, base_url: str) -> Json:
    return {
        "runtime": decoder.runtime,
        "url": decoder.url if "://" in decoder.url else base_url + decoder.url,
        "hash": decoder.hash,
        "size_bytes": decoder.size_bytes,
        "input_shape": list(decoder.input_shape),
        "input_dtype": decoder.input_dtype,
        "output": decoder.output,
        "license": decoder.license,
    }
