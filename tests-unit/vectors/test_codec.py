"""Family `codec`: the reference encoder's streams, malformed bodies and compressed bodies.

Driven by the folder's manifest.json: other latents, shapes, spaces and headers in the same format just run.
"""

from __future__ import annotations

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import codec_transport as codec
from codec_transport.errors import MessageFieldError, RemoteProtocolError
from codec_transport.pipelines.decoder import LatentStreamDecoder
from codec_transport.pipelines.encoder import LatentStreamEncoder
from codec_transport.wire import decoder as wire_decoder
from codec_transport.wire.codings import BodyDecoder, body_coder
from codec_transport.wire.encoder import encode_message
from codec_transport.wire.messages import LatentFrame, LatentStreamHeader
from codec_transport.wire.msgpack_format import NEED_DATA
from codec_transport.wire.session import ReceivingSession

DEFAULT_DIRECTORY = Path(__file__).parent.parent / "data" / "vectors"
SMALL_BODY_BYTES = 1200  # up to here a body is cut at every single byte

HEADER_READERS = {
    "msgpack": wire_decoder.decode_latent_header_msgpack,
    "protobuf": wire_decoder.decode_latent_header_protobuf,
}
FRAME_READERS = {
    "msgpack": wire_decoder.decode_latent_frame_msgpack,
    "protobuf": wire_decoder.decode_latent_frame_protobuf,
}


def codec_folder(config) -> Path:
    given = config.getoption("--vectors", default=None) or os.environ.get("VECTORS_DIR")
    return (Path(given) if given else DEFAULT_DIRECTORY) / "codec"


@pytest.fixture(scope="session")
def folder(pytestconfig) -> Path:
    return codec_folder(pytestconfig)


def pytest_generate_tests(metafunc):
    manifest_file = codec_folder(metafunc.config) / "manifest.json"
    manifest = json.loads(manifest_file.read_text("utf-8")) if manifest_file.is_file() else {}
    if "stream" in metafunc.fixturenames:
        metafunc.parametrize("stream", manifest.get("streams", []), ids=lambda stream: stream["id"])
    if "malformed" in metafunc.fixturenames:
        cases = manifest.get("malformed", [])
        metafunc.parametrize("malformed", cases, ids=lambda case: f"{case['id']}-{case['format']}")
    if "compressed" in metafunc.fixturenames:
        cases = [pytest.param(case, id=case["file"]) for case in manifest.get("compressed", [])]
        metafunc.parametrize("compressed", cases)


def sha256(content) -> str:
    return hashlib.sha256(content).hexdigest()


@lru_cache(maxsize=4)
def latent_frames(path: Path) -> list[torch.Tensor]:
    tensors = load_file(path)
    return [tensors[name] for name in sorted(tensors)]


def as_numpy(tensor: torch.Tensor) -> np.ndarray:
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def stream_encoder(stream) -> LatentStreamEncoder:
    return LatentStreamEncoder(
        stream["latent_space_id"],
        stream["shape"],
        stream["dtype"],
        stream["pipeline"],
        stream_format=stream["format"],
        static_scales=bytes.fromhex(stream["scales_hex"]) if stream["scales_hex"] else None,
        fps=stream["fps"],
        total_frames=stream["total_frames"],
        vae_scale_factor=stream["vae_scale_factor"],
    )


def received(body_chunks, stream_format) -> tuple[LatentStreamHeader, list[LatentFrame]]:
    """Header and frames of a body through the receiving session; raises as it does."""
    session = ReceivingSession(stream_format)
    messages = []
    for chunk in body_chunks:
        session.receive_data(chunk)
        while (message := session.next_message()) is not NEED_DATA:
            messages.append(message)
    session.receive_end()
    return messages[0], messages[1:]


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_encoder_writes_the_reference_bytes(folder, stream, library):
    frames = latent_frames(folder / "latents" / f"{stream['latent']}.safetensors")
    if library == "numpy":
        frames = [as_numpy(frame) for frame in frames]
    if stream["dtype"] == "bf16":  # a label that must not be sent: its bytes are checked message by message
        with pytest.raises(MessageFieldError) as caught:
            stream_encoder(stream)
        assert caught.value.field == "dtype"
        return
    encoder = stream_encoder(stream)
    header = encoder.header()
    assert len(header) == stream["header_length"]
    body = header
    for latent, facts in zip(frames, stream["frames"], strict=True):
        assert len(body) == facts["offset"]
        body += encoder.frame(
            latent,
            seq=facts["seq"],
            keyframe=facts["keyframe"],
            done=facts["done"],
            finish_reason=facts.get("finish_reason"),
        )
    assert len(body) == stream["body_length"]
    assert sha256(body) == stream["body_sha256"]
    assert body == (folder / stream["file"]).read_bytes()


def test_decoder_gives_the_reference_integers_and_floats(folder, stream):
    body = (folder / stream["file"]).read_bytes()
    first, *rest = wire_decoder.split_messages([body], stream["format"])
    header = HEADER_READERS[stream["format"]](first)
    assert (header.latent_space_id, list(header.shape)) == (stream["latent_space_id"], stream["shape"])
    assert (header.dtype, header.pipeline) == (stream["dtype"], stream["pipeline"])
    assert (header.fps, header.total_frames) == (stream["fps"], stream["total_frames"])
    assert (header.scales or b"").hex() == (stream["scales_hex"] or "")
    decoder = LatentStreamDecoder(header)
    for message, facts in zip(rest, stream["frames"], strict=True):
        frame = FRAME_READERS[stream["format"]](message)
        for key in ("seq", "keyframe", "done"):
            assert getattr(frame, key) == facts[key]
        assert frame.finish_reason == facts.get("finish_reason")
        assert (len(frame.data), sha256(frame.data)) == (facts["data_length"], facts["data_sha256"])
        decoded = decoder.decode(frame)
        assert sha256(decoded.values.astype("<f4").tobytes()) == facts["decoded_f32_sha256"]
        assert (float(decoded.values.min()), float(decoded.values.max())) == (facts["min"], facts["max"])
        if "q_int8_sha256" in facts:
            assert sha256(decoded.integers.tobytes()) == facts["q_int8_sha256"]
    decoder.finish()


def test_stream_survives_every_cut(folder, stream):
    body = (folder / stream["file"]).read_bytes()
    whole = received([body], stream["format"])
    assert len(whole[1]) == len(stream["frames"])
    if len(body) <= SMALL_BODY_BYTES:
        assert received([body[i : i + 1] for i in range(len(body))], stream["format"]) == whole
        for cut in range(len(body) + 1):
            assert received([body[:cut], body[cut:]], stream["format"]) == whole
    else:
        chunk = len(body) // 61 + 1
        chunks = [body[i : i + chunk] for i in range(0, len(body), chunk)]
        assert received(chunks, stream["format"]) == whole


def test_decoded_messages_encode_to_the_same_bytes(folder, stream):
    body = (folder / stream["file"]).read_bytes()
    header, frames = received([body], stream["format"])
    again = [buffer for message in (header, *frames) for buffer in encode_message(message, stream["format"])]
    assert b"".join(again) == body
    other = "protobuf" if stream["format"] == "msgpack" else "msgpack"
    moved = b"".join(buffer for message in (header, *frames) for buffer in encode_message(message, other))
    if stream["vae_scale_factor"] is None:  # protobuf holds it in single precision
        assert received([moved], other) == (header, frames)


def verdict(body_chunks, stream_format) -> str | None:
    """None for an accepted body, else the error's text with its place."""
    try:
        header, frames = received(body_chunks, stream_format)
        decoder = LatentStreamDecoder(header)
        for frame in frames:
            decoder.decode_frame(frame)
        decoder.finish()
    except RemoteProtocolError as error:
        return str(error)
    return None


def piecewise_verdict(body, stream_format) -> str | None:
    """As `verdict`, through the single functions that a caller without a session uses."""
    try:
        messages = wire_decoder.split_messages([body], stream_format)
        first = next(messages, None)
        if first is None:
            return "empty"
        decoder = LatentStreamDecoder(HEADER_READERS[stream_format](first))
        for message in messages:
            decoder.decode_frame(FRAME_READERS[stream_format](message))
        decoder.finish()
    except RemoteProtocolError as error:
        return str(error)
    return None


def test_malformed_body_gets_its_documented_verdict(folder, malformed):
    body = (folder / malformed["file"]).read_bytes()
    assert sha256(body) == malformed["sha256"]
    found = verdict([body], malformed["format"])
    assert verdict([body[i : i + 1] for i in range(len(body))], malformed["format"]) == found
    piecewise = piecewise_verdict(body, malformed["format"])
    if malformed["expect"] == "accept":
        assert (found, piecewise) == (None, None)
    elif malformed["expect"] == "reject":
        assert found is not None and piecewise is not None
    else:
        assert malformed["expect"] in ("either", "reject-or-ignore")


def test_compressed_body_unfolds_message_by_message(folder, compressed):
    coded = (folder / compressed["file"]).read_bytes()
    dictionary = dictionary_of(folder, compressed["dict_hash"])
    decoder = BodyDecoder(
        compressed["content_encoding"], max_bytes=compressed["body_length"], dictionary=dictionary
    )
    body, position, expected = b"", 0, 0
    for flush_point, length in zip(compressed["flush_points"], compressed["message_lengths"], strict=True):
        body += decoder.feed(coded[position:flush_point])
        position, expected = flush_point, expected + length
        assert len(body) >= expected
    body += decoder.feed(coded[position:])
    decoder.end()
    assert sha256(body) == compressed["body_sha256"]
    header, frames = received([body], compressed["format"])
    assert (header.pipeline, 1 + len(frames)) == (compressed["pipeline"], len(compressed["message_lengths"]))
    assert our_coding_keeps_up(header, frames, compressed, dictionary)


def dictionary_of(folder, label) -> bytes | None:
    """The dictionary of a hash, from the manifest's list."""
    if label is None:
        return None
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    (file,) = (entry["file"] for entry in manifest["dictionaries"] if entry["hash"] == label)
    content = (folder / file).read_bytes()
    assert f"sha256:{sha256(content)}" == label
    return content


def our_coding_keeps_up(header, frames, compressed, dictionary) -> bool:
    """Our coder gives each message at once and no more bytes than the vector."""
    coding, max_bytes = compressed["content_encoding"], compressed["body_length"]
    coder = body_coder(coding, dictionary=dictionary)
    decoder = BodyDecoder(coding, max_bytes=max_bytes, dictionary=dictionary)
    num_bytes = 0
    for message in (header, *frames):
        plain = encode_message(message, compressed["format"])
        coded = b"".join(coder.message(plain))
        num_bytes += len(coded)
        assert decoder.feed(coded) == b"".join(plain)
    end = b"".join(coder.finish())
    assert decoder.feed(end) == b""
    decoder.end()
    return num_bytes + len(end) <= compressed["compressed_length"] * 1.01


def test_public_names_reach_the_same_functions():
    assert codec.LatentStreamEncoder is LatentStreamEncoder
    assert codec.split_messages is wire_decoder.split_messages
