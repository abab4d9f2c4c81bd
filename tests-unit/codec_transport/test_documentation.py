"""The user page of the wire: its example runs, its sizes are true."""

from __future__ import annotations

import http.server
import runpy
import threading
from pathlib import Path

import numpy as np
import pytest

from codec_transport.endpoints.negotiation import negotiate
from codec_transport.endpoints.negotiation_records import Endpoint, ModelFacts
from codec_transport.pipelines.encoder import LatentStreamEncoder
from codec_transport.pipelines.stream import LatentStreamWriter
from codec_transport.spaces.builtin import SD1_SPACE_ID, builtin_spaces
from codec_transport.wire.layouts import PIPELINES

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = DOCS / "examples" / "wire_decode.py"
LATENT = np.random.default_rng(3).standard_normal((4, 64, 64)).astype(np.float16)


class LatentHandler(http.server.BaseHTTPRequestHandler):
    """Answers any request with the latent above, through negotiation and the real encoder."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        facts = ModelFacts("model", builtin_spaces()[0])
        request = negotiate(
            body, dict(self.headers), endpoint=Endpoint.IMAGES, resolve_model=lambda name: facts
        )
        delivery = request.latents
        writer = LatentStreamWriter(
            LatentStreamEncoder(
                delivery.space.id,
                delivery.shape,
                "fp16",
                delivery.pipeline,
                stream_format=delivery.stream_format,
            )
        )
        self.send_response(200)
        for name, value in delivery.response_headers().items():
            self.send_header(name, value)
        self.end_headers()
        for buffer in (*writer.header(), *writer.frame(LATENT, last=True)):
            self.wfile.write(buffer)

    def log_message(self, *args):
        """Stays quiet."""


@pytest.fixture
def server():
    with http.server.HTTPServer(("127.0.0.1", 0), LatentHandler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def test_example_on_the_page_is_the_example_file():
    assert EXAMPLE.read_text("utf-8") in (DOCS / "wire.md").read_text("utf-8")


def test_example_saves_the_latent_it_was_sent(server, tmp_path, monkeypatch):
    path = tmp_path / "apple.npy"
    monkeypatch.setattr("sys.argv", [str(EXAMPLE), server, "a red apple", str(path)])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    saved = np.load(path)
    assert (saved.dtype, saved.shape) == (np.float32, (4, 64, 64))
    step = np.abs(LATENT.astype(np.float32)).max() / 127
    assert np.abs(saved - LATENT.astype(np.float32)).max() <= step * 0.50001


@pytest.mark.parametrize(("pipeline", "num_bytes"), [("raw", 32_918), ("int8", 16_552), ("int4", 8_360)])
def test_sizes_on_the_page_are_true(pipeline, num_bytes):
    static = [4.5] * 4 if pipeline != "raw" else None
    encoder = LatentStreamEncoder(
        SD1_SPACE_ID, (4, 64, 64), "fp16", pipeline, static_scales=static, total_frames=1
    )
    writer = LatentStreamWriter(encoder)
    buffers = [*writer.header(), *writer.frame(LATENT, last=True)]
    assert sum(len(buffer) for buffer in buffers) == num_bytes
    assert f"`{pipeline}` {num_bytes:,}" in " ".join((DOCS / "wire.md").read_text("utf-8").split())


def test_page_names_every_pipeline():
    page = (DOCS / "wire.md").read_text("utf-8")
    assert all(f"| `{pipeline}` |" in page for pipeline in PIPELINES)
