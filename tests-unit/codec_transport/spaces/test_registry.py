"""The registry: stable bytes per base URL, look-up by id and hash, bounded memory."""

from __future__ import annotations

import hashlib
import json

import pytest

from codec_transport.errors import LocalProtocolError, UnknownSpaceError
from codec_transport.spaces.builtin import DEMO_SPACE_ID, SD1_SPACE_ID
from codec_transport.spaces.registry import MAX_BASES, SpaceRegistry, checked_base_url
from codec_transport.spaces.space import IMAGE_LATENTS, VIDEO_LATENTS

BASE = "http://127.0.0.1:8188"


@pytest.fixture
def registry() -> SpaceRegistry:
    return SpaceRegistry()


def test_map_is_rendered_once_and_its_hash_is_of_its_bytes(registry):
    body = registry.map_bytes(DEMO_SPACE_ID, BASE)
    assert registry.map_bytes(DEMO_SPACE_ID, BASE + "/") is body
    assert registry.map_hash(DEMO_SPACE_ID, BASE) == "sha256:" + hashlib.sha256(body).hexdigest()
    assert json.loads(body)["id"] == DEMO_SPACE_ID
    assert SpaceRegistry().map_bytes(DEMO_SPACE_ID, BASE) == body


def test_another_base_is_another_map(registry):
    assert registry.map_hash(DEMO_SPACE_ID, BASE) != registry.map_hash(DEMO_SPACE_ID, "https://example.org")


def test_index_names_every_map_with_its_address_and_hash(registry):
    index = registry.index(BASE)
    assert (index["codec_version"], index["maps"]) == ("0.3", [])
    assert [entry["id"] for entry in index["latents"]] == list(registry.ids)
    for entry in index["latents"]:
        assert entry["url"] == f"{BASE}/.well-known/codec/latents/{entry['id']}.json"
        assert entry["hash"] == registry.map_hash(entry["id"], BASE)


def test_pointer_is_told_from_a_map_by_its_keys(registry):
    pointer = json.loads(registry.pointer_bytes(SD1_SPACE_ID, BASE))
    assert set(pointer) == {"id", "url", "hash"}
    assert pointer["hash"] == registry.map_hash(SD1_SPACE_ID, BASE)


def test_map_is_found_by_its_hash_in_any_spelling(registry):
    latent_map = registry.map(SD1_SPACE_ID, BASE)
    digits = latent_map.hash.removeprefix("sha256:")
    assert registry.by_hash(digits.upper()) is latent_map
    assert registry.by_hash(f"sha256:{digits}") is latent_map
    assert latent_map.immutable_url == f"{BASE}/.well-known/codec/latents/sha256/{digits}.json"


def test_immutable_address_works_after_a_restart(registry):
    latent_map = registry.map(SD1_SPACE_ID, BASE)
    restarted = SpaceRegistry()
    with pytest.raises(UnknownSpaceError):
        restarted.by_hash(latent_map.hash)
    assert restarted.by_hash(latent_map.hash, BASE).body == latent_map.body


@pytest.mark.parametrize("wanted", ["", "0" * 64, "sha256:zz", "../../etc/passwd"])
def test_unknown_hash_is_a_lookup_error(registry, wanted):
    with pytest.raises(UnknownSpaceError):
        registry.by_hash(wanted, BASE)
    with pytest.raises(LookupError):
        registry.scales_block(wanted)


def test_scales_are_served_by_the_address_in_the_map(registry):
    document = json.loads(registry.map_bytes(DEMO_SPACE_ID, BASE))
    (scales,) = (entry["static_scales"] for entry in document["pipelines"] if entry["name"] == "int8")
    digits = scales["url"].rpartition("/")[2].removesuffix(".bin")
    block = registry.scales_block(digits)
    assert (len(block), "sha256:" + hashlib.sha256(block).hexdigest()) == (
        scales["size_bytes"],
        scales["hash"],
    )


def test_unknown_space_names_those_there_are(registry):
    with pytest.raises(UnknownSpaceError) as caught:
        registry.get("no/such")
    assert caught.value.known == registry.ids
    with pytest.raises(UnknownSpaceError):
        registry.map("no/such", BASE)


def test_supported_pipelines_follow_the_modality(registry):
    assert "delta+int8" not in registry.supported_pipelines(SD1_SPACE_ID, IMAGE_LATENTS)
    assert registry.supported_pipelines(SD1_SPACE_ID, VIDEO_LATENTS) == ()


def test_made_up_host_names_do_not_fill_memory(registry):
    first = registry.map_bytes(DEMO_SPACE_ID, "http://host0")
    for i in range(3 * MAX_BASES):
        registry.map_bytes(DEMO_SPACE_ID, f"http://host{i}")
    assert len(registry._maps) == MAX_BASES
    assert registry.map_bytes(DEMO_SPACE_ID, "http://host0") == first


def test_base_in_use_is_kept(registry):
    kept = registry.map_bytes(DEMO_SPACE_ID, BASE)
    for i in range(3 * MAX_BASES):
        registry.map_bytes(DEMO_SPACE_ID, f"http://host{i}")
        assert registry.map_bytes(DEMO_SPACE_ID, BASE) is kept


@pytest.mark.parametrize(
    "base",
    ["", "host", "ftp://host", "http://", "http://a b", "http://h\r\nX: y", 'http://h"', "http://é",
     "http://u@h", "http://h?q=1", "http://h#f", "javascript:alert(1)", "http://[::1", "http://h\\x"],
)  # fmt: skip
def test_base_that_is_no_plain_address_is_refused(base):
    with pytest.raises(LocalProtocolError):
        checked_base_url(base)


@pytest.mark.parametrize("base", ["http://h", "https://h:8188", "http://[::1]:8188", "https://h/prefix"])
def test_base_with_or_without_a_last_slash_is_the_same(base):
    assert checked_base_url(base) == checked_base_url(base + "/") == base


def test_description_lists_every_space(registry):
    described = {entry["id"]: entry for entry in registry.describe(BASE)}
    assert set(described) == set(registry.ids)
    assert described[SD1_SPACE_ID]["latent_map_sha256"] == registry.map_hash(SD1_SPACE_ID, BASE)
