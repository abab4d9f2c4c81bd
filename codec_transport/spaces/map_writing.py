"""Writes a latent space into a maps directory, in the form that `maps_directory` reads."""

from __future__ import annotations

import json
from pathlib import Path

from codec_transport.spaces.dictionaries import dictionary_name
from codec_transport.spaces.map_document import Json, document_bytes, map_document
from codec_transport.spaces.maps_directory import FACTS_SUFFIX
from codec_transport.spaces.space import LatentSpace


def write_map(space: LatentSpace, directory: Path) -> Path:
    """Map, facts and the block of scales; gives the map's file. Addresses are names of files beside it.

    Dictionaries lie in the directory under names of their own and are found by them, so the map lists none.
    """
    directory.mkdir(parents=True, exist_ok=True)
    stem = space.id.rpartition("/")[2]
    document = map_document(space, "")
    document.pop("zstd_dictionaries", None)
    if space.static_scales is not None:
        block = f"{stem}-scales-v{space.version}.bin"
        (directory / block).write_bytes(space.static_scales.block)
        for entry in document["pipelines"]:
            if "static_scales" in entry:
                entry["static_scales"]["url"] = block
    path = directory / f"{stem}.json"
    path.write_bytes(document_bytes(document))
    (directory / f"{stem}{FACTS_SUFFIX}").write_text(json.dumps(_facts(space), indent=2) + "\n", "utf-8")
    return path


def write_dictionary(
    directory: Path, space_id: str, stream_format: str, pipeline: str, content: bytes
) -> Path:
    """A dictionary under the name by which it is found; gives its file."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / dictionary_name(space_id, stream_format, pipeline)
    path.write_bytes(content)
    return path


def _facts(space: LatentSpace) -> Json:
    """What the map has no place for."""
    facts: Json = {
        "spatial_stride": space.spatial_stride,
        "temporal_stride": space.temporal_stride,
        "modalities": sorted(space.modalities),
    }
    for key in ("vae_shift_factor", "latents_mean", "latents_std"):
        if getattr(space, key) is not None:
            facts[key] = getattr(space, key)
    if space.static_scales is not None:
        facts["scales"] = {
            "origin": space.static_scales.origin.value,
            "source": space.static_scales.source,
        }
    return facts
