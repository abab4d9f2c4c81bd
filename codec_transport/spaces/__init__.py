"""Latent spaces: which there are, what a client must know of each, and the documents that say so.

`space` holds the facts, `builtin` the spaces that ship, `map_document` turns one into the bytes that are
served and hashed, `registry` finds both by id and by hash. No HTTP here: `endpoints` serves what this
package returns. Layer: may import `codec_transport.wire` and `codec_transport.errors`; no torch.
"""
