"""The package's public names: what there is, where it lives, and what importing it costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import codec_transport

PROMISED = {
    "LatentStreamEncoder",
    "LatentStreamDecoder",
    "LatentStreamHeader",
    "LatentFrame",
    "encode_latent_header_msgpack",
    "encode_latent_header_protobuf",
    "encode_latent_frame_msgpack",
    "encode_latent_frame_protobuf",
    "decode_latent_header_msgpack",
    "decode_latent_header_protobuf",
    "decode_latent_frame_msgpack",
    "decode_latent_frame_protobuf",
    "split_messages",
    "CodecError",
}


def run_fresh(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_promised_names_are_public():
    assert set(codec_transport.__all__) >= PROMISED
    assert set(dir(codec_transport)) >= PROMISED


@pytest.mark.parametrize("name", codec_transport.__all__)
def test_every_public_name_resolves(name):
    assert getattr(codec_transport, name) is not None


def test_type_checkers_are_told_the_same_homes():
    tree = ast.parse(Path(codec_transport.__file__).read_text("utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    told = {alias.name: node.module for node in block.body for alias in node.names}
    assert told == codec_transport._HOMES


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="LatentStreamEncodr"):
        codec_transport.LatentStreamEncodr  # noqa: B018


def test_every_error_is_a_codec_error_and_a_value_error():
    errors = [getattr(codec_transport, name) for name in codec_transport.__all__ if name.endswith("Error")]
    assert len(errors) > 8
    assert all(issubclass(error, codec_transport.CodecError) for error in errors)
    assert issubclass(codec_transport.CodecError, ValueError)


def test_importing_the_wire_loads_neither_numpy_nor_torch():
    code = (
        "import sys, codec_transport, codec_transport.wire.session, codec_transport.wire.codings\n"
        "from codec_transport import split_messages, ReceivingSession, CodecError\n"
        "print(sorted({'numpy', 'torch', 'aiohttp', 'asyncio'} & set(sys.modules)))"
    )
    assert run_fresh(code) == "[]"


def test_encoding_a_numpy_latent_does_not_load_torch():
    code = (
        "import sys, numpy\n"
        "from codec_transport import LatentStreamEncoder\n"
        "encoder = LatentStreamEncoder('a/b', (2, 2, 2), 'fp16', 'int8-adaptive')\n"
        "encoder.frame(numpy.ones((2, 2, 2), numpy.float32), seq=0, keyframe=True, done=True)\n"
        "print('torch' in sys.modules)"
    )
    assert run_fresh(code) == "False"
