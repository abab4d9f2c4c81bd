"""Changing a loaded model without losing the original.

`patcher` holds a model with what is laid over it (clone first, then change), `options` the hooks inside
`model_options`, `weights` computes patched weights, `adapters/` the mathematics of LoRA-like patches, `wrappers` the
registry of callbacks and wrappers.
"""
