"""Tensors to wire payloads and back: the arithmetic of the seven pipelines.

`encoder` is the pipeline function (obeys its caller's keyframe flag), `stream` the layer above it that
numbers frames and chooses keyframes, `decoder` the way back. `numpy_arithmetic` and `torch_arithmetic` do
the same sums in the same order and give the same bytes; torch is imported only when a tensor comes in.

Layer: may import numpy, torch (lazily), `codec_transport.wire` and `codec_transport.errors`.
"""
