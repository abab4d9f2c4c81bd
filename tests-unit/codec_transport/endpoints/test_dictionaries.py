"""zstd over the endpoints: only with a dictionary, which is named, served and listed."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import zstandard

from codec_transport.endpoints.context import CODEC
from codec_transport.spaces.builtin import builtin_spaces
from codec_transport.spaces.dictionaries import ZstdDictionary
from codec_transport.spaces.registry import SpaceRegistry
from codec_transport.wire.codings import BodyDecoder

URL = "/v1/images/generations"
SPACE_ID = "codec-comfyui/demo-sd1"


def trained() -> bytes:
    rng = np.random.default_rng(1)
    samples = [rng.normal(0, 20, 1100).astype(np.int8).tobytes() for _ in range(200)]
    return zstandard.train_dictionary(4096, samples).as_bytes()


@pytest.fixture
def dictionary(client) -> ZstdDictionary:
    made = ZstdDictionary("msgpack", "int8-adaptive", trained())
    spaces = [
        replace(space, dictionaries=(made,)) if space.id == SPACE_ID else replace(space, dictionaries=())
        for space in builtin_spaces()
    ]
    client.app[CODEC].spaces = SpaceRegistry(spaces)
    return made


def request(**fields: object) -> dict[str, object]:
    return {"prompt": "cat", "modality": "image-latents", "pipeline": "int8-adaptive", **fields}


ZSTD = {"Accept-Encoding": "zstd, gzip;q=0.5"}


async def test_a_stream_with_a_dictionary_is_zstd_and_names_it(client, dictionary) -> None:
    answer = await client.post(URL, json=request(), headers=ZSTD, auto_decompress=False)
    assert answer.headers["Content-Encoding"] == "zstd"
    assert answer.headers["Codec-Zstd-Dict"] == dictionary.hash
    decoder = BodyDecoder("zstd", max_bytes=1 << 20, dictionary=dictionary.content)
    body = decoder.feed(await answer.read())
    decoder.end()
    plain = await client.post(URL, json=request(), headers={"Accept-Encoding": "identity"})
    assert body == await plain.read()
    assert "Codec-Zstd-Dict" not in plain.headers


@pytest.mark.parametrize("fields", [{"pipeline": "int8"}, {"stream_format": "protobuf"}])
async def test_without_a_dictionary_of_its_own_a_stream_takes_the_next_coding(
    client, dictionary, fields
) -> None:
    answer = await client.post(URL, json=request(**fields), headers=ZSTD, auto_decompress=False)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "Codec-Zstd-Dict" not in answer.headers


async def test_a_client_from_before_dictionaries_gets_none(client, dictionary) -> None:
    headers = {**ZSTD, "Codec-Client-Version": "0.1"}
    answer = await client.post(URL, json=request(), headers=headers, auto_decompress=False)
    assert answer.headers["Content-Encoding"] == "gzip"


async def test_a_browser_gets_a_coding_that_it_can_undo_by_itself(client, dictionary) -> None:
    browser = {**ZSTD, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
    answer = await client.post(URL, json=request(), headers=browser, auto_decompress=False)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "Codec-Zstd-Dict" not in answer.headers


async def test_the_dictionary_is_in_the_map_and_at_its_address(client, dictionary) -> None:
    document = await (await client.get(f"/.well-known/codec/latents/{SPACE_ID}.json")).json()
    [entry] = document["zstd_dictionaries"]
    served = await client.get("/" + entry["url"].split("/", 3)[3])
    content = await served.read()
    assert content == dictionary.content
    assert entry["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert "immutable" in served.headers["Cache-Control"]
    assert (await client.get(f"/.well-known/codec/dicts/{'0' * 64}.zstd")).status == 404


async def test_the_service_information_lists_dictionaries_and_limits(client, dictionary) -> None:
    info = await (await client.get("/codec/info")).json()
    assert [entry["hash"] for entry in info["dictionaries"]] == [dictionary.hash]
    assert info["limits"]["max_frames"] > 0
    assert info["limits"]["slow_reader_s"] > 0


async def test_a_space_without_decoders_to_download_has_no_older_map(client) -> None:
    answer = await client.get(f"/.well-known/codec/latents/{SPACE_ID}.json?schema=1")
    assert answer.status == 404
