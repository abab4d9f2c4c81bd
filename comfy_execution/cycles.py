"""Static cycles of a prompt: finding them in linear time, and telling the user which nodes they are made of."""

from __future__ import annotations

import sys
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
    """Groups of nodes that reach each other, without recursion; single nodes are left out.

    A node that is its own source is a group of one.
    Source: Tarjan 1972, in the form of Pearce 2016 (one number per node instead of number, low link and a flag).
    """
    lowest: dict[str, int] = {}
    path: list[str] = []
    for start in sources:
        if start in lowest:
            continue
        lowest[start] = len(lowest)
        path.append(start)
        work = [(start, lowest[start], iter(sources[start]))]
        while work:
            node, number, remaining = work[-1]
            for source in remaining:
                known = lowest.get(source)
                if known is None:
                    if source not in sources:
                        continue
                    lowest[source] = number = len(lowest)
                    path.append(source)
                    work.append((source, number, iter(sources[source])))
                    break
                if known < lowest[node]:
                    lowest[node] = known
            else:
                work.pop()
                low = lowest[node]
                if low == number:
                    group = _popped_until(path, node)
                    lowest.update(dict.fromkeys(group, sys.maxsize))
                    if len(group) > 1 or node in sources[node]:
                        yield group
                elif work and low < lowest[work[-1][0]]:
                    lowest[work[-1][0]] = low


def one_cycle(group: Sequence[str], sources: Mapping[str, Sequence[str]]) -> list[str]:
    """One cycle inside a strongly connected group, following the first source that stays inside."""
    inside = set(group)
    position: dict[str, int] = {}
    walk: list[str] = []
    node = group[0]
    while node not in position:
        position[node] = len(walk)
        walk.append(node)
        for source in sources[node]:
            if source in inside:
                node = source
                break
    return walk[position[node] :]


def _popped_until(path: list[str], node: str) -> list[str]:
    group = [path.pop()]
    while group[-1] != node:
        group.append(path.pop())
    return group[::-1]
