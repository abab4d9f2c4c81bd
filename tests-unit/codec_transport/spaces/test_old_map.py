"""The older kind of map: a second document with its own hash, where a decoder can be downloaded."""

from __future__ import annotations

import json

import pytest

from codec_transport.errors import UnknownSpaceError
from codec_transport.spaces.builtin import DEMO_SPACE_ID, SD1_SPACE_ID
from codec_transport.spaces.decoder_files import shipped_decoders
from codec_transport.spaces.registry import SpaceRegistry
from codec_transport.spaces.space import DecoderFile, sha256_label

BASE = "http://127.0.0.1:8188"
DECODER = DecoderFile(
    "onnx",
    "/codec/decoder.onnx",
    "sha256:" + "0" * 64,
    1000,
    (4, 16, 16),
    "fp32",
    "rgb-float32",
    "Apache-2.0",
)


@pytest.fixture
def registry() -> SpaceRegistry:
    return SpaceRegistry(decoder_files={DEMO_SPACE_ID: [DECODER], "unknown/space": [DECODER]})


def test_old_map_has_what_its_validator_requires_and_nothing_of_the_new_one(registry):
    document = json.loads(registry.old_map(DEMO_SPACE_ID, BASE).body)
    required = {"id", "version", "space_kind", "shape", "dtype", "decoders", "pipelines"}
    optional = {"vae_scale_factor", "video", "zstd_dictionaries"}
    assert required <= set(document) <= required | optional
    assert "raw" in document["pipelines"]
    assert all(isinstance(name, str) for name in document["pipelines"])
    (decoder,) = document["decoders"]
    assert decoder["url"] == f"{BASE}/codec/decoder.onnx"
    assert set(decoder) == {
        "runtime", "url", "hash", "size_bytes", "input_shape", "input_dtype", "output", "license"
    }  # fmt: skip


def test_old_map_never_shares_a_hash_with_the_new_one(registry):
    old, new = registry.old_map(DEMO_SPACE_ID, BASE), registry.map(DEMO_SPACE_ID, BASE)
    assert old.hash == sha256_label(old.body) != new.hash
    assert old.url == new.url + "?schema=1"
    assert registry.by_hash(old.hash) is old
    assert registry.by_hash(new.hash) is new


def test_space_without_a_decoder_to_download_has_no_old_map(registry):
    for space_id in (SD1_SPACE_ID, "unknown/space"):
        with pytest.raises(UnknownSpaceError):
            registry.old_map(space_id, BASE)


def test_demo_models_decoder_on_the_page_is_offered_with_its_hash(tmp_path):
    assert shipped_decoders(tmp_path) == {}
    (tmp_path / "demo-decoder.onnx").write_bytes(b"decoder")
    ((decoder,),) = shipped_decoders(tmp_path).values()
    assert (decoder.hash, decoder.size_bytes) == (sha256_label(b"decoder"), 7)
    assert decoder.url == "/codec/assets/demo-decoder.onnx"
