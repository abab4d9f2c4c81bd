"""The analytic toy network of the golden vectors, with a real patcher around it.

It stands for a whole network behind its parameterization: from the noisy latent x, sigma and the text's mean m it
gives D = (x + s^2 m P) / (1 + s^2) + 0.15 s / (1 + s) tanh(1.3 x / sqrt(1 + s^2) + 0.7 P).
"""

from __future__ import annotations

import torch

from comfy.patching.patcher import ModelPatcher
from comfy.sampling.conds import CondCrossAttn
from comfy.sampling.parameterization import SamplingSettings, make_model_sampling


class ToyLatentFormat:
    latent_channels = 4
    latent_dimensions = 2
    latent_rgb_factors = None


class ToyModel(torch.nn.Module):
    """A `SampledModel`; counts the calls and remembers the batch of each."""

    def __init__(self, model_sampling=None, latent_scale: float = 1.0):
        super().__init__()
        self.model_sampling = model_sampling or make_model_sampling()
        self.latent_format = ToyLatentFormat()
        self.latent_scale = latent_scale
        self.batches: list[int] = []
        self.bytes_per_item = 0

    def extra_conds(self, **kwargs):
        return {"c_crossattn": CondCrossAttn(kwargs["cross_attn"])}

    def process_latent_in(self, latent):
        return latent * self.latent_scale

    def process_latent_out(self, latent):
        return latent / self.latent_scale

    def memory_required(self, input_shape):
        return self.bytes_per_item * input_shape[0]

    def get_dtype(self):
        return torch.float32

    def apply_model(
        self, x, t, c_concat=None, c_crossattn=None, control=None, transformer_options=None, **kwargs
    ):
        self.batches.append(x.shape[0])
        ones = [1] * (x.ndim - 1)
        s = t.view(-1, *ones)
        m = c_crossattn.mean(dim=(1, 2)).view(-1, *ones)
        channel = torch.arange(x.shape[1], dtype=torch.float32).view(-1, 1, 1)
        row = torch.arange(x.shape[-2], dtype=torch.float32).view(1, -1, 1)
        column = torch.arange(x.shape[-1], dtype=torch.float32).view(1, 1, -1)
        pattern = torch.sin(0.7 * channel + 0.3 * row - 0.5 * column)
        if x.ndim == 5:
            pattern = pattern.unsqueeze(1)
        smooth = (x + s**2 * m * pattern) / (1 + s**2)
        return smooth + 0.15 * s / (1 + s) * torch.tanh(1.3 * x / torch.sqrt(1 + s**2) + 0.7 * pattern)


def toy_patcher(prediction: str = "eps", latent_scale: float = 1.0, **settings) -> ModelPatcher:
    """The toy network with a parameterization, behind a patcher on the CPU."""
    model_sampling = make_model_sampling(prediction, SamplingSettings(**settings))
    return ModelPatcher(ToyModel(model_sampling, latent_scale), "cpu", "cpu")


def patcher_of(entry: dict, latent_scale: float = 1.0) -> ModelPatcher:
    """The toy network for one `model_samplings` entry of a vector config."""
    return toy_patcher(entry["type"].lower(), latent_scale, **entry["settings"])
