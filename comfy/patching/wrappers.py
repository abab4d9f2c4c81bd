"""Callbacks and wrappers that packs register by kind and key.

Both live either in a patcher's own tables or in `transformer_options` / `model_options` below "callbacks" and
"wrappers", as {kind: {key: [function, ...]}}. A wrapper is f(executor, *args, **kwargs) and goes on by calling
executor(*args, **kwargs). Names are those that packs import from `comfy.patcher_extension`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Registry = dict[str, dict[str | None, list[Callable[..., Any]]]]


class CallbacksMP:
    """Kinds of callbacks."""

    ON_CLONE = "on_clone"
    ON_LOAD = "on_load_after"
    ON_DETACH = "on_detach_after"
    ON_CLEANUP = "on_cleanup"
    ON_PRE_RUN = "on_pre_run"
    ON_PREPARE_STATE = "on_prepare_state"
    ON_APPLY_HOOKS = "on_apply_hooks"
    ON_REGISTER_ALL_HOOK_PATCHES = "on_register_all_hook_patches"
    ON_INJECT_MODEL = "on_inject_model"
    ON_EJECT_MODEL = "on_eject_model"

    @classmethod
    def init_callbacks(cls) -> Registry:
        """An empty table of callbacks."""
        return _empty(cls)


class WrappersMP:
    """Kinds of wrappers."""

    OUTER_SAMPLE = "outer_sample"
    PREPARE_SAMPLING = "prepare_sampling"
    SAMPLER_SAMPLE = "sampler_sample"
    PREDICT_NOISE = "predict_noise"
    CALC_COND_BATCH = "calc_cond_batch"
    APPLY_MODEL = "apply_model"
    DIFFUSION_MODEL = "diffusion_model"

    @classmethod
    def init_wrappers(cls) -> Registry:
        """An empty table of wrappers."""
        return _empty(cls)


def _empty(kinds: type) -> Registry:
    return {value: {} for name, value in vars(kinds).items() if name.isupper()}


def _table(options: dict[str, Any], group: str, is_model_options: bool) -> Registry:
    if is_model_options:
        options = options.setdefault("transformer_options", {})
    return options.setdefault(group, {})


def add_callback(
    call_type: str,
    callback: Callable[..., Any],
    transformer_options: dict[str, Any],
    is_model_options: bool = False,
) -> None:
    """Registers a callback without a key."""
    add_callback_with_key(call_type, None, callback, transformer_options, is_model_options)


def add_callback_with_key(
    call_type: str,
    key: str | None,
    callback: Callable[..., Any],
    transformer_options: dict[str, Any],
    is_model_options: bool = False,
) -> None:
    """Registers a callback under a key."""
    table = _table(transformer_options, "callbacks", is_model_options)
    table.setdefault(call_type, {}).setdefault(key, []).append(callback)


def get_callbacks_with_key(
    call_type: str, key: str | None, transformer_options: dict[str, Any], is_model_options: bool = False
) -> list[Callable[..., Any]]:
    """The callbacks of one kind and key."""
    return list(_table(transformer_options, "callbacks", is_model_options).get(call_type, {}).get(key, []))


def get_all_callbacks(
    call_type: str, transformer_options: dict[str, Any], is_model_options: bool = False
) -> list[Callable[..., Any]]:
    """All callbacks of one kind, in order of their keys' registration."""
    return flatten(_table(transformer_options, "callbacks", is_model_options).get(call_type, {}))


def add_wrapper(
    wrapper_type: str,
    wrapper: Callable[..., Any],
    transformer_options: dict[str, Any],
    is_model_options: bool = False,
) -> None:
    """Registers a wrapper without a key."""
    add_wrapper_with_key(wrapper_type, None, wrapper, transformer_options, is_model_options)


def add_wrapper_with_key(
    wrapper_type: str,
    key: str | None,
    wrapper: Callable[..., Any],
    transformer_options: dict[str, Any],
    is_model_options: bool = False,
) -> None:
    """Registers a wrapper under a key."""
    table = _table(transformer_options, "wrappers", is_model_options)
    table.setdefault(wrapper_type, {}).setdefault(key, []).append(wrapper)


def get_wrappers_with_key(
    wrapper_type: str, key: str | None, transformer_options: dict[str, Any], is_model_options: bool = False
) -> list[Callable[..., Any]]:
    """The wrappers of one kind and key."""
    return list(_table(transformer_options, "wrappers", is_model_options).get(wrapper_type, {}).get(key, []))


def get_all_wrappers(
    wrapper_type: str, transformer_options: dict[str, Any], is_model_options: bool = False
) -> list[Callable[..., Any]]:
    """All wrappers of one kind, outermost first."""
    return flatten(_table(transformer_options, "wrappers", is_model_options).get(wrapper_type, {}))


def flatten(by_key: dict[str | None, list[Callable[..., Any]]]) -> list[Callable[..., Any]]:
    """All functions of a kind, keys in order of registration."""
    return [function for functions in by_key.values() for function in functions]


class WrapperExecutor:
    """Calls wrappers from the outside in, and the original in the middle."""

    def __init__(
        self, original: Callable[..., Any], class_obj: object, wrappers: list[Callable[..., Any]], idx: int
    ) -> None:
        self.original, self.class_obj, self.wrappers, self.idx = original, class_obj, list(wrappers), idx
        self.is_last = idx == len(self.wrappers)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Goes on to the next wrapper inwards; called by wrappers."""
        return WrapperExecutor(self.original, self.class_obj, self.wrappers, self.idx + 1).execute(
            *args, **kwargs
        )

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Runs this place in the chain."""
        if self.is_last:
            return self.original(*args, **kwargs)
        return self.wrappers[self.idx](self, *args, **kwargs)

    @classmethod
    def new_executor(
        cls, original: Callable[..., Any], wrappers: list[Callable[..., Any]], idx: int = 0
    ) -> WrapperExecutor:
        """A chain around a plain function."""
        return cls(original, None, wrappers, idx)

    @classmethod
    def new_class_executor(
        cls, original: Callable[..., Any], class_obj: object, wrappers: list[Callable[..., Any]], idx: int = 0
    ) -> WrapperExecutor:
        """A chain around a method; wrappers find its object as `executor.class_obj`."""
        return cls(original, class_obj, wrappers, idx)


class PatcherInjection:
    """A pair of functions that put something into a model and take it out."""

    def __init__(self, inject: Callable[..., Any], eject: Callable[..., Any]) -> None:
        self.inject, self.eject = inject, eject


def copy_nested_dicts(input_dict: dict[Any, Any]) -> dict[Any, Any]:
    """A copy of nested dictionaries and the lists in them; leaves are shared."""
    return {
        key: copy_nested_dicts(value)
        if isinstance(value, dict)
        else list(value)
        if isinstance(value, list)
        else value
        for key, value in input_dict.items()
    }


def merge_nested_dicts(
    dict1: dict[Any, Any], dict2: dict[Any, Any], copy_dict1: bool = True
) -> dict[Any, Any]:
    """`dict1` with what `dict2` adds: dictionaries merge, lists join, everything else is replaced."""
    merged = copy_nested_dicts(dict1) if copy_dict1 else dict1
    for key, value in dict2.items():
        mine = merged.get(key)
        if isinstance(value, dict) and isinstance(mine, dict):
            merged[key] = merge_nested_dicts(mine, value)
        elif isinstance(value, list) and isinstance(mine, list):
            merged[key] = mine + value
        else:
            merged[key] = value
    return merged
