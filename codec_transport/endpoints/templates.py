"""Requests become graphs: readable templates per model family, filled in value by value.

A template is a JSON file in `graphs/` with the parts `common`, `latents` and `pixels`; a value "$name"
stands for the request's value of that name, with its type. The filled graph is an ordinary prompt: it goes
through validation, the queue, the cache and the history like any other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

GRAPHS = Path(__file__).parent / "graphs"

Graph = dict[str, dict[str, Any]]
Outcome = Literal["latents", "pixels", "files"]
"""Latents into a channel, pictures into the temporary folder, or pictures into the output folder."""


def template_name(family: str, *, is_clip: bool) -> str:
    """Which template of a family makes pictures, or clips."""
    return f"{family}_video" if is_clip else family


@lru_cache
def _template(name: str) -> str:
    return (GRAPHS / f"{name}.json").read_text(encoding="utf-8")


def has_template(name: str) -> bool:
    """Whether requests can become graphs by this template."""
    return (GRAPHS / f"{name}.json").is_file()


def build_graph(name: str, outcome: Outcome, values: Mapping[str, Any]) -> Graph:
    """The prompt for one request.

    `values` are the template's names without "$".
    Raises: KeyError for a name that the template uses and `values` lacks.
    """
    template = json.loads(_template(name))
    filled: Graph = _fill({**template["common"], **template[outcome]}, values)
    return filled


def _fill(part: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(part, dict):
        return {key: _fill(value, values) for key, value in part.items()}
    if isinstance(part, list):
        return [_fill(value, values) for value in part]
    if isinstance(part, str) and part.startswith("$"):
        return values[part[1:]]
    return part
