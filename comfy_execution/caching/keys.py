"""Cache keys: equal exactly when two nodes would give the same result.

A key is the digest of class, fingerprint (IS_CHANGED), own constants and, for links, the *keys* of the linked nodes.
It is made once per node and prompt, so a graph costs linear time; node ids are no part of it unless the class asks
for its id or says that it is not idempotent. None means "never the same": a NaN, an object without a text form, or an
ancestor of that kind.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from comfy_execution.caching.base import Key
from comfy_execution.graph_utils import is_link
from comfy_execution.node_spec import NodeSpec

_ID_TYPES = frozenset({"UNIQUE_ID", "DYNPROMPT"})
_DIGEST_BYTES = 16
"""128 bits: an accidental collision among 10**9 keys has a chance below 10**-20."""
_MAX_DEPTH = 64


class _NeverEqualError(ValueError):
    """The value has no lasting text form."""


@dataclass(frozen=True, slots=True)
class KeyParts:
    """What a node's key is made of, as texts that are equal for equal content.

    `inputs`: constants start with "=", links with "<". None stands for what is never equal to anything.
    """

    class_type: str
    fingerprint: str | None
    inputs: Mapping[str, str | None]
    identity: str = ""

    def digest(self, scope: Key) -> Key | None:
        """The key, None when a part is never equal."""
        if self.fingerprint is None or None in self.inputs.values():
            return None
        texts = [self.class_type, self.fingerprint, self.identity]
        texts += [f"{name!r}{self.inputs[name]}" for name in sorted(self.inputs)]
        data = "\0".join(texts).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data + scope, digest_size=_DIGEST_BYTES).digest()


class KeyBook:
    """Keys of the nodes of one prompt. `scope` keeps an expansion's nodes apart from equal ones elsewhere."""

    def __init__(self) -> None:
        self._keys: dict[str, Key | None] = {}
        self.parts: dict[str, KeyParts] = {}

    def __getitem__(self, node_id: str) -> Key | None:
        return self._keys.get(node_id)

    def known(self, node_ids: Iterable[str]) -> list[Key]:
        """The keys of those nodes that have one."""
        return [key for key in map(self._keys.get, node_ids) if key is not None]

    def add(
        self,
        nodes: Mapping[str, Mapping[str, Any]],
        specs: Mapping[str, NodeSpec],
        fingerprints: Mapping[str, Any],
        scope: Key = b"",
    ) -> None:
        """Makes the keys of `nodes` (prompt form). Links may lead to nodes added before.

        A node of a cycle, or behind a link to nowhere, gets None.
        """
        for node_id in nodes:
            self._keys.pop(node_id, None)
        for node_id in sources_first(nodes):
            parts = self._parts_of(node_id, nodes[node_id], specs[node_id], fingerprints.get(node_id))
            self.parts[node_id] = parts
            self._keys[node_id] = parts.digest(scope)

    def add_unkeyed(self, node_ids: Iterable[str]) -> None:
        """Nodes that are never the same as others."""
        for node_id in node_ids:
            self._keys[node_id] = None

    def _parts_of(self, node_id: str, node: Mapping[str, Any], spec: NodeSpec, fingerprint: Any) -> KeyParts:
        inputs: dict[str, str | None] = {}
        for name, value in node["inputs"].items():
            if is_link(value):
                source = self._keys.get(value[0])
                inputs[name] = None if source is None else f"<{source.hex()}:{value[1]!r}"
            else:
                text = _lasting_text(value)
                inputs[name] = None if text is None else f"={text}"
        has_id = spec.not_idempotent or not _ID_TYPES.isdisjoint(spec.hidden.values())
        return KeyParts(
            spec.class_type,
            "" if fingerprint is None else _lasting_text(fingerprint),
            inputs,
            f"@{node_id}" if has_id else "",
        )


def _lasting_text(value: Any) -> str | None:
    try:
        return _text(value, 0)
    except _NeverEqualError:
        return None


def _text(value: Any, depth: int) -> str:
    """A text that is equal for equal plain values, and tells 1, 1.0, True and "1" apart."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return repr(value)
    if kind is float:
        if math.isnan(value):
            raise _NeverEqualError
        return repr(value)
    if depth > _MAX_DEPTH:
        raise _NeverEqualError
    if kind is list or kind is tuple:
        return f"[{','.join(_text(item, depth + 1) for item in value)}]"
    if kind is dict:
        items = sorted((_text(key, depth + 1), _text(item, depth + 1)) for key, item in value.items())
        return f"{{{','.join(f'{key}:{item}' for key, item in items)}}}"
    if kind is set or kind is frozenset:
        return f"({','.join(sorted(_text(item, depth + 1) for item in value))})"
    if kind is bytes:
        return repr(value)
    if isinstance(value, str):
        return repr(str(value))
    raise _NeverEqualError


def sources_first(nodes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Ids in an order in which links lead backwards, as far as there is one. Iterative: depth is no limit."""
    order: list[str] = []
    done: set[str] = set()
    for start in nodes:
        if start in done:
            continue
        done.add(start)
        stack = [(start, _links(nodes[start]))]
        while stack:
            node_id, links = stack[-1]
            for source_id in links:
                if source_id in nodes and source_id not in done:
                    done.add(source_id)
                    stack.append((source_id, _links(nodes[source_id])))
                    break
            else:
                order.append(node_id)
                stack.pop()
    return order


def _links(node: Mapping[str, Any]) -> Iterable[str]:
    return iter([value[0] for value in node["inputs"].values() if is_link(value)])
