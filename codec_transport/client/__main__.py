"""Command line: ask for a latent and save it, or decode it here and save the picture or clip.

python -m codec_transport.client http://127.0.0.1:8188 "a red apple" --output apple.safetensors
python -m codec_transport.client http://127.0.0.1:8188 "a red apple" --decode apple.png --vae vae.safetensors
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from codec_transport.client.fetch import LatentStream, joined
from codec_transport.client.requests import LatentRequest, Understanding, generation_request, kept_request
from codec_transport.errors import CodecError, RemoteProtocolError
from codec_transport.spaces.space import IMAGE_LATENTS, VIDEO_LATENTS
from codec_transport.wire.encoder import STREAM_FORMATS
from codec_transport.wire.layouts import PIPELINES
from codec_transport.wire.messages import LatentStreamHeader

FIELDS = ("size", "steps", "seed", "model", "negative_prompt", "frames", "fps")
"""Options that go into the request as they are."""

Latents = list[npt.NDArray[np.float32]]


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.output is None and options.decode is None:
        options.output = Path("latent.safetensors")
    if options.output is not None and options.output.suffix not in (".safetensors", ".npy"):
        parser.error(f"--output {options.output}: expected a name ending in .safetensors or .npy")
    if options.decode is not None and options.decode.suffix not in (".png", ".mp4"):
        parser.error(f"--decode {options.decode}: expected a name ending in .png or .mp4")
    if (options.decode is None) != (options.vae is None):
        parser.error("--decode and --vae go together: what to write, and the VAE to decode with")
    try:
        header, latents = _received(options)
        _save(options, header, latents)
    except (CodecError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m codec_transport.client",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("server", help="base URL")
    parser.add_argument(
        "prompt", nargs="?", default="", help="what to make; 'a -> b' for a clip that changes"
    )
    parser.add_argument(
        "--prompt-id", help="take the latent that this finished prompt made, without sampling"
    )
    parser.add_argument(
        "--output", type=Path, help=".safetensors or .npy; latent.safetensors without --decode"
    )
    parser.add_argument("--decode", type=Path, metavar="FILE", help="decode here: .png or .mp4")
    parser.add_argument("--vae", type=Path, metavar="FILE", help="a VAE, or a checkpoint that holds one")
    parser.add_argument("--video", action="store_true", help="a clip instead of a picture")
    parser.add_argument("--pipeline", choices=PIPELINES, default="int8-adaptive")
    parser.add_argument("--stream-format", choices=STREAM_FORMATS, default="msgpack")
    parser.add_argument("--size", help="WIDTHxHEIGHT")
    parser.add_argument("--negative-prompt")
    parser.add_argument("--model")
    for name in ("--steps", "--seed", "--frames", "--fps"):
        parser.add_argument(name, type=int)
    return parser


def _request(options: argparse.Namespace, understanding: Understanding) -> LatentRequest:
    stream: dict[str, Any] = {"pipeline": options.pipeline, "stream_format": options.stream_format}
    if options.prompt_id is not None:
        return kept_request(options.prompt_id, understanding, **stream)
    given = {name: getattr(options, name) for name in FIELDS if getattr(options, name) is not None}
    modality = VIDEO_LATENTS if options.video else IMAGE_LATENTS
    return generation_request(options.prompt, understanding, modality=modality, **stream, **given)


def _received(options: argparse.Namespace) -> tuple[LatentStreamHeader, Latents]:
    understanding = Understanding()
    with LatentStream(options.server, _request(options, understanding), understanding) as stream:
        latents = list(stream)
        if stream.header is None or not latents:
            raise RemoteProtocolError("the stream ended without a latent")
        return stream.header, latents


def _save(options: argparse.Namespace, header: LatentStreamHeader, latents: Latents) -> None:
    if options.output is not None:
        latent = joined(latents)
        if options.output.suffix == ".npy":
            np.save(options.output, latent)
        else:
            save_file({"latent": latent}, options.output)
        sys.stderr.write(f"{options.output}: {'x'.join(map(str, latent.shape))} float32\n")
    if options.decode is not None:
        from codec_transport.client import decoding  # torch: only for those who decode

        pixels = decoding.decode_latents(latents, header, decoding.load_vae(options.vae))
        decoding.save_pixels(pixels, options.decode, header.fps)
        frames, height, width, _ = pixels.shape
        sys.stderr.write(f"{options.decode}: {width}x{height} pixels, {frames} decoded here\n")


if __name__ == "__main__":
    sys.exit(main())
