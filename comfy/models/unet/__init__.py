"""The UNet of latent diffusion, the architecture that SD1, SD2 and SDXL share.

`config` is the frozen record of its numbers, `detect` reads it from keys and shapes, `network` builds it.
"""
