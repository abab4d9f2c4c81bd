"""What a network's raw output means: the algebra between noisy latent, raw output and denoised latent.

One class per kind of prediction, each without state but for `sigma_data`. A class here is joined with a sigma table
of `sigma_tables` or `flow_tables` by multiple inheritance (`parameterization`); node packs do the same with the
door names of `comfy.model_sampling`. Symbols: x noisy latent, sigma noise level, D denoised latent, F raw output.

All methods: latents (B,C,...) of any trailing dimensions; sigma a scalar tensor or (B,).
"""

from __future__ import annotations

import torch
from torch import Tensor


def reshape_sigma(sigma: Tensor, noise_dim: int) -> Tensor:
    """Sigma with trailing axes of size one, so that it multiplies a latent of `noise_dim` axes."""
    if sigma.ndim >= noise_dim:
        return sigma
    batch = sigma.shape[:1] if sigma.ndim else (1,)
    return sigma.reshape(batch + (1,) * (noise_dim - 1))


class Eps:
    """F is the noise: D = x - sigma F, for x = D + sigma noise.

    Source: Ho et al. 2020, arXiv 2006.11239, eq. 11, in the variance exploding form of arXiv 2206.00364, table 1.
    """

    sigma_data: float = 1.0

    def calculate_input(self, sigma: Tensor, noise: Tensor) -> Tensor:
        """The network's input: x brought to unit variance."""
        sigma = reshape_sigma(sigma, noise.ndim)
        return noise / (sigma**2 + self.sigma_data**2) ** 0.5

    def calculate_denoised(self, sigma: Tensor, model_output: Tensor, model_input: Tensor) -> Tensor:
        """D from the raw output and the noisy latent x (not the scaled input)."""
        return model_input - model_output * reshape_sigma(sigma, model_output.ndim)

    def noise_scaling(
        self, sigma: Tensor, noise: Tensor, latent_image: Tensor, max_denoise: bool = False
    ) -> Tensor:
        """x at `sigma` from unit noise and a clean latent.

        With `max_denoise` the noise also carries the variance that the network's training data had at the last
        table entry, which makes pure noise look to it as in training.
        """
        sigma = reshape_sigma(sigma, noise.ndim)
        scale = torch.sqrt(1.0 + sigma**2.0) if max_denoise else sigma
        return noise * scale + latent_image

    def inverse_noise_scaling(self, sigma: Tensor, latent: Tensor) -> Tensor:
        """The latent handed on after sampling stopped at `sigma`: unchanged, noise stays in it."""
        return latent


class VPrediction(Eps):
    """F is the velocity: D = c_skip x - c_out F with the coefficients of the preconditioned form.

    Source: Salimans & Ho 2022, arXiv 2202.00512, appendix D; coefficients as in arXiv 2206.00364, table 1.
    """

    def calculate_denoised(self, sigma: Tensor, model_output: Tensor, model_input: Tensor) -> Tensor:
        sigma = reshape_sigma(sigma, model_output.ndim)
        variance = sigma**2 + self.sigma_data**2
        c_skip = self.sigma_data**2 / variance
        c_out = sigma * self.sigma_data / variance**0.5
        return model_input * c_skip - model_output * c_out


class Edm(VPrediction):
    """F with the sign of the EDM paper: D = c_skip x + c_out F. Source: arXiv 2206.00364, eq. 7."""

    def calculate_denoised(self, sigma: Tensor, model_output: Tensor, model_input: Tensor) -> Tensor:
        return super().calculate_denoised(sigma, -model_output, model_input)


class RectifiedFlow:
    """F is the flow noise - D, for x = (1 - sigma) D + sigma noise.

    Known to packs as CONST. Source: Liu et al. 2022, arXiv 2209.03003, eq. 1.
    """

    def calculate_input(self, sigma: Tensor, noise: Tensor) -> Tensor:
        """The network's input: x itself."""
        return noise

    def calculate_denoised(self, sigma: Tensor, model_output: Tensor, model_input: Tensor) -> Tensor:
        """D from the raw output and the noisy latent."""
        return model_input - model_output * reshape_sigma(sigma, model_output.ndim)

    def noise_scaling(
        self, sigma: Tensor, noise: Tensor, latent_image: Tensor, max_denoise: bool = False
    ) -> Tensor:
        """x at `sigma`: straight line between latent and noise."""
        sigma = reshape_sigma(sigma, noise.ndim)
        return sigma * noise + (1.0 - sigma) * latent_image

    def inverse_noise_scaling(self, sigma: Tensor, latent: Tensor) -> Tensor:
        """The latent at full amplitude after sampling stopped at `sigma` < 1."""
        return latent / (1.0 - reshape_sigma(sigma, latent.ndim))


class X0(Eps):
    """F is the denoised latent itself."""

    def calculate_denoised(self, sigma: Tensor, model_output: Tensor, model_input: Tensor) -> Tensor:
        return model_output


class ImageToImage(X0):
    """One-step networks that map a latent to a latent: no input scaling, F is the answer."""

    def calculate_input(self, sigma: Tensor, noise: Tensor) -> Tensor:
        return noise


class CosmosFlow:
    """A flow network behind a variance exploding face: t = sigma / (1 + sigma), D = (1 - t) x - t F.

    Source: measured, vectors of the sigmas family (`cosmos_rflow`).
    """

    def calculate_input(self, sigma: Tensor, noise: Tensor) -> Tensor:
        """The network's input: x on the straight line of flow time t."""
        t = sigma / (sigma + 1.0)
        return noise * (1.0 - reshape_sigma(t, noise.ndim))

    def calculate_denoised(self, sigma: Tensor, model_output: Tensor, model_input: Tensor) -> Tensor:
        """D from the raw output and the noisy latent."""
        t = reshape_sigma(sigma / (sigma + 1.0), model_output.ndim)
        return model_input * (1.0 - t) - model_output * t

    def noise_scaling(
        self, sigma: Tensor, noise: Tensor, latent_image: Tensor, max_denoise: bool = False
    ) -> Tensor:
        """x at `sigma` from unit noise and a clean latent."""
        return noise * reshape_sigma(sigma, noise.ndim) + latent_image

    def inverse_noise_scaling(self, sigma: Tensor, latent: Tensor) -> Tensor:
        """The latent handed on after sampling stopped at `sigma`: unchanged."""
        return latent
