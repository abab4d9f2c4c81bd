"""Diffusion networks by family, and the checkpoints that hold them.

`layers/` is the kit, `unet/` the architecture that SD1, SD2 and SDXL share, `<family>/` one package per family with
its detection and settings; families never import each other. `base` is what sampling sees of any of them,
`families` lists them, `checkpoint` opens single-file checkpoints.
"""
