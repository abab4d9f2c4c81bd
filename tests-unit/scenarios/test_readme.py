"""The README's command lines, run as printed against a real server with the demo model."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path

import psutil
import pytest

from codec_transport import (
    LatentStreamDecoder,
    decode_latent_frame_msgpack,
    decode_latent_header_msgpack,
    split_messages,
)

ROOT = Path(__file__).parents[2]
PRINTED_URL = "http://127.0.0.1:8188"
IDLE_LIMIT_BYTES = 600 * 1024 * 1024
"""What the idle server may hold with the demo model loaded."""


def command_lines() -> list[str]:
    """Every shell block of the README that calls curl."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return [block for block in blocks if re.search(r"^curl ", block, re.MULTILINE)]


@pytest.fixture(scope="module")
def server(start_server):
    if not (ROOT / "models/checkpoints/codec-demo-sd1.safetensors").exists():
        pytest.fail("the demo model is not in models/checkpoints; it is part of the repository")
    return start_server(demo_model=True)


def run(line: str, server, folder: Path) -> str:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    command = line.replace(PRINTED_URL, server.url)
    done = subprocess.run(
        ["sh", "-ec", command], cwd=folder, capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


def test_the_readme_asks_for_pixels_and_for_latents() -> None:
    pixels, latents = command_lines()
    assert "response_format" in pixels
    assert "application/x-codec-msgpack" in latents


def test_the_pixel_line_gives_a_url_that_holds_a_png(server, tmp_path: Path) -> None:
    answer = json.loads(run(command_lines()[0], server, tmp_path))
    with urllib.request.urlopen(answer["data"][0]["url"]) as picture:
        assert picture.read(8) == b"\x89PNG\r\n\x1a\n"


def test_the_latent_line_gives_one_header_and_one_frame_of_the_promised_size(server, tmp_path: Path) -> None:
    run(command_lines()[1], server, tmp_path)
    header, frame = split_messages([(tmp_path / "cat.codec").read_bytes()], "msgpack")
    stream = decode_latent_header_msgpack(header)
    assert (stream.shape, stream.pipeline) == ((4, 16, 16), "int8-adaptive")
    assert len(decode_latent_frame_msgpack(frame).data) == 1032
    decoded = LatentStreamDecoder(stream).decode_frame(decode_latent_frame_msgpack(frame))
    assert 0.2 < decoded.std() < 5


def test_the_idle_server_with_the_demo_model_loaded_stays_small(server, tmp_path: Path) -> None:
    run(command_lines()[1], server, tmp_path)
    resident = psutil.Process(server.process.pid).memory_info().rss
    assert resident <= IDLE_LIMIT_BYTES
