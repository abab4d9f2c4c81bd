"""Pictures and latents as tensors: resizing, tiling, batches, masks. Pure functions; imports torch and Pillow only."""
