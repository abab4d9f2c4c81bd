"""The KL-regularised image autoencoder: 8 times smaller, 4 or 16 channels. Source: arXiv 2112.10752, section 3.1."""
