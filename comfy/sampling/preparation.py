"""Before and after a run: models on their device, masks in the latent's shape, extra models of conditionings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from comfy.images.masks import reshape_mask
from comfy.memory import residency
from comfy.patching.wrappers import WrapperExecutor, WrappersMP, get_all_wrappers, merge_nested_dicts
from comfy.sampling.model import Conditionings, ModelPatcherLike


def prepare_mask(noise_mask: Tensor, shape: Sequence[int], device: torch.device | str) -> Tensor:
    """A noise mask of picture or latent size as (B,C,...) of the latent, on the device."""
    return reshape_mask(noise_mask, shape).to(device)


def get_models_from_cond(cond: Sequence[dict[str, Any]], model_type: str) -> list[Any]:
    """The values that entries hold under one key ("control", "gligen"), in order."""
    return [entry[model_type] for entry in cond if model_type in entry]


def _controls(conds: Conditionings) -> list[Any]:
    """The controls of all entries, each once."""
    found: list[Any] = []
    for entries in conds.values():
        for control in get_models_from_cond(entries, "control"):
            if not any(control is known for known in found):
                found.append(control)
    return found


def get_additional_models(conds: Conditionings, dtype: torch.dtype | None) -> tuple[list[Any], float]:
    """Patchers that the entries' controls need on the device, and the bytes they need beside their weights."""
    models: list[Any] = []
    memory = 0.0
    for control in _controls(conds):
        models.extend(control.get_models())
        memory += control.inference_memory_requirements(dtype)
    return models, memory


def estimate_memory(
    model: Any, noise_shape: Sequence[int], conds: Conditionings | None = None
) -> tuple[float, float]:
    """Bytes of an evaluation: both sides of a batch at once, and the least that works (one side).

    `model` is a model or its patcher; `conds` is accepted for the door's signature.
    """
    both = [noise_shape[0] * 2, *noise_shape[1:]]
    return model.memory_required(both), model.memory_required(list(noise_shape))


def prepare_model_patcher(
    model: ModelPatcherLike, conds: Conditionings, model_options: dict[str, Any]
) -> None:
    """Adds the patcher's own wrappers and callbacks to the run's options, in place."""
    options = model_options.setdefault("transformer_options", {})
    for group in ("wrappers", "callbacks"):
        options[group] = merge_nested_dicts(getattr(model, group), options.get(group, {}))


def prepare_sampling(
    model: ModelPatcherLike,
    noise_shape: Sequence[int],
    conds: Conditionings,
    model_options: dict[str, Any] | None = None,
) -> tuple[Any, Conditionings, list[Any]]:
    """Loads the model and what it and the conditionings need.

    Returns: the model, the conditionings, the extra patchers.
    """
    executor = WrapperExecutor.new_executor(
        _prepare_sampling,
        get_all_wrappers(WrappersMP.PREPARE_SAMPLING, model_options or {}, is_model_options=True),
    )
    return executor.execute(model, noise_shape, conds, model_options)


def _prepare_sampling(
    model: ModelPatcherLike,
    noise_shape: Sequence[int],
    conds: Conditionings,
    model_options: dict[str, Any] | None = None,
) -> tuple[Any, Conditionings, list[Any]]:
    inner = model.model
    dtype = inner.get_dtype() if hasattr(inner, "get_dtype") else None
    models, inference_memory = get_additional_models(conds, dtype)
    models += model.get_nested_additional_models() + model.model_patches_models()
    memory, minimum = estimate_memory(inner, noise_shape, conds)
    residency.load_models_gpu(
        [model, *models],
        memory_required=memory + inference_memory,
        minimum_memory_required=minimum + inference_memory,
    )
    return inner, conds, models


def cleanup_additional_models(models: Sequence[Any]) -> None:
    """Tells extra models that the run is over."""
    for model in models:
        if hasattr(model, "cleanup"):
            model.cleanup()


def cleanup_models(conds: Conditionings, models: Sequence[Any]) -> None:
    """Tells extra models and the controls of all entries that the run is over."""
    cleanup_additional_models(models)
    cleanup_additional_models(_controls(conds))
