"""The client against a real server on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import json
import subprocess
import sys
import threading

import numpy as np
import pytest
from safetensors.numpy import load_file

from codec_transport.client import aio
from codec_transport.client.__main__ import main
from codec_transport.client.fetch import LatentStream, fetch_latent, stream_latents
from codec_transport.client.requests import Understanding, generation_request, kept_request
from codec_transport.endpoints.negotiation import negotiate
from codec_transport.endpoints.negotiation_records import Endpoint, ModelFacts
from codec_transport.endpoints.rejection import RejectionError
from codec_transport.errors import LocalProtocolError, RemoteProtocolError, RequestRefusedError
from codec_transport.pipelines.encoder import LatentStreamEncoder
from codec_transport.pipelines.stream import LatentStreamWriter
from codec_transport.spaces.registry import SpaceRegistry
from codec_transport.wire.codings import AVAILABLE_CODINGS, body_coder

REGISTRY = SpaceRegistry()
SPACE = REGISTRY.get("codec-comfyui/demo-sd1")
MAP = REGISTRY.map(SPACE.id, "http://host")
FACTS = ModelFacts("model", SPACE, MAP, native_size=(32, 32), has_video=True)


def latent_frames(request) -> list[np.ndarray]:
    rng = np.random.default_rng(request.seed)
    shape = request.latents.shape
    return [rng.standard_normal(shape).astype(np.float16) for _ in range(request.latents.total_frames)]


class Handler(http.server.BaseHTTPRequestHandler):
    """Negotiates like the real endpoint and answers with random latents; seed 13 breaks off."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        endpoint = Endpoint.VIDEOS if self.path.endswith("/v1/videos/generations") else Endpoint.IMAGES
        try:
            request = negotiate(
                body,
                dict(self.headers),
                endpoint=endpoint,
                resolve_model=lambda name: FACTS if name in (None, "model") else None,
                codings=AVAILABLE_CODINGS,
            )
        except RejectionError as error:
            self.answer(
                error.status, {"Content-Type": "application/json"}, [json.dumps(error.body()).encode()]
            )
            return
        delivery = request.latents
        encoder = LatentStreamEncoder(
            SPACE.id,
            delivery.shape,
            "fp16",
            delivery.pipeline,
            stream_format=delivery.stream_format,
            static_scales=delivery.static_scales,
        )
        writer, coder = LatentStreamWriter(encoder), body_coder(delivery.content_coding)
        frames = latent_frames(request)
        messages = [writer.header()]
        messages += [writer.frame(frame, last=i == len(frames) - 1) for i, frame in enumerate(frames)]
        chunks = [b"".join(coder.message(message)) for message in messages]
        chunks.append(b"".join(coder.finish()))
        with contextlib.suppress(ConnectionError):  # some clients here leave early
            self.answer(200, delivery.response_headers(), chunks, breaks_off=request.seed == 13)

    def answer(self, status, headers, chunks, *, breaks_off=False):
        self.send_response(status)
        for name, value in {**headers, "Transfer-Encoding": "chunked"}.items():
            self.send_header(name, value)
        self.end_headers()
        for chunk in filter(None, chunks):
            if breaks_off:
                self.wfile.write(b"%x\r\n%s" % (len(chunk), chunk[: len(chunk) // 2]))
                self.close_connection = True
                return
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args):
        """Stays quiet."""


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


@pytest.mark.parametrize("stream_format", ["msgpack", "protobuf"])
@pytest.mark.parametrize("pipeline", ["raw", "int8", "int4-adaptive"])
def test_picture_comes_back_as_one_latent(server, pipeline, stream_format):
    latent = fetch_latent(
        server, "a cat", pipeline=pipeline, stream_format=stream_format, seed=1, size="64x32"
    )
    sent = np.random.default_rng(1).standard_normal((4, 4, 8)).astype(np.float16).astype(np.float32)
    scales = np.frombuffer(SPACE.static_scales.block, "<f2").astype(np.float32)
    tolerance = {"raw": 0.0, "int8": scales.max() / 127, "int4-adaptive": np.abs(sent).max() / 7}[pipeline]
    if pipeline == "int8":  # values beyond a channel's measured scale saturate
        sent = np.clip(sent, -scales[:, None, None], scales[:, None, None])
    assert latent.shape == (4, 4, 8)
    assert np.abs(latent - sent).max() <= tolerance * 0.50001


def test_clip_comes_back_frame_by_frame(server):
    options = {"modality": "video-latents", "frames": 5, "seed": 2, "pipeline": "delta+int8"}
    streamed = list(stream_latents(server, "a cat", **options))
    assert len(streamed) == 5
    assert np.array_equal(np.stack(streamed), fetch_latent(server, "a cat", **options))


def test_refusal_names_the_field(server):
    with pytest.raises(RequestRefusedError) as caught:
        fetch_latent(server, "a cat", size="33x33")
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, "invalid_size", "size")


def test_pinned_map_is_asked_for_and_checked(server):
    assert fetch_latent(server, "a cat", map_hash=MAP.hash).shape == (4, 4, 4)
    with pytest.raises(RequestRefusedError) as caught:
        fetch_latent(server, "a cat", map_hash="sha256:" + "0" * 64)
    assert caught.value.status == 409


def test_response_that_breaks_off_is_a_remote_fault(server):
    with pytest.raises(RemoteProtocolError):
        fetch_latent(server, "a cat", seed=13)


def test_path_in_front_of_the_endpoints_is_kept(server):
    assert fetch_latent(server + "/api/", "a cat").shape == (4, 4, 4)


@pytest.mark.parametrize("address", ["127.0.0.1:8188", "ftp://host", "http://"])
def test_server_must_be_an_http_address(address):
    with pytest.raises(LocalProtocolError):
        fetch_latent(address, "a cat")


def test_unknown_modality_is_our_fault(server):
    with pytest.raises(LocalProtocolError):
        fetch_latent(server, "a cat", modality="audio-latents")


def test_command_saves_a_latent(server, tmp_path, capsys):
    for name in ("cat.safetensors", "cat.npy"):
        path = tmp_path / name
        assert main([server, "a cat", "--output", str(path), "--seed", "3", "--pipeline", "raw"]) == 0
        saved = load_file(path)["latent"] if path.suffix == ".safetensors" else np.load(path)
        assert saved.shape == (4, 4, 4)
    assert "4x4x4" in capsys.readouterr().err


def test_command_reports_a_refusal(server, tmp_path, capsys):
    arguments = [server, "a cat", "--output", str(tmp_path / "x.npy"), "--model", "unknown"]
    assert main(arguments) == 1
    assert "404" in capsys.readouterr().err
    assert not (tmp_path / "x.npy").exists()
    with pytest.raises(SystemExit):
        main([server, "a cat", "--output", "x.png"])


def test_stream_tells_its_header_and_closes_its_connection(server):
    understanding = Understanding()
    request = generation_request("a cat", understanding, seed=1)
    with LatentStream(server, request, understanding) as stream:
        assert stream.header is None
        assert len(list(stream)) == 1
        assert stream.header.latent_space_id == SPACE.id
    with LatentStream(server, request, understanding) as stream:
        next(iter(stream))


async def test_the_async_client_gets_the_same_latents(server):
    options = {"modality": "video-latents", "frames": 4, "seed": 2, "pipeline": "delta+int4"}
    expected = fetch_latent(server, "a cat", **options)
    assert np.array_equal(await aio.fetch_latent(server, "a cat", **options), expected)
    several = await asyncio.gather(*(aio.fetch_latent(server, "a cat", seed=i) for i in range(5)))
    assert all(np.array_equal(got, fetch_latent(server, "a cat", seed=i)) for i, got in enumerate(several))


async def test_the_async_client_tells_refusals_and_broken_answers_apart(server):
    with pytest.raises(RequestRefusedError) as caught:
        await aio.fetch_latent(server, "a cat", size="33x33")
    assert (caught.value.status, caught.value.param) == (400, "size")
    with pytest.raises(RemoteProtocolError):
        await aio.fetch_latent(server, "a cat", seed=13)
    with pytest.raises(LocalProtocolError):
        await aio.fetch_latent("ftp://host", "a cat")


async def test_the_async_stream_can_be_left_early(server):
    options = {"modality": "video-latents", "frames": 200, "seed": 2}
    async with contextlib.aclosing(aio.stream_latents(server, "a cat", **options)) as latents:
        async for latent in latents:
            assert latent.shape == (4, 4, 4)
            break


def test_kept_latents_are_asked_for_by_prompt_and_channel():
    request = kept_request("a/b", Understanding(), pipeline="delta+int8", channel="c d")
    assert (request.method, request.body) == ("GET", None)
    assert request.path == "/codec/latents/a%2Fb?pipeline=delta%2Bint8&stream_format=msgpack&channel=c+d"


def test_zstd_is_offered_only_with_a_dictionary_at_hand():
    assert "zstd" not in Understanding().headers("msgpack")["Accept-Encoding"]
    assert "zstd" in Understanding(dictionaries=(b"x",)).headers("msgpack")["Accept-Encoding"]


def test_importing_the_client_loads_neither_torch_nor_aiohttp():
    code = "import sys, codec_transport.client.fetch; print([m for m in ('torch', 'aiohttp') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "arguments", [["--decode", "x.gif", "--vae", "v"], ["--decode", "x.png"], ["--vae", "v"]]
)
def test_command_says_what_decoding_needs(server, arguments, capsys):
    with pytest.raises(SystemExit):
        main([server, "a cat", *arguments])
    assert "--decode" in capsys.readouterr().err
