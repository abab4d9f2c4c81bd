"""Asking a server for latents from Python.

`receiver` turns a response (status, headers, body in any chunks) into latents with every check a receiver
owes itself; it does no I/O. `fetch` drives it over HTTP. `python -m codec_transport.client` saves a latent.

Layer: may import numpy, `codec_transport.pipelines`, `codec_transport.wire`; no torch, no aiohttp.
"""
