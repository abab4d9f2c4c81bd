"""Limits that several nodes state in their inputs."""

MAX_RESOLUTION = 16384
"""Largest width or height in pixels that a node accepts. Contract: clients see it as `max`."""

MAX_SEED = 0xFFFFFFFFFFFFFFFF
"""Seeds are unsigned 64-bit numbers."""

MAX_STEPS = 10000
"""Largest number of sampling steps. Contract: clients see it as `max`."""

MAX_BATCH = 4096
"""Largest batch that an empty latent or image is made for. Contract: clients see it as `max`."""
