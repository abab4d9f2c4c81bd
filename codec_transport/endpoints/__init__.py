"""HTTP face of the latent transport: generation, discovery, service information.

`negotiation` (with `negotiation_fields`, `negotiation_headers`, `rejection`) is pure and decides what a
request means before any work starts; the other modules are aiohttp handlers, one route group per file.
Layer: the rim. May import everything in `codec_transport` and what `app` hands it.
"""
