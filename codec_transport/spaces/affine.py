"""Between ComfyUI's latent convention and the numbers that travel: the model-space latent (wire spec 7.1)."""

from __future__ import annotations

from typing import Any

from codec_transport.spaces.space import LatentSpace


def to_model_space(samples: Any, space: LatentSpace) -> Any:
    """Samples as the space's own model sees them, before any un-scaling by its VAE.

    Shape: (B,C,...) torch tensor, returned alike. LATENT dicts hold samples after `process_out`; this is the
    inverse: (x - mean) / std per channel where the space has statistics, else (x - shift) * factor.
    """
    if space.latents_mean is not None and space.latents_std is not None:
        return (samples - _per_channel(space.latents_mean, samples)) / _per_channel(
            space.latents_std, samples
        )
    shifted = samples if space.vae_shift_factor is None else samples - space.vae_shift_factor
    return shifted if space.vae_scale_factor is None else shifted * space.vae_scale_factor


def from_model_space(latent: Any, space: LatentSpace) -> Any:
    """Samples as LATENT dicts hold them and VAEs decode them: the inverse of `to_model_space`. Shape: alike."""
    if space.latents_mean is not None and space.latents_std is not None:
        return latent * _per_channel(space.latents_std, latent) + _per_channel(space.latents_mean, latent)
    scaled = latent if space.vae_scale_factor is None else latent / space.vae_scale_factor
    return scaled if space.vae_shift_factor is None else scaled + space.vae_shift_factor


def _per_channel(numbers: tuple[float, ...], like: Any) -> Any:
    return like.new_tensor(numbers).view((1, -1) + (1,) * (like.dim() - 2))
