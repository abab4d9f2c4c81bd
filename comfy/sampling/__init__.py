"""Sampling: from noise and conditionings to a latent.

Reading order: `predictions` and `sigma_tables` (what a network's output means), `schedules` (which noise levels),
`samplers/` (how to walk them), `conditions` and `evaluation` (what the network is asked), `guidance` (what is made
of its answers), `sampler` (a walk as an object, masks), `registry` (names), `run` (the whole run). Imports
comfy.memory, comfy.patching, comfy.images, comfy.progress, comfy.errors, comfy.interruption and torch; never a model
family: models come in through the protocols of `model`.
"""
