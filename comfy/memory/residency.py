"""Which models are on the device now, and who has to leave when another one comes.

A model is loaded whole; partial loading comes with the issue that needs it. The list is in order of use, last used
first; the last used leave last.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from typing import Any, Protocol

import torch

from comfy.memory import devices

# What one evaluation of a small model takes beside weights; below it free memory is too tight to start.
INFERENCE_RESERVE_BYTES = 800 * 1024 * 1024


class Resident(Protocol):
    """What residency needs of a patcher."""

    model: Any
    load_device: torch.device
    offload_device: torch.device

    def model_size(self) -> int:
        """Bytes of the weights."""

    def is_clone(self, other: Any) -> bool:
        """Whether both patch the same model."""

    def patch_model(self, device_to: torch.device | None = None) -> Any:
        """Moves the model to a device and applies the patches of its weights."""

    def detach(self, unpatch_all: bool = True) -> Any:
        """Takes the patches off and moves the model to its offload device."""


class LoadedModel:
    """A model on its device together with the patcher that put it there."""

    def __init__(self, model: Resident) -> None:
        self._patcher = weakref.ref(model)
        self.device = model.load_device
        self.currently_used = True

    @property
    def model(self) -> Resident | None:
        """The patcher, None once nobody else keeps it."""
        return self._patcher()

    def is_dead(self) -> bool:
        """Whether the patcher is gone."""
        return self._patcher() is None

    def model_memory(self) -> int:
        """Bytes of the weights."""
        patcher = self._patcher()
        return 0 if patcher is None else patcher.model_size()

    def model_loaded_memory(self) -> int:
        """Bytes on the device: all of them."""
        return self.model_memory()

    def model_offloaded_memory(self) -> int:
        """Bytes not on the device: none."""
        return 0

    def model_memory_required(self, device: torch.device) -> int:
        """Bytes that loading on `device` would take."""
        patcher = self._patcher()
        if patcher is None or getattr(patcher.model, "device", None) == device:
            return 0
        return patcher.model_size()

    def model_load(self, lowvram_model_memory: float = 0, force_patch_weights: bool = False) -> Any:
        """Patches the weights and moves them to the device; returns the model."""
        patcher = self._patcher()
        assert patcher is not None, "a model is loaded by somebody who holds its patcher"
        patcher.patch_model(device_to=self.device)
        return patcher.model

    def should_reload_model(self, force_patch_weights: bool = False) -> bool:
        """Whether weights on the device have to be patched anew."""
        return force_patch_weights

    def model_use_more_vram(self, extra_memory: float, force_patch_weights: bool = False) -> float:
        """Bytes that were moved to the device in addition: none, all of it is there."""
        return 0

    def model_unload(self, memory_to_free: float | None = None, unpatch_weights: bool = True) -> bool:
        """Takes patches off and moves the weights away; True, because all of it leaves."""
        patcher = self._patcher()
        if patcher is not None:
            patcher.detach(unpatch_weights)
        return True


current_loaded_models: list[LoadedModel] = []


def extra_reserved_memory() -> int:
    """Bytes that are left to others."""
    return devices.settings.reserve_bytes


def minimum_inference_memory() -> int:
    """Bytes that must be free beside weights before a model is evaluated."""
    return INFERENCE_RESERVE_BYTES + extra_reserved_memory()


def free_memory(
    memory_required: float, device: torch.device, keep_loaded: Sequence[LoadedModel] = ()
) -> list[LoadedModel]:
    """Unloads models of a device, least recently used first, until enough is free; returns who left."""
    cleanup_models()
    gone: list[LoadedModel] = []
    for loaded in reversed(list(current_loaded_models)):
        if loaded.device != device or loaded in keep_loaded:
            continue
        if devices.get_free_memory(device) >= memory_required:
            break
        loaded.model_unload()
        current_loaded_models.remove(loaded)
        gone.append(loaded)
        devices.soft_empty_cache()
    return gone


def _find(model: Resident) -> LoadedModel | None:
    for loaded in current_loaded_models:
        if loaded.model is model:
            return loaded
    return None


def load_models_gpu(
    models: Sequence[Resident],
    memory_required: float = 0,
    force_patch_weights: bool = False,
    minimum_memory_required: float | None = None,
    force_full_load: bool = False,
) -> None:
    """Brings models, with the patches of their patchers, to their devices, making room before.

    A model that is loaded through another patcher (a clone with other patches) is unpatched first. On return the
    models stand first in `current_loaded_models`.
    """
    cleanup_models()
    wanted = list(dict.fromkeys(models))
    entries: list[LoadedModel] = []
    for model in wanted:
        entry = _find(model)
        if entry is None:
            for other in list(current_loaded_models):
                patcher = other.model
                if patcher is not None and patcher.is_clone(model):
                    other.model_unload()
                    current_loaded_models.remove(other)
            entry = LoadedModel(model)
        entries.append(entry)

    for device in {entry.device for entry in entries}:
        if device.type == "cpu":
            continue  # weights are in main memory already: moving others away would free nothing
        weights = sum(entry.model_memory_required(device) for entry in entries if entry.device == device)
        needed = weights + max(memory_required, minimum_inference_memory()) + extra_reserved_memory()
        free_memory(needed, device, keep_loaded=entries)

    for entry in reversed(entries):
        entry.model_load(force_patch_weights=force_patch_weights)
        entry.currently_used = True
        if entry in current_loaded_models:
            current_loaded_models.remove(entry)
        current_loaded_models.insert(0, entry)


def load_together(models: Sequence[Resident]) -> bool:
    """Loads models that will be used in turns; False, and nothing is done, where a device has no room for all."""
    wanted = list(dict.fromkeys(models))
    for device in {model.load_device for model in wanted}:
        if device.type == "cpu":
            continue
        weights = sum(model.model_size() for model in wanted if model.load_device == device)
        if weights + minimum_inference_memory() > devices.get_total_memory(device):
            return False
    load_models_gpu(wanted)
    return True


def load_model_gpu(model: Resident) -> None:
    """`load_models_gpu` for one model."""
    load_models_gpu([model])


def loaded_models(only_currently_used: bool = False) -> list[Resident]:
    """The patchers of loaded models, last used first."""
    return [
        loaded.model
        for loaded in current_loaded_models
        if loaded.model is not None and (loaded.currently_used or not only_currently_used)
    ]


def use_more_memory(extra_memory: float, loaded_models: Sequence[LoadedModel], device: torch.device) -> None:
    """Moves more of partly loaded models to the device: nothing to do, models are loaded whole."""


def offloaded_memory(loaded_models: Sequence[LoadedModel], device: torch.device) -> int:
    """Bytes of loaded models that are not on the device."""
    return sum(loaded.model_offloaded_memory() for loaded in loaded_models if loaded.device == device)


def maximum_vram_for_weights(device: torch.device | None = None) -> float:
    """Bytes of a device that weights may take."""
    return devices.get_total_memory(device) * 0.88 - minimum_inference_memory()


def cleanup_models() -> None:
    """Forgets models that nobody holds any more."""
    current_loaded_models[:] = [loaded for loaded in current_loaded_models if not loaded.is_dead()]


def cleanup_models_gc() -> None:
    """`cleanup_models` after collecting garbage."""
    gc.collect()
    cleanup_models()
    devices.soft_empty_cache()


def unload_all_models() -> None:
    """Moves every model off its device."""
    for loaded in list(current_loaded_models):
        loaded.model_unload()
    current_loaded_models.clear()
    devices.soft_empty_cache()


def module_size(module: torch.nn.Module) -> int:
    """Bytes of a module's parameters and buffers, shared ones once each."""
    return sum(tensor.nelement() * tensor.element_size() for tensor in module.state_dict().values())
