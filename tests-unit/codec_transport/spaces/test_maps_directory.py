"""An operator's maps: read with their files, checked, put over the known spaces."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from codec_transport.errors import MapFileError
from codec_transport.spaces.builtin import DEMO_SPACE_ID, SD1_SPACE_ID, SDXL_SPACE_ID, builtin_spaces
from codec_transport.spaces.maps_directory import spaces_with, with_dictionaries
from codec_transport.spaces.registry import SpaceRegistry
from codec_transport.spaces.space import VIDEO_LATENTS, ScalesOrigin, sha256_label

BASE = "http://127.0.0.1:8188"
BLOCK = struct.pack("<4e", 3.0, 3.5, 4.0, 4.5)
DATA = Path(__file__).parents[2] / "data" / "vectors" / "codec" / "compressed"
DICTIONARY = (DATA / "sd-vae-ft-mse-msgpack-int8-v1.dict").read_bytes()


def map_of(space_id="example/own-vae", url="own.bin", **more):
    scales = {"url": url, "hash": sha256_label(BLOCK), "size_bytes": len(BLOCK)}
    return {
        "id": space_id,
        "version": "3",
        "shape": [4, 32, 32],
        "dtype": "fp16",
        "pipelines": [{"name": "raw"}, {"name": "int8", "static_scales": scales}],
        **more,
    }


@pytest.fixture
def maps(tmp_path):
    (tmp_path / "own.bin").write_bytes(BLOCK)
    return tmp_path


def write(maps, document, name="own.json"):
    (maps / name).write_text(json.dumps(document, indent=2), "utf-8")


def loaded(maps):
    return {space.id: space for space in spaces_with(maps, builtin_spaces())}


def test_new_space_joins_the_known_ones(maps):
    write(maps, map_of())
    facts = {"spatial_stride": 16, "temporal_stride": 4, "modalities": [VIDEO_LATENTS]}
    (maps / "own.facts.json").write_text(json.dumps({**facts, "latents_mean": [0, 1, 2, 3]}), "utf-8")
    spaces = loaded(maps)
    assert len(spaces) == len(builtin_spaces()) + 1
    space = spaces["example/own-vae"]
    assert (space.shape, space.version, space.static_scales.block) == ((4, 32, 32), "3", BLOCK)
    assert (space.spatial_stride, space.temporal_stride) == (16, 4)
    assert (space.modalities, space.latents_mean) == ({VIDEO_LATENTS}, (0, 1, 2, 3))
    assert space.static_scales.origin is ScalesOrigin.CALIBRATED


def test_map_of_a_known_space_replaces_it_and_keeps_what_it_does_not_say(maps):
    write(maps, map_of(SDXL_SPACE_ID, vae_scale_factor=0.13025))
    before = {space.id: space for space in builtin_spaces()}[SDXL_SPACE_ID]
    space = loaded(maps)[SDXL_SPACE_ID]
    assert space.static_scales.block == BLOCK != before.static_scales.block
    assert (space.spatial_stride, space.modalities) == (before.spatial_stride, before.modalities)


def test_names_of_files_become_addresses_of_this_server(maps):
    write(maps, map_of())
    registry = SpaceRegistry(loaded(maps).values())
    entry = json.loads(registry.map_bytes("example/own-vae", BASE))["pipelines"][1]["static_scales"]
    assert entry["url"] == f"{BASE}/.well-known/codec/scales/{sha256_label(BLOCK)[7:]}.bin"
    assert registry.scales_block(entry["hash"]) == BLOCK


def test_map_with_addresses_of_its_own_is_served_byte_for_byte(maps):
    write(maps, map_of(url="https://cdn.example.org/own.bin"))
    registry = SpaceRegistry(loaded(maps).values())
    body = (maps / "own.json").read_bytes()
    for base in (BASE, "https://other.example.org"):
        assert registry.map_bytes("example/own-vae", base) == body
        assert registry.map_hash("example/own-vae", base) == sha256_label(body)


def test_dictionaries_are_found_by_name_and_listed(maps):
    (maps / "sd-vae-ft-mse-msgpack-delta-int8-v1.dict").write_bytes(DICTIONARY)
    registry = SpaceRegistry(loaded(maps).values())
    dictionary = registry.get(SD1_SPACE_ID).dictionary_for("msgpack", "delta+int8")
    assert dictionary.hash == sha256_label(DICTIONARY)
    assert registry.dictionary(dictionary.hash) == DICTIONARY
    assert registry.get(SD1_SPACE_ID).dictionary_for("protobuf", "delta+int8") is None
    (entry,) = json.loads(registry.map_bytes(SD1_SPACE_ID, BASE))["zstd_dictionaries"]
    assert entry == {
        "format": "msgpack",
        "pipeline": "delta+int8",
        "url": f"{BASE}/.well-known/codec/dicts/{dictionary.hex}.zstd",
        "hash": dictionary.hash,
        "size_bytes": len(DICTIONARY),
    }


def test_dictionary_beside_a_map_replaces_the_one_that_shipped(maps):
    (maps / "sd-vae-ft-mse-msgpack-int8-v1.dict").write_bytes(DICTIONARY)
    once = with_dictionaries(maps, builtin_spaces())
    twice = with_dictionaries(maps, once)
    space = {space.id: space for space in twice}[SD1_SPACE_ID]
    assert [entry.content for entry in space.dictionaries] == [DICTIONARY]


def test_new_scales_of_a_known_space_leave_its_dictionaries(maps):
    before = {space.id: space for space in builtin_spaces()}[DEMO_SPACE_ID]
    write(maps, map_of(DEMO_SPACE_ID))
    assert loaded(maps)[DEMO_SPACE_ID].dictionaries == before.dictionaries != ()


def test_map_may_list_its_dictionaries(maps):
    (maps / "some.dict").write_bytes(DICTIONARY)
    entry = {"format": "protobuf", "pipeline": "raw", "url": "some.dict"}
    entry |= {"hash": sha256_label(DICTIONARY), "size_bytes": len(DICTIONARY)}
    write(maps, map_of(zstd_dictionaries=[entry]))
    assert loaded(maps)["example/own-vae"].dictionary_for("protobuf", "raw").content == DICTIONARY


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (b"{", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "expected an object"),
        (b"\xff\xfe", "no JSON"),
        ({"id": "a/b"}, "no 'version'"),
        (map_of(url="../own.bin"), "no file beside"),
        (map_of(url="/etc/passwd"), "no file beside"),
        (map_of(url="missing.bin"), "no file beside"),
        (map_of(url="https://cdn.example.org/x.bin") | {"pipelines": None}, "pipelines"),
        (map_of(pipelines=[{"name": "int8-adaptive"}]), "must hold raw"),
        (map_of(pipelines=[{"name": "raw"}, {"name": "raw"}]), "twice"),
        (map_of(pipelines=[{"name": "raw"}, {"name": "int8"}]), "expected static_scales"),
        (map_of(shape=[5, 8, 8]), "5 finite fp16"),
    ],
)
def test_map_that_does_not_fit_is_named_with_its_file(maps, document, problem):
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    (maps / "own.json").write_bytes(content)
    with pytest.raises(MapFileError, match=problem) as caught:
        loaded(maps)
    assert caught.value.path.endswith("own.json")


def test_block_that_was_changed_is_refused(maps):
    write(maps, map_of())
    (maps / "own.bin").write_bytes(BLOCK[:-1] + b"\x45")
    with pytest.raises(MapFileError, match="another hash"):
        loaded(maps)


def test_absolute_address_without_its_file_is_refused(maps):
    write(maps, map_of(url="https://cdn.example.org/own.bin"))
    (maps / "own.bin").unlink()
    with pytest.raises(MapFileError, match="beside the map has its hash"):
        loaded(maps)


@pytest.mark.parametrize(
    "facts",
    [
        {"spatial_stride": 0},
        {"spatial_stride": "8"},
        {"latents_mean": 3},
        {"latents_std": ["a"]},
        {"modalities": ["audio"]},
        {"scales": "calibrated"},
        {"scales": {"origin": "guessed"}},
        {"colour": "red"},
    ],
)
def test_facts_that_do_not_fit_are_refused(maps, facts):
    write(maps, map_of())
    (maps / "own.facts.json").write_text(json.dumps(facts), "utf-8")
    with pytest.raises(MapFileError):
        loaded(maps)


@pytest.mark.parametrize("content", [b"text", DICTIONARY[:4] + b"broken", DICTIONARY[:4] + bytes(2**20)])
def test_file_that_is_no_dictionary_is_refused(maps, content):
    (maps / "sdxl-vae-protobuf-raw-v1.dict").write_bytes(content)
    with pytest.raises(MapFileError, match="sdxl-vae-protobuf-raw"):
        loaded(maps)


def test_directory_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MapFileError, match="no directory"):
        spaces_with(tmp_path / "none", ())
