"""Latents of a real checkpoint, from prompts or from pictures: what calibration, dictionaries and benchmarks need.

Layer: may import `comfy` (models) and the latent spaces; no engine, no folders, no HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from codec_transport.errors import LocalProtocolError
from codec_transport.spaces.affine import to_model_space
from codec_transport.spaces.builtin import (
    FLUX_SPACE_ID,
    LTXV_SPACE_ID,
    SD1_SPACE_ID,
    SD3_SPACE_ID,
    SDXL_SPACE_ID,
    WAN21_SPACE_ID,
    WAN22_SPACE_ID,
)
from codec_transport.spaces.space import LatentSpace
from comfy.models.checkpoint import Checkpoint, load_checkpoint
from comfy.sampling import run

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_SPACE_OF_FORMAT = {
    "SD15": SD1_SPACE_ID,
    "SDXL": SDXL_SPACE_ID,
    "SD3": SD3_SPACE_ID,
    "Flux": FLUX_SPACE_ID,
    "LTXV": LTXV_SPACE_ID,
    "Wan21": WAN21_SPACE_ID,
    "Wan22": WAN22_SPACE_ID,
}


@dataclass(frozen=True, slots=True)
class SamplingChoice:
    """How prompts become latents. side: pixels; None for the checkpoint's native size. cfg: None for its own."""

    side: int | None = None
    steps: int = 20
    cfg: float | None = None
    sampler_name: str = "euler"
    scheduler: str = "normal"
    seed: int = 0


class LatentSource:
    """One checkpoint, giving latents (C,h,w) float32 in model space.

    Raises: WeightsError for a file that is no checkpoint.
    """

    def __init__(self, path: Path) -> None:
        self.checkpoint: Checkpoint = load_checkpoint(path)

    @property
    def space_id(self) -> str:
        """Id of the checkpoint's latent space: from its metadata, else by its family.

        Raises: LocalProtocolError when neither tells.
        """
        named = self.checkpoint.metadata.get("codec.latent_space")
        model = self.checkpoint.model
        latent_format = "" if model is None else type(model.model.latent_format).__name__
        found = named or _SPACE_OF_FORMAT.get(latent_format)
        if found is None:
            raise LocalProtocolError(f"no latent space is known for latents of kind {latent_format!r}")
        return found

    def from_pictures(self, directory: Path, space: LatentSpace) -> Iterator[Tensor]:
        """Encodes every picture of a directory, in order of names. Raises: LocalProtocolError for none."""
        files = sorted(path for path in directory.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
        if not files:
            raise LocalProtocolError(f"{directory}: no {', '.join(PICTURE_SUFFIXES)} in it")
        vae = self.checkpoint.vae
        if vae is None:
            raise LocalProtocolError("the checkpoint holds no autoencoder")
        for file in files:
            with Image.open(file) as opened:
                pixels = np.asarray(opened.convert("RGB"), np.float32) / 255.0
            yield to_model_space(vae.encode(torch.from_numpy(pixels)[None]), space)[0].float().cpu()

    def from_prompts(
        self, prompts: Sequence[str], space: LatentSpace, choice: SamplingChoice
    ) -> Iterator[Tensor]:
        """Samples one latent per prompt; the seed grows by one with each."""
        for i, prompt in enumerate(prompts):
            conditioning = self._conditioning(prompt)
            yield to_model_space(self._sample(conditioning, space, choice, choice.seed + i), space)[0]

    def clips(
        self, pairs: Iterable[tuple[str, str]], space: LatentSpace, choice: SamplingChoice, num_frames: int
    ) -> Iterator[list[Tensor]]:
        """Samples one clip per pair of prompts: one noise, conditionings blended from the first to the second."""
        for i, pair in enumerate(pairs):
            first, second = (self._conditioning(prompt) for prompt in pair)
            frames = []
            for frame in range(num_frames):
                share = frame / max(num_frames - 1, 1)
                blended = [[torch.lerp(first[0][0], second[0][0], share), first[0][1]]]
                frames.append(to_model_space(self._sample(blended, space, choice, choice.seed + i), space)[0])
            yield frames

    def _conditioning(self, prompt: str) -> Any:
        clip = self.checkpoint.clip
        if clip is None:
            raise LocalProtocolError("the checkpoint holds no text encoder")
        return clip.encode_from_tokens_scheduled(clip.tokenize(prompt))

    @torch.no_grad()
    def _sample(self, positive: Any, space: LatentSpace, choice: SamplingChoice, seed: int) -> Tensor:
        """One latent (1,C,h,w) as nodes exchange it."""
        model = self.checkpoint.model
        if model is None:
            raise LocalProtocolError("the checkpoint holds no diffusion model")
        side = choice.side or int(self._number("codec.native_size", space.shape[-1] * space.spatial_stride))
        cfg = choice.cfg if choice.cfg is not None else self._number("codec.guidance_scale", 7.5)
        places = side // space.spatial_stride
        empty = torch.zeros(1, space.shape[0], places, places)
        return run.sample(
            model,
            run.prepare_noise(empty, seed),
            choice.steps,
            cfg,
            choice.sampler_name,
            choice.scheduler,
            positive,
            self._conditioning(""),
            empty,
            disable_pbar=True,
            seed=seed,
        ).float()

    def _number(self, key: str, default: float) -> float:
        try:
            return float(self.checkpoint.metadata[key])
        except (KeyError, ValueError):
            return default


def read_prompts(path: Path) -> list[str]:
    """The lines of a text file that are not blank. Raises: LocalProtocolError when there are none."""
    prompts = [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    if not prompts:
        raise LocalProtocolError(f"{path}: no prompts in it")
    return prompts
