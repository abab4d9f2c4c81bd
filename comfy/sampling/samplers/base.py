"""What all samplers share: the form of a sampler, the form of its callback, steps of one formula.

A sampler is a function f(model, x, sigmas, extra_args=None, callback=None, disable=None, **options) -> x:
`model(x, sigma, **extra_args)` gives the denoised latent for sigma (B,); `x` (B,C,...) is the noisy latent at
`sigmas[0]`; `callback` gets a dict with `x`, `i`, `sigma`, `sigma_hat` and `denoised` after every network call that
opens a step; `disable` is accepted for callers that know terminal progress bars. Symbols in the files of this
package: sigma noise level, lambda half the log signal-to-noise ratio, h a step in lambda, D denoised latent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from torch import Tensor

from comfy.patching.options import set_model_options_post_cfg_function
from comfy.sampling.predictions import RectifiedFlow

SamplerCallback = Callable[[dict[str, Any]], Any]


class Denoiser(Protocol):
    """The model as samplers see it."""

    inner_model: Any

    def __call__(self, x: Tensor, sigma: Tensor, **extra_args: Any) -> Tensor:
        """The denoised latent for a noisy one at sigma (B,)."""


def append_dims(x: Tensor, target_dims: int) -> Tensor:
    """`x` with trailing axes of size one up to `target_dims` axes.

    Raises: ValueError where it has more already.
    """
    missing = target_dims - x.ndim
    if missing < 0:
        msg = f"input has {x.ndim} axes, more than the {target_dims} asked for"
        raise ValueError(msg)
    return x[(...,) + (None,) * missing]


def to_d(x: Tensor, sigma: Tensor, denoised: Tensor) -> Tensor:
    """The derivative dx / dsigma of the probability flow. Source: arXiv 2206.00364, eq. 1 with s = 1."""
    return (x - denoised) / append_dims(sigma, x.ndim)


def get_ancestral_step(sigma_from: Any, sigma_to: Any, eta: float = 1.0) -> tuple[Any, Any]:
    """The level to step down to and the noise to add there, so that the result has level `sigma_to`.

    Source: Song et al. 2020, arXiv 2010.02502, eq. 16, in the variance exploding form.
    """
    if not eta:
        return sigma_to, 0.0
    full = eta * (sigma_to**2 * (sigma_from**2 - sigma_to**2) / sigma_from**2) ** 0.5
    sigma_up = min(sigma_to, full)
    sigma_down = (sigma_to**2 - sigma_up**2) ** 0.5
    return sigma_down, sigma_up


def get_ancestral_step_flow(
    sigma_from: Tensor, sigma_to: Tensor, eta: float
) -> tuple[Tensor, Tensor, Tensor]:
    """An ancestral step on the straight line: level to step down to, factor of the result, noise to add.

    Factor and noise bring amplitude 1 - sigma and level sigma of the line back at `sigma_to`.
    """
    sigma_down = sigma_to * (1 + (sigma_to / sigma_from - 1) * eta)
    scale = (1 - sigma_to) / (1 - sigma_down)
    renoise = (sigma_to**2 - sigma_down**2 * scale**2) ** 0.5
    return sigma_down, scale, renoise


def model_sampling_of(model: Denoiser) -> Any:
    """The parameterization behind a denoiser, patched ones first."""
    return model.inner_model.model_patcher.get_model_object("model_sampling")


def is_flow(model_sampling: Any) -> bool:
    """Whether latents lie on the straight line between data and noise."""
    return isinstance(model_sampling, RectifiedFlow)


def half_log_snr(sigma: Tensor, model_sampling: Any) -> Tensor:
    """lambda = log(alpha / sigma): alpha is 1, or 1 - sigma for flow."""
    return sigma.logit().neg() if is_flow(model_sampling) else sigma.log().neg()


def half_log_snr_to_sigma(lambda_: Tensor, model_sampling: Any) -> Tensor:
    """The inverse of `half_log_snr`."""
    return lambda_.neg().sigmoid() if is_flow(model_sampling) else lambda_.neg().exp()


def finite_start(sigmas: Tensor, model_sampling: Any) -> Tensor:
    """The levels with a first one below pure noise: at flow time 1 lambda would be infinite."""
    if len(sigmas) > 1 and is_flow(model_sampling) and sigmas[0] >= 1:
        sigmas = sigmas.clone()
        sigmas[0] = model_sampling.percent_to_sigma(1e-4)
    return sigmas


def with_uncond(extra_args: dict[str, Any]) -> tuple[dict[str, Any], list[Tensor]]:
    """Arguments that make every network call leave its negative side's denoised latent in the list's only place.

    The negative side is then evaluated at every guidance scale.
    """
    kept: list[Tensor] = []

    def keep(args: dict[str, Any]) -> Tensor:
        kept[:] = [args["uncond_denoised"]]
        return args["denoised"]

    options = set_model_options_post_cfg_function(
        dict(extra_args.get("model_options", {})), keep, disable_cfg1_optimization=True
    )
    return {**extra_args, "model_options": options}, kept


def report(
    callback: SamplerCallback | None,
    x: Tensor,
    i: int,
    sigma: Tensor,
    denoised: Tensor,
    sigma_hat: Tensor | None = None,
) -> None:
    """Calls the callback, if there is one, with the fields that packs know."""
    if callback is not None:
        callback(
            {
                "x": x,
                "i": i,
                "sigma": sigma,
                "sigma_hat": sigma if sigma_hat is None else sigma_hat,
                "denoised": denoised,
            }
        )
