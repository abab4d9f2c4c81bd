"""The model patcher: a model, and what one user of it wants changed.

`clone()` is cheap: clones share the model and, until one of them changes, the lists of patches. Nothing is changed in
the model before `patch_model`; `unpatch_model` brings the very tensors back. Read first: `applied` (why two clones
never see each other's weights), `weights` (what a patch is).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import torch
from torch import Tensor

from comfy.patching import applied
from comfy.patching.hook_setters import HookSetters
from comfy.patching.options import ModelOptions, copy_options
from comfy.patching.registries import KeyedTables
from comfy.patching.weights import Patch, calculate_weight
from comfy.patching.wrappers import CallbacksMP

PatchTable = dict[str, list[tuple[Any, ...]]]


class ModelPatcher(HookSetters, KeyedTables):
    """A model with weight patches, replaced objects and hooks.

    `patches` maps weight names to lists of (strength, patch, model strength, offset, function); `object_patches` maps
    dotted attribute names to replacements; `patches_uuid` changes with every change of weights.
    """

    def __init__(
        self,
        model: Any,
        load_device: torch.device | str,
        offload_device: torch.device | str,
        size: int = 0,
        weight_inplace_update: bool = False,
    ) -> None:
        super().__init__()
        self.model = model
        self.load_device, self.offload_device = torch.device(load_device), torch.device(offload_device)
        self.size = size
        self.weight_inplace_update = weight_inplace_update
        self.model_options: ModelOptions = {"transformer_options": {}}
        self.patches: PatchTable = {}
        self.object_patches: dict[str, Any] = {}
        self.parent: ModelPatcher | None = None
        self.patches_uuid = uuid.uuid4()
        self.is_clip = False
        self.is_injected = False

    # Copies and identity

    def clone(self) -> Self:
        """A patcher of the same model with the same changes, free to change on."""
        other = type(self)(
            self.model, self.load_device, self.offload_device, self.size, self.weight_inplace_update
        )
        # The table is copied, its lists are shared: `add_patches` replaces a list, it never extends one.
        other.patches = dict(self.patches)
        other.patches_uuid = self.patches_uuid
        other.object_patches = dict(self.object_patches)
        other.model_options = copy_options(self.model_options)
        other.parent = self
        other.is_clip = self.is_clip
        self.copy_tables_to(other)
        for callback in self.get_all_callbacks(CallbacksMP.ON_CLONE):
            callback(self, other)
        return other

    def is_clone(self, other: Any) -> bool:
        """Whether both lay their changes over the same model."""
        return getattr(other, "model", None) is self.model

    def clone_has_same_weights(self, clone: ModelPatcher) -> bool:
        """Whether `clone` is one, and asks for the same weights."""
        return self.is_clone(clone) and self.patches_uuid == clone.patches_uuid

    # Sizes and places

    def model_size(self) -> int:
        """Bytes of all weights."""
        if not self.size:
            tensors = self.model.state_dict().values()
            self.size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        return self.size

    def loaded_size(self) -> int:
        """Bytes of the weights that are on the load device."""
        on_device = (p for p in self.model.parameters() if p.device.type == self.load_device.type)
        return sum(parameter.numel() * parameter.element_size() for parameter in on_device)

    def lowvram_patch_counter(self) -> int:
        """How many patched weights are computed on use; none, patches are applied when a model is loaded."""
        return 0

    def current_loaded_device(self) -> torch.device:
        """Where the weights are."""
        parameter = next(iter(self.model.parameters()), None)
        return self.offload_device if parameter is None else parameter.device

    def memory_required(self, input_shape: Any) -> float:
        """Bytes that one call of the model needs beside its weights."""
        return self.model.memory_required(input_shape)

    def model_dtype(self) -> torch.dtype | None:
        """The type of the weights, when the model tells."""
        return self.model.get_dtype() if hasattr(self.model, "get_dtype") else None

    # Changes

    def add_object_patch(self, name: str, obj: Any) -> None:
        """Replaces an attribute of the model, by dotted name, while this patcher is applied."""
        self.object_patches[name] = obj

    def get_model_object(self, name: str) -> Any:
        """An attribute of the model by dotted name, as this patcher sees it: its own replacement, else the original."""
        if name in self.object_patches:
            return self.object_patches[name]
        originals = applied.applied_to(self.model).objects
        return originals[name] if name in originals else applied.get_attribute(self.model, name)

    def add_patches(
        self, patches: Mapping[Any, Any], strength_patch: float = 1.0, strength_model: float = 1.0
    ) -> list[Any]:
        """Adds weight patches behind the ones already there; gives the keys that the model has.

        A key is a weight's name, or (name, (dim, start, length)[, function]) for a slice.
        """
        known = self.model.state_dict()
        matched: list[Any] = []
        for key, patch in patches.items():
            name, offset, function = (key, None, None) if isinstance(key, str) else (*key, None, None)[:3]
            if name not in known:
                continue
            entry = Patch(strength_patch, patch, strength_model, offset, function)
            self.patches[name] = [*self.patches.get(name, []), tuple(entry)]
            matched.append(key)
        self.patches_uuid = uuid.uuid4()
        return matched

    def get_key_patches(self, filter_prefix: str | None = None) -> dict[str, list[Any]]:
        """Per weight its original value and this patcher's patches: a patch for another model (merging)."""
        result: dict[str, list[Any]] = {}
        for key, weight in self.model_state_dict(filter_prefix).items():
            original = applied.applied_to(self.model).weights.get(key, weight)
            result[key] = [(original, _as_it_is), *self.patches.get(key, [])]
        return result

    def model_state_dict(self, filter_prefix: str | None = None) -> dict[str, Tensor]:
        """The model's weights as they are now, below a prefix."""
        state_dict = self.model.state_dict()
        if filter_prefix is None:
            return state_dict
        return {key: value for key, value in state_dict.items() if key.startswith(filter_prefix)}

    @property
    def backup(self) -> dict[str, Tensor]:
        """Originals of the weights that are patched now, by whichever clone."""
        return applied.applied_to(self.model).weights

    @property
    def object_patches_backup(self) -> dict[str, Any]:
        """Originals of the objects that are replaced now, by whichever clone."""
        return applied.applied_to(self.model).objects

    # Applying

    def patch_model(
        self,
        device_to: torch.device | str | None = None,
        lowvram_model_memory: int = 0,
        load_weights: bool = True,
        force_patch_weights: bool = False,
    ) -> Any:
        """Brings the model to a device and into this patcher's state; gives the model.

        Another clone's changes are taken off first. Without `load_weights` only objects are replaced.
        """
        state = self._state(load_weights)
        if force_patch_weights or applied.applied_to(self.model).owner != state:
            applied.remove_patches(self.model)
        if device_to is not None:
            self.model_patches_to(device_to)
            self.model.to(device_to)
        applied.apply_patches(self.model, self.patches if load_weights else {}, self.object_patches, state)
        for callback in self.get_all_callbacks(CallbacksMP.ON_LOAD):
            callback(self, device_to, lowvram_model_memory, force_patch_weights, load_weights)
        return self.model

    def load(
        self,
        device_to: torch.device | str | None = None,
        lowvram_model_memory: int = 0,
        force_patch_weights: bool = False,
        full_load: bool = False,
    ) -> None:
        """The same as `patch_model`, without a result."""
        self.patch_model(device_to, lowvram_model_memory, force_patch_weights=force_patch_weights)

    def unpatch_model(
        self, device_to: torch.device | str | None = None, unpatch_weights: bool = True
    ) -> None:
        """Restores the model, whoever changed it, and optionally moves it. `unpatch_weights=False` only moves."""
        if unpatch_weights:
            applied.remove_patches(self.model)
        if device_to is not None:
            self.model.to(device_to)

    def patch_weight_to_device(
        self, key: str, device_to: torch.device | str | None = None, inplace_update: bool = False
    ) -> None:
        """Applies the patches of one weight, on a device."""
        if key in self.patches:
            applied.patch_weight(self.model, key, self.patches[key])
        if device_to is not None:
            parameter = applied.get_attribute(self.model, key)
            parameter.data = parameter.data.to(device_to)

    def partially_load(
        self, device_to: torch.device | str, extra_memory: float = 0, force_patch_weights: bool = False
    ) -> int:
        """Loads the model, always whole; gives the bytes that came to the device."""
        before = self.loaded_size()
        self.patch_model(device_to, force_patch_weights=force_patch_weights)
        return self.loaded_size() - before

    def partially_unload(self, device_to: torch.device | str, memory_to_free: float = 0) -> int:
        """Moves the model away, always whole, with its changes taken off; gives the bytes that left the device."""
        before = self.loaded_size()
        self.unpatch_model(device_to)
        return before - self.loaded_size()

    def calculate_weight(
        self, patches: Any, weight: Tensor, key: str, intermediate_dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """The value of a weight under patches; `weight` may be changed in place."""
        return calculate_weight(patches, weight, key, intermediate_dtype)

    def detach(self, unpatch_all: bool = True) -> Any:
        """Takes the changes off and moves the model to the offload device; gives the model."""
        self.model_patches_to(self.offload_device)
        self.unpatch_model(self.offload_device, unpatch_weights=unpatch_all)
        for callback in self.get_all_callbacks(CallbacksMP.ON_DETACH):
            callback(self, unpatch_all)
        return self.model

    def model_patches_to(self, device: torch.device | str) -> None:
        """Moves hook objects that have weights of their own (they offer `to`)."""
        for hook in self._hooks():
            if hasattr(hook, "to"):
                hook.to(device)

    def model_patches_models(self) -> list[Any]:
        """Patchers that hook objects bring along and that must be loaded too."""
        found: list[Any] = []
        for hook in self._hooks():
            if hasattr(hook, "models"):
                found.extend(hook.models())
        return found

    # One run

    def pre_run(self) -> None:
        """Called before a sampling run: during it the model knows its patcher."""
        if hasattr(self.model, "current_patcher"):
            self.model.current_patcher = self
        for callback in self.get_all_callbacks(CallbacksMP.ON_PRE_RUN):
            callback(self)

    def prepare_state(self, timestep: Tensor) -> None:
        """Called before each evaluation."""
        for callback in self.get_all_callbacks(CallbacksMP.ON_PREPARE_STATE):
            callback(self, timestep)

    def cleanup(self) -> None:
        """Called after a sampling run."""
        if hasattr(self.model, "current_patcher"):
            self.model.current_patcher = None
        for callback in self.get_all_callbacks(CallbacksMP.ON_CLEANUP):
            callback(self)

    def inject_model(self) -> None:
        """Runs all registered injections, unless they are in already."""
        if self.is_injected:
            return
        self.is_injected = bool(self.injections)
        for injection in (item for items in self.injections.values() for item in items):
            injection.inject(self)

    def eject_model(self) -> None:
        """Undoes all registered injections, last first."""
        if not self.is_injected:
            return
        self.is_injected = False
        for injection in reversed([item for items in self.injections.values() for item in items]):
            injection.eject(self)

    @contextmanager
    def use_injected(self) -> Iterator[None]:
        """Injections hold inside, whatever happens there."""
        self.inject_model()
        try:
            yield
        finally:
            self.eject_model()

    def use_ejected(self, skip_and_inject_on_exit_only: bool = False) -> AutoPatcherEjector:
        """A context without injections; see `AutoPatcherEjector`."""
        return AutoPatcherEjector(self, skip_and_inject_on_exit_only)

    def _state(self, load_weights: bool) -> object:
        """What identifies the applied state: equal states need no work."""
        objects = tuple(sorted((name, id(value)) for name, value in self.object_patches.items()))
        return (self.patches_uuid if load_weights and self.patches else None, objects)

    def _hooks(self) -> Iterator[Callable[..., Any]]:
        options = self.model_options.get("transformer_options", {})
        for functions in options.get("patches", {}).values():
            yield from functions
        for table in options.get("patches_replace", {}).values():
            yield from table.values()
        wrapper = self.model_options.get("model_function_wrapper")
        if wrapper is not None:
            yield wrapper


class AutoPatcherEjector:
    """Takes a patcher's injections out inside a `with` block and puts back what was in.

    With `skip_and_inject_on_exit_only` nothing is taken out, and injections are put in at the end.
    """

    def __init__(self, model: ModelPatcher, skip_and_inject_on_exit_only: bool = False) -> None:
        self.model, self.skip_and_inject_on_exit_only = model, skip_and_inject_on_exit_only
        self.was_injected = False

    def __enter__(self) -> None:
        self.was_injected = self.model.is_injected and not self.skip_and_inject_on_exit_only
        if self.was_injected:
            self.model.eject_model()

    def __exit__(self, *_: object) -> None:
        if self.was_injected or self.skip_and_inject_on_exit_only:
            self.model.inject_model()


def _as_it_is(weight: Tensor, inplace: bool = False) -> Tensor:
    """How a weight of an unquantised model becomes the plain tensor that patches are added to."""
    return weight
