"""A directory of maps: what an operator adds to the built-in spaces, and what `calibrate` writes.

* `<name>.json`: a map document of the published schema. Addresses of blocks and dictionaries are names of
  files beside it, which this server then serves; with absolute addresses throughout, the document is
  served byte for byte, and its files must lie beside it all the same (found by hash; nothing is fetched).
* `<name>.facts.json`: what a map has no place for, all optional: `spatial_stride`, `temporal_stride`, `modalities`,
  `vae_shift_factor`, `latents_mean`, `latents_std`, `scales` (`{"origin": "calibrated", "source": "..."}`).
  What is not said there is taken from the known space of that id, else from the defaults of `LatentSpace`.
* `<last part of id>-<format>-<pipeline>-v1.dict`: dictionaries, for maps here and for known spaces.

A map replaces a known space of the same id. Every file is checked when it is read; the first that does not
fit is an error with its path, because a server that silently leaves out a map answers with another one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from codec_transport.errors import CodecError, MapFileError
from codec_transport.spaces.dictionaries import ZstdDictionary, dictionaries_in, read_dictionary
from codec_transport.spaces.schema import map_problems
from codec_transport.spaces.space import (
    MODALITIES,
    DecoderNote,
    LatentSpace,
    ScalesOrigin,
    StaticScales,
    sha256_label,
)
from codec_transport.wire.layouts import PIPELINE_LAYOUTS, Scales

Json = dict[str, Any]
FACTS_SUFFIX = ".facts.json"
MAX_FILE_BYTES = 1024 * 1024  # a map of 128 channels with every entry is below 10 KiB
_FACTS = {
    "spatial_stride": int,
    "temporal_stride": int,
    "vae_shift_factor": float,
    "latents_mean": tuple,
    "latents_std": tuple,
}


def spaces_with(directory: Path, known: Iterable[LatentSpace]) -> tuple[LatentSpace, ...]:
    """The known spaces with the directory's maps and dictionaries put in. Raises: MapFileError."""
    spaces = {space.id: space for space in known}
    if not directory.is_dir():
        raise MapFileError(directory, "is no directory")
    for path in sorted(directory.glob("*.json")):
        if not path.name.endswith(FACTS_SUFFIX):
            space = read_map(path, spaces)
            spaces[space.id] = space
    return tuple(with_dictionaries(directory, spaces.values()))


def with_dictionaries(directory: Path, spaces: Iterable[LatentSpace]) -> list[LatentSpace]:
    """The spaces with those dictionaries added that lie in the directory under their names.

    A space whose map is served byte for byte gets none, because its map could not name them.
    Raises: MapFileError.
    """
    found = []
    for space in spaces:
        extra = () if space.document is not None else dictionaries_in(directory, space.id)
        merged = {(entry.stream_format, entry.pipeline): entry for entry in (*space.dictionaries, *extra)}
        found.append(replace(space, dictionaries=tuple(merged.values())) if extra else space)
    return found


def read_map(path: Path, known: dict[str, LatentSpace]) -> LatentSpace:
    """The space of one map document. known: by id, for what the map does not say. Raises: MapFileError."""
    content = _content(path)
    document = _json(path, content)
    problems = map_problems(document)
    if problems:
        raise MapFileError(path, "; ".join(problems[:5]))
    names = [entry["name"] for entry in document["pipelines"]]
    if "raw" not in names or len(set(names)) != len(names):
        raise MapFileError(path, "pipelines must hold raw, and none of them twice")
    facts = _facts(path)
    block = _scales_block(path, document)
    base = known.get(document["id"])
    dictionaries = _dictionaries(path, document)
    is_complete = _is_complete(document)
    if base is not None and not dictionaries and not is_complete:
        dictionaries = base.dictionaries  # they code bodies of the space, whatever its scales
    fields: Json = {
        "id": document["id"],
        "version": document["version"],
        "shape": tuple(document["shape"]),
        "dtype": document["dtype"],
        "static_scales": None if block is None else _scales(path, block, facts),
        "vae_scale_factor": document.get("vae_scale_factor"),
        "keyframe_interval": _keyframe_interval(document, base),
        "decoder": _decoder(document),
        "dictionaries": dictionaries,
        "document": content if is_complete else None,
        **{key: kind(facts[key]) for key, kind in _FACTS.items() if key in facts},
    }
    if "modalities" in facts:
        fields["modalities"] = frozenset(facts["modalities"])
    try:
        return replace(base, **fields) if base is not None else LatentSpace(**fields)
    except CodecError as error:
        raise MapFileError(path, str(error)) from error


def _facts(path: Path) -> Json:
    beside = path.with_name(path.stem + FACTS_SUFFIX)
    if not beside.is_file():
        return {}
    facts = _json(beside, _content(beside))
    unknown = set(facts) - set(_FACTS) - {"modalities", "scales"}
    if unknown:
        raise MapFileError(beside, f"has keys that are not facts of a space: {', '.join(sorted(unknown))}")
    for key, kind in _FACTS.items():
        value = facts.get(key, kind())
        numbers = value if kind is tuple and isinstance(value, list) else [value]
        is_number = all(isinstance(item, int | float) and not isinstance(item, bool) for item in numbers)
        if key in facts and (not is_number or (kind is tuple) != isinstance(value, list)):
            raise MapFileError(
                beside, f"{key} must be {'a list of numbers' if kind is tuple else 'a number'}"
            )
        if key in facts and kind is int and (not isinstance(value, int) or value < 1):
            raise MapFileError(beside, f"{key} must be a whole number of at least 1")
    modalities = facts.get("modalities", [])
    if not isinstance(modalities, list) or not all(modality in MODALITIES for modality in modalities):
        raise MapFileError(beside, f"modalities must be a list of {', '.join(MODALITIES)}")
    return facts


def _scales(path: Path, block: bytes, facts: Json) -> StaticScales:
    note = facts.get("scales", {})
    origins = [origin.value for origin in ScalesOrigin]
    if not isinstance(note, dict) or note.get("origin", "calibrated") not in origins:
        raise MapFileError(path, f"scales of its facts must be an object with origin {' or '.join(origins)}")
    source = str(note.get("source", f"given by the operator in {path.name}"))
    return StaticScales(block, ScalesOrigin(note.get("origin", "calibrated")), source)


def _scales_block(path: Path, document: Json) -> bytes | None:
    """The one block that the static pipelines share, None when the map lists none of them."""
    blocks: set[bytes] = set()
    for entry in document["pipelines"]:
        is_static = PIPELINE_LAYOUTS[entry["name"]].scales is Scales.HEADER
        if is_static != ("static_scales" in entry):
            expected = "static_scales" if is_static else "none"
            raise MapFileError(path, f"pipeline {entry['name']}: expected {expected}")
        if is_static:
            blocks.add(_file_of(path, entry["static_scales"], "*.bin").read_bytes())
    if len(blocks) > 1:
        raise MapFileError(path, "int8 and int4 name different blocks, expected one for both")
    return next(iter(blocks), None)


def _dictionaries(path: Path, document: Json) -> tuple[ZstdDictionary, ...]:
    return tuple(
        read_dictionary(_file_of(path, entry, "*.dict"), entry["format"], entry["pipeline"])
        for entry in document.get("zstd_dictionaries", [])
    )


def _file_of(path: Path, entry: Json, pattern: str) -> Path:
    """The file that an entry with `url`, `hash` and `size_bytes` stands for, checked."""
    url: str = entry["url"]
    if "://" in url:
        for candidate in sorted(path.parent.glob(pattern)):
            if sha256_label(_content(candidate)) == entry["hash"]:
                return candidate
        raise MapFileError(path, f"{url:.200}: no {pattern} beside the map has its hash {entry['hash']}")
    beside = path.with_name(url) if url == Path(url).name else None
    if beside is None or not beside.is_file():
        raise MapFileError(path, f"{url!r:.200} is no file beside the map")
    content = _content(beside)
    if sha256_label(content) != entry["hash"] or len(content) != entry["size_bytes"]:
        raise MapFileError(beside, f"has another hash or size than {path.name} says")
    return beside


def _is_complete(document: Json) -> bool:
    """True when every address in the map is absolute."""
    entries = [entry["static_scales"] for entry in document["pipelines"] if "static_scales" in entry]
    entries += document.get("zstd_dictionaries", [])
    return bool(entries) and all("://" in entry["url"] for entry in entries)


def _keyframe_interval(document: Json, base: LatentSpace | None) -> int:
    intervals = [entry.get("keyframe_interval_frames") for entry in document["pipelines"]]
    given = [interval for interval in intervals if interval is not None]
    if given:
        return int(min(given))
    return base.keyframe_interval if base is not None else 24


def _decoder(document: Json) -> DecoderNote | None:
    note = document.get("decoder")
    return None if note is None else DecoderNote(note["family"], note["model_class"])


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise MapFileError(path, f"{size} bytes, expected at most {MAX_FILE_BYTES}")
        return path.read_bytes()
    except OSError as error:
        raise MapFileError(path, f"cannot be read: {error.strerror}") from error


def _json(path: Path, content: bytes) -> Json:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise MapFileError(path, f"is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise MapFileError(path, f"holds a JSON {type(document).__name__}, expected an object")
    return document
