"""Latent spaces: their scaling, their preview factors (`formats`, data in `factors.json`)."""
