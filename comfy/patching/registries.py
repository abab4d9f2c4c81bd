"""The keyed tables of a patcher: callbacks, wrappers, attachments, injections, further models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from comfy.patching.wrappers import CallbacksMP, PatcherInjection, Registry, WrappersMP, flatten


class KeyedTables:
    """Mixed into the patcher. Everything is registered under a kind and a key and can be removed by that key."""

    def __init__(self) -> None:
        self.callbacks: Registry = CallbacksMP.init_callbacks()
        self.wrappers: Registry = WrappersMP.init_wrappers()
        self.attachments: dict[str, Any] = {}
        self.additional_models: dict[str, list[Any]] = {}
        self.injections: dict[str, list[PatcherInjection]] = {}

    def copy_tables_to(self, other: KeyedTables) -> None:
        """Gives a clone its own tables with the same entries; attachments decide by `on_model_patcher_clone`."""
        other.callbacks = {
            kind: {key: list(fs) for key, fs in t.items()} for kind, t in self.callbacks.items()
        }
        other.wrappers = {kind: {key: list(fs) for key, fs in t.items()} for kind, t in self.wrappers.items()}
        other.injections = {key: list(entries) for key, entries in self.injections.items()}
        other.additional_models = {
            key: [model.clone() for model in models] for key, models in self.additional_models.items()
        }
        other.attachments = {
            key: value.on_model_patcher_clone() if hasattr(value, "on_model_patcher_clone") else value
            for key, value in self.attachments.items()
        }

    def add_callback(self, call_type: str, callback: Callable[..., Any]) -> None:
        """Registers a callback without a key."""
        self.add_callback_with_key(call_type, None, callback)

    def add_callback_with_key(self, call_type: str, key: str | None, callback: Callable[..., Any]) -> None:
        """Registers a callback under a key."""
        self.callbacks.setdefault(call_type, {}).setdefault(key, []).append(callback)

    def remove_callbacks_with_key(self, call_type: str, key: str | None) -> None:
        """Forgets the callbacks of a kind and key."""
        self.callbacks.get(call_type, {}).pop(key, None)

    def get_callbacks(self, call_type: str, key: str | None) -> list[Callable[..., Any]]:
        """The callbacks of a kind and key."""
        return self.callbacks.get(call_type, {}).get(key, [])

    def get_all_callbacks(self, call_type: str) -> list[Callable[..., Any]]:
        """All callbacks of a kind."""
        return flatten(self.callbacks.get(call_type, {}))

    def add_wrapper(self, wrapper_type: str, wrapper: Callable[..., Any]) -> None:
        """Registers a wrapper without a key."""
        self.add_wrapper_with_key(wrapper_type, None, wrapper)

    def add_wrapper_with_key(self, wrapper_type: str, key: str | None, wrapper: Callable[..., Any]) -> None:
        """Registers a wrapper under a key."""
        self.wrappers.setdefault(wrapper_type, {}).setdefault(key, []).append(wrapper)

    def remove_wrappers_with_key(self, wrapper_type: str, key: str | None) -> None:
        """Forgets the wrappers of a kind and key."""
        self.wrappers.get(wrapper_type, {}).pop(key, None)

    def get_wrappers(self, wrapper_type: str, key: str | None) -> list[Callable[..., Any]]:
        """The wrappers of a kind and key."""
        return self.wrappers.get(wrapper_type, {}).get(key, [])

    def get_all_wrappers(self, wrapper_type: str) -> list[Callable[..., Any]]:
        """All wrappers of a kind, outermost first."""
        return flatten(self.wrappers.get(wrapper_type, {}))

    def set_attachments(self, key: str, attachment: Any) -> None:
        """Keeps any object with the patcher."""
        self.attachments[key] = attachment

    def remove_attachments(self, key: str) -> None:
        """Forgets an attached object."""
        self.attachments.pop(key, None)

    def get_attachment(self, key: str) -> Any:
        """An attached object, or None."""
        return self.attachments.get(key)

    def set_injections(self, key: str, injections: list[PatcherInjection]) -> None:
        """Registers what is put into the model for each run."""
        self.injections[key] = injections

    def remove_injections(self, key: str) -> None:
        """Forgets the injections of a key."""
        self.injections.pop(key, None)

    def get_injections(self, key: str) -> list[PatcherInjection] | None:
        """The injections of a key, or None."""
        return self.injections.get(key)

    def set_additional_models(self, key: str, models: list[Any]) -> None:
        """Registers patchers that must be loaded together with this one."""
        self.additional_models[key] = models

    def remove_additional_models(self, key: str) -> None:
        """Forgets the further models of a key."""
        self.additional_models.pop(key, None)

    def get_additional_models_with_key(self, key: str) -> list[Any]:
        """The further models of a key."""
        return self.additional_models.get(key, [])

    def get_additional_models(self) -> list[Any]:
        """All further models."""
        return [model for models in self.additional_models.values() for model in models]

    def get_nested_additional_models(self) -> list[Any]:
        """All further models and theirs, each once."""
        found: list[Any] = []
        waiting = list(self.get_additional_models())
        while waiting:
            model = waiting.pop(0)
            if not any(model is known for known in found):
                found.append(model)
                waiting.extend(model.get_additional_models())
        return found
