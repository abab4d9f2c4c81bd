"""What nodes_latent.py offers beside its own nodes: operations on latents as values of their own."""
