"""Latent spaces: which there are, what a client must know of each, and the documents that say so.

`space` holds the facts, `builtin` the spaces that ship, `maps_directory` what an operator adds (checked by `schema`
against `map.schema.json`, written by `map_writing`), `dictionaries` the zstd dictionaries. `map_document` turns a space
into the bytes that are served and hashed, `old_map` into the older kind; `registry` finds all of it by id and by hash.
No HTTP here: `endpoints` serves what this package returns. Layer: may import `codec_transport.wire`,
`codec_transport.errors` and the table of numbers beside `comfy.latents`; no torch.
"""
