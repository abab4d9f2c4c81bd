"""Asking a server for latents from Python.

`requests` says what goes to a server, `receiver` turns a response (status, headers, body in any chunks) into
latents with every check a receiver owes itself; both do no I/O. `fetch` drives them over HTTP with the standard
library, `aio` under asyncio with aiohttp. `decoding` makes pictures and clips with a VAE of your own, with torch.
`python -m codec_transport.client` saves latents, pictures and clips.

Layer: may import numpy, `codec_transport.pipelines`, `.spaces`, `.wire`, and `decoding` what decodes; importing
`fetch` loads neither torch nor aiohttp.
"""
