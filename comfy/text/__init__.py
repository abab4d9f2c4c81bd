"""Text encoders: prompt syntax, tokenisers, encoders by family, and the CLIP object that nodes pass around.

Imports only `comfy` (errors, weights, patching) and torch. Embedding folders come in as arguments.
Read first: `encoder` (what nodes hold), then `prompt_weights` and `tokens` (text to numbers), then `clip/`.
"""
