"""Where tensors live: devices, number formats, and which models are on the device now.

One file per question. Honest for a CPU and for plain CUDA; other accelerators come with the issue that needs them.
Imports torch only; models come in through the protocol of `residency`.
"""
