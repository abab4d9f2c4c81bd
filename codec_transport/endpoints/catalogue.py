"""Which checkpoint answers a request, and what negotiation must know of it. Reads headers, never weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from codec_transport.endpoints.negotiation_records import ModelFacts
from codec_transport.endpoints.rejection import RejectionError
from codec_transport.endpoints.templates import has_template, template_name
from codec_transport.endpoints.workflows import Workflow
from codec_transport.errors import UnknownSpaceError
from codec_transport.spaces.builtin import SD1_SPACE_ID
from codec_transport.spaces.registry import LatentMap, SpaceRegistry
from codec_transport.spaces.space import VIDEO_LATENTS, LatentSpace
from comfy.errors import WeightsError
from comfy.models.families import detect_family, diffusion_prefix
from comfy.sampling.registry import SAMPLER_NAMES, SCHEDULER_NAMES
from comfy.weights.files import read_safetensors_header

DEMO_CHECKPOINT = "codec-demo-sd1.safetensors"
ALIASES = {"demo": DEMO_CHECKPOINT, "codec-demo": DEMO_CHECKPOINT}
MODEL_SUFFIXES = (".safetensors", ".sft")
"""Only files whose header tells what they are can answer; a pickle would have to be opened to know."""


MAX_BATCH_FRAMES = 240
"""Frames of a clip that is sampled as one batch of pictures: ten seconds at 24 frames a second."""
MAX_BATCH_PIXELS = 2 * 2048 * 2048
"""Of all its frames. Measured with the demo model: 24 frames of 512x512, three quarters of it, take 1.6 GiB."""


@dataclass(frozen=True, slots=True)
class FamilyDefaults:
    """What a request of a family gets where it says nothing. native_side: pixels."""

    latent_space: str
    native_side: int
    guidance_scale: float
    sampler_name: str = "euler"
    scheduler: str = "normal"


FAMILY_DEFAULTS = {"sd1": FamilyDefaults(SD1_SPACE_ID, 512, 7.5)}


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One checkpoint as the generation endpoints see it. `checkpoint`: its name in the checkpoints folder."""

    checkpoint: str
    family: str
    latent_space: str
    native_side: int
    guidance_scale: float
    sampler_name: str
    scheduler: str


class ModelCatalogue:
    """Checkpoints by name and alias; headers are read once per state of the file."""

    def __init__(
        self,
        list_files: Callable[[], list[str]],
        path_of: Callable[[str], str | None],
        *,
        initial: str | None = None,
    ) -> None:
        """initial: name of the model that answers requests without `model`."""
        self._list_files = list_files
        self._path_of = path_of
        self._initial = initial
        self._known: dict[tuple[str, int, int], ServedModel] = {}

    def names(self) -> list[str]:
        """Checkpoints that could answer."""
        return [name for name in self._list_files() if name.lower().endswith(MODEL_SUFFIXES)]

    def file_of(self, name: str | None) -> str | None:
        """The checkpoint that a name stands for, with or without folder and extension; None when none does."""
        files = self.names()
        if name is None:
            return self._default(files)
        wanted = ALIASES.get(name.lower(), name)
        for spelling in (str, _without_suffix, _last_part, _last_part_without_suffix):
            for file in files:
                if spelling(file) == wanted:
                    return file
        return None

    def _default(self, files: list[str]) -> str | None:
        if self._initial:
            return self.file_of(self._initial)
        others = [file for file in files if _last_part(file) != DEMO_CHECKPOINT]
        if len(others) == 1:
            return others[0]
        return self.file_of(DEMO_CHECKPOINT)

    def resolve(self, name: str | None) -> ServedModel | None:
        """The model behind a name, None when nothing has that name.

        Raises: RejectionError 404 `model_not_found` when the file is there but cannot answer, with the reason.
        """
        file = self.file_of(name)
        path = None if file is None else self._path_of(file)
        if file is None or path is None:
            return None
        try:
            state = os.stat(path)
            key = (path, state.st_mtime_ns, state.st_size)
            if key not in self._known:
                self._known[key] = read_model(file, path)
            return self._known[key]
        except (OSError, WeightsError) as error:
            reason = error.message if isinstance(error, WeightsError) else "cannot be read"
            message = f"checkpoint {file!r:.120} cannot answer: {reason}"
            raise RejectionError(404, "model_not_found", message, param="model") from error


def read_model(file: str, path: str) -> ServedModel:
    """What a checkpoint's header says. Raises: WeightsError for a file of no known family."""
    header = read_safetensors_header(path)
    metadata: Mapping[str, Any] = header.get("__metadata__") or {}
    shapes = {
        key: tuple(entry["shape"])
        for key, entry in header.items()
        if key != "__metadata__" and isinstance(entry, dict) and isinstance(entry.get("shape"), list)
    }
    prefix = diffusion_prefix(list(shapes))
    network = {key[len(prefix) :]: shape for key, shape in shapes.items() if key.startswith(prefix)}
    family, _ = detect_family(network, metadata)
    defaults = FAMILY_DEFAULTS.get(family.NAME)
    if defaults is None or not has_template(family.NAME):
        raise WeightsError(f"no request graph for family {family.NAME}", path=path)
    return ServedModel(
        checkpoint=file,
        family=family.NAME,
        latent_space=str(metadata.get("codec.latent_space", defaults.latent_space)),
        native_side=int(_number(metadata, "codec.native_size", defaults.native_side)),
        guidance_scale=_number(metadata, "codec.guidance_scale", defaults.guidance_scale),
        sampler_name=defaults.sampler_name,
        scheduler=defaults.scheduler,
    )


def facts_of(model: ServedModel, spaces: SpaceRegistry, base_url: str) -> ModelFacts:
    """What negotiation must know of a model; a space that is not in the registry leaves pixels only."""
    space, latent_map = _space_and_map(model.latent_space, spaces, base_url)
    is_clip_maker = space is not None and VIDEO_LATENTS in space.modalities
    return ModelFacts(
        has_video=is_clip_maker and has_template(template_name(model.family, is_clip=True)),
        max_frames=MAX_BATCH_FRAMES,
        max_clip_pixels=MAX_BATCH_PIXELS,
        name=model.checkpoint,
        space=space,
        latent_map=latent_map,
        native_size=(model.native_side, model.native_side),
        sampler_names=tuple(SAMPLER_NAMES),
        schedulers=tuple(SCHEDULER_NAMES),
    )


def facts_of_workflow(
    workflow: Workflow | None, models: ModelCatalogue, spaces: SpaceRegistry, base_url: str
) -> ModelFacts:
    """What negotiation must know of a graph: its space is the node's own, else its checkpoint's.

    workflow: None when nothing is known of it. Raises: RejectionError as `ModelCatalogue.resolve`.
    """
    space_id = None if workflow is None else workflow.latent_space
    checkpoint = None if workflow is None else workflow.checkpoint
    if space_id is None and checkpoint is not None:
        served = models.resolve(checkpoint)
        space_id = served.latent_space if served is not None else None
    return facts_of_space(space_id, spaces, base_url, name=checkpoint or "workflow")


def facts_of_space(space_id: str | None, spaces: SpaceRegistry, base_url: str, *, name: str) -> ModelFacts:
    """Facts of latents of which only the space is known."""
    space, latent_map = _space_and_map(space_id, spaces, base_url)
    return ModelFacts(name, space, latent_map, has_video=True)


def _space_and_map(
    space_id: str | None, spaces: SpaceRegistry, base_url: str
) -> tuple[LatentSpace | None, LatentMap | None]:
    try:
        return spaces.get(space_id or ""), spaces.map(space_id or "", base_url)
    except UnknownSpaceError:
        return None, None


def _number(metadata: Mapping[str, Any], key: str, default: float) -> float:
    try:
        value = float(metadata[key])
    except (KeyError, TypeError, ValueError):
        return default
    return value if 0 < value < 1e5 else default


def _without_suffix(file: str) -> str:
    return str(PurePath(file).with_suffix(""))


def _last_part(file: str) -> str:
    return PurePath(file).name


def _last_part_without_suffix(file: str) -> str:
    return PurePath(file).stem
