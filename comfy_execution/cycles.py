"""Static cycles of a prompt: finding them in linear time, and telling the user which nodes they are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from comfy_execution.input_checks import ErrorEntry, entry

MAX_NODES_SHOWN = 32
"""A longer cycle is cut in texts and lists: with all of it in every node's error the answer would be quadratic."""
MAX_NODES_REPORTED = 256
"""So many nodes of one cycle get an error of their own; nobody reads more."""


def cycle_entry(node_id: str, cycle: Sequence[str], prompt: Mapping[str, Mapping[str, Any]]) -> ErrorEntry:
    """The `dependency_cycle` error of one node of a cycle."""
    shown = list(cycle[:MAX_NODES_SHOWN])
    names = [f"{shown_id} ({prompt[shown_id]['class_type']})" for shown_id in shown]
    if len(shown) < len(cycle):
        names.append(f"... {len(cycle) - len(shown)} more ...")
    names.append(names[0])
    return entry(
        "dependency_cycle",
        "Dependency cycle detected",
        " -> ".join(names),
        node_id=node_id,
        cycle_nodes=shown,
    )


def strongly_connected(sources: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """Groups of nodes that reach each other (Tarjan 1972), without recursion; single nodes are left out.

    A node that is its own source is a group of one.
    """
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    on_path: set[str] = set()
    path: list[str] = []
    for start in sources:
        if start in index:
            continue
        work: list[tuple[str, Iterator[str]]] = [(start, iter(sources[start]))]
        index[start] = lowest[start] = len(index)
        path.append(start)
        on_path.add(start)
        while work:
            node, remaining = work[-1]
            for source in remaining:
                if source not in sources:
                    continue
                if source not in index:
                    index[source] = lowest[source] = len(index)
                    path.append(source)
                    on_path.add(source)
                    work.append((source, iter(sources[source])))
                    break
                if source in on_path:
                    lowest[node] = min(lowest[node], index[source])
            else:
                work.pop()
                if work:
                    parent = work[-1][0]
                    lowest[parent] = min(lowest[parent], lowest[node])
                if lowest[node] == index[node]:
                    group = _popped_until(path, node)
                    on_path.difference_update(group)
                    if len(group) > 1 or node in sources[node]:
                        yield group


def one_cycle(group: Sequence[str], sources: Mapping[str, Sequence[str]]) -> list[str]:
    """One cycle inside a strongly connected group, following the first source that stays inside."""
    inside = set(group)
    position: dict[str, int] = {}
    walk: list[str] = []
    node = group[0]
    while node not in position:
        position[node] = len(walk)
        walk.append(node)
        node = next(source for source in sources[node] if source in inside)
    return walk[position[node] :]


def _popped_until(path: list[str], node: str) -> list[str]:
    group = [path.pop()]
    while group[-1] != node:
        group.append(path.pop())
    return group[::-1]
