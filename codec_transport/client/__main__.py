"""Command line: ask for a latent and save it.

python -m codec_transport.client http://127.0.0.1:8188 "a red apple" --output apple.safetensors
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from codec_transport.client.fetch import fetch_latent
from codec_transport.errors import CodecError
from codec_transport.wire.encoder import STREAM_FORMATS
from codec_transport.wire.layouts import PIPELINES


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m codec_transport.client", description=__doc__)
    parser.add_argument("server", help="base URL")
    parser.add_argument("prompt")
    parser.add_argument(
        "--output", type=Path, default=Path("latent.safetensors"), help=".safetensors or .npy"
    )
    parser.add_argument("--pipeline", choices=PIPELINES, default="int8-adaptive")
    parser.add_argument("--stream-format", choices=STREAM_FORMATS, default="msgpack")
    parser.add_argument("--size", help="WIDTHxHEIGHT")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--model")
    options = parser.parse_args(arguments)
    if options.output.suffix not in (".safetensors", ".npy"):
        parser.error(f"--output {options.output}: expected a name ending in .safetensors or .npy")
    fields = {
        name: getattr(options, name)
        for name in ("size", "steps", "seed", "model")
        if getattr(options, name) is not None
    }
    try:
        latent = fetch_latent(
            options.server,
            options.prompt,
            pipeline=options.pipeline,
            stream_format=options.stream_format,
            **fields,
        )
    except (CodecError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if options.output.suffix == ".npy":
        np.save(options.output, latent)
    else:
        save_file({"latent": latent}, options.output)
    sys.stderr.write(f"{options.output}: {'x'.join(map(str, latent.shape))} float32\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
