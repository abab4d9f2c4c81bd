"""CONDITIONING, what a text encoder's result is between nodes: a list of [tensor (B,T,D), dict of
settings]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Conditioning = list[list[Any]]


def conditioning_set_values(
    conditioning: Conditioning, values: Mapping[str, Any] = {}, append: bool = False
) -> Conditioning:
    """A copy whose entries' dicts also hold `values`; with `append` list values are added to those that are
    there."""
    changed: Conditioning = []
    for cond, settings in conditioning:
        copied = dict(settings)
        for name, value in values.items():
            has_list = append and copied.get(name) is not None
            copied[name] = copied[name] + value if has_list else value
        changed.append([cond, copied])
    return changed
