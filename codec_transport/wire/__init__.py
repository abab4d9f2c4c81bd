"""The latent wire, sans-IO: bytes in, messages out, and back. No sockets, clocks, await, numpy or torch.

A stream is one `LatentStreamHeader` followed by `LatentFrame`s, the last of them marked `done`, in one of
two formats: msgpack (bare concatenation of maps) or protobuf (each message behind a 4-byte length).

Read in this order: `messages` (what travels), `layouts` (what a pipeline's payload looks like), `encoder`
and `decoder` (one message to buffers, bytes to messages), `rules` (which message may follow which),
`session` (both ends of a stream), `codings` (content codings; `coders` and `unfolding` are its two directions).
Layer: may import msgpack, `codec_transport.errors` and the standard library; brotli and zstandard on first use.
"""
