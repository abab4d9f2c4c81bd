"""Wan 2.1's video autoencoder: 8 times smaller in space, 4 times in time, causal; also Qwen-Image's.

Source: Wan technical report, arXiv 2503.20314, section 4.1; key names as in published weights.
"""
