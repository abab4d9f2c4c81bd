"""The demo model: data, nets, training and measuring of `models/checkpoints/codec-demo-sd1.safetensors`.

May import torch, numpy, PIL and (for the data only) fontTools; imports nothing of the server, and nothing of the
server imports it. Read REPORT.md first: it says what the model is and how to make it again.
"""
