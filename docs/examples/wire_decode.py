"""Ask a server for the latent of a picture and save it as a numpy file.

python docs/examples/wire_decode.py http://127.0.0.1:8188 "a red apple" apple.npy
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from urllib.request import Request, urlopen

import numpy as np
import numpy.typing as npt

from codec_transport import (
    LatentStreamDecoder,
    decode_latent_frame_msgpack,
    decode_latent_header_msgpack,
    split_messages,
)


def fetch_latents(server: str, prompt: str) -> Iterator[npt.NDArray[np.float32]]:
    """Yields each frame's latent, (C, H, W) float32, as soon as it has come over the wire."""
    body = {"prompt": prompt, "modality": "image-latents", "pipeline": "int8-adaptive"}
    request = Request(
        f"{server}/v1/images/generations",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Accept": "application/x-codec-msgpack"},
    )
    with urlopen(request) as response:
        messages = split_messages(iter(lambda: response.read1(65536), b""), "msgpack")
        header = decode_latent_header_msgpack(next(messages))
        decoder = LatentStreamDecoder(header)
        for message in messages:
            yield decoder.decode_frame(decode_latent_frame_msgpack(message))
        decoder.finish()


if __name__ == "__main__":
    server, prompt, path = sys.argv[1:]
    np.save(path, next(fetch_latents(server, prompt)))
