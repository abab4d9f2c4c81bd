"""Cases of a vector family as pytest parameters, one per key of its tensors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import pytest
from safetensors import safe_open

from comfy_api.adapters import describe
from comfy_execution.registry import Registry
from comfy_extras.loading import load_builtin_nodes


def family_files(config: pytest.Config, name: str):
    """The family's files in this run's folder of vectors (see tests-unit/vectors/conftest.py)."""
    harness = next(p for p in config.pluginmanager.get_plugins() if hasattr(p, "family_of"))
    return harness.family_of(config, name)


def key_params(
    config: pytest.Config,
    name: str,
    wanted: Callable[[str], bool],
    missing: Callable[[str], str | None] = lambda key: None,
) -> list:
    """One parameter per wanted key; keys with a reason from `missing` must fail (strict)."""
    files = family_files(config, name)
    if not files.exists:
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"no vectors of family {name}"))]
    with safe_open(str(files.path / "io.safetensors"), "pt") as tensors:
        keys: Iterable[str] = sorted(key for key in tensors.keys() if wanted(key))  # noqa: SIM118 - no mapping
    params = []
    for key in keys:
        reason = missing(key)
        marks = [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True)]
        params.append(pytest.param(key, id=key, marks=marks))
    return params


def builtin_nodes() -> dict:
    """Class by class_type of every node that the server brings."""
    registry = Registry(describe)
    asyncio.run(load_builtin_nodes(registry))
    return dict(registry.classes)


def node_names() -> set[str]:
    """class_type of every node that the server brings."""
    return set(builtin_nodes())


def call_node(nodes: dict, class_type: str, **inputs) -> tuple:
    """The outputs of one node call, V1 or V3."""
    node_class = nodes[class_type]
    if hasattr(node_class, "define_schema"):
        return node_class.execute(**inputs).result
    return getattr(node_class(), node_class.FUNCTION)(**inputs)
