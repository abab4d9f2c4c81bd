"""Autoencoders between pixels and latents.

`autoencoder` is the object behind the socket VAE: pixel conventions, batches, tiles. The networks are packages by
family (`kl/`: the image autoencoder of SD1, SD2, SDXL, and of 16 channels), each offering `detect(shapes, metadata)`
and a network with `encode(pixels) -> latent` and `decode(latent) -> pixels` over values of -1..1. Families whose
decoding over time can be cut into pieces will also offer `open_decode() -> state` with `push` and `flush`; nothing in
`autoencoder` keeps a run's state, so such a state needs no change here.
"""
