"""Decoders that this server offers for download, for the older kind of map, which requires one per space."""

from __future__ import annotations

from pathlib import Path

from codec_transport.spaces.builtin import DEMO_SPACE_ID, builtin_spaces
from codec_transport.spaces.space import DecoderFile, sha256_label

PAGE_FILES = Path(__file__).parents[1] / "web" / "dist"
DEMO_DECODER = "demo-decoder.onnx"
ASSETS_PATH = "/codec/assets"


def shipped_decoders(directory: Path = PAGE_FILES) -> dict[str, tuple[DecoderFile, ...]]:
    """Space id -> its decoders among the page's files; empty when the page was not built."""
    path = directory / DEMO_DECODER
    if not path.is_file():
        return {}
    content = path.read_bytes()
    (shape,) = (space.shape for space in builtin_spaces() if space.id == DEMO_SPACE_ID)
    decoder = DecoderFile(
        runtime="onnx",
        url=f"{ASSETS_PATH}/{DEMO_DECODER}",
        hash=sha256_label(content),
        size_bytes=len(content),
        input_shape=shape,
        input_dtype="fp32",
        output="rgb-float32",
        license="Apache-2.0",
    )
    return {DEMO_SPACE_ID: (decoder,)}
