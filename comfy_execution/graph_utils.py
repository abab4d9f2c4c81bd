"""What node authors use to build graphs at run time: links, `GraphBuilder`, `ExecutionBlocker`.

A node that expands returns `{"result": (...links...), "expand": builder.finalize()}`. Ids of the new nodes are
`<node id>.<call index>.<graph counter>.<local id>`, so they are unique in the whole prompt.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, TypeGuard

Link = list[Any]
"""`[node_id, slot]`"""
_NUMBERS = (int, float)
"""A tuple made once: `int | float` inside a function is built again by each of a prompt's many calls."""


def is_link(obj: object) -> TypeGuard[list[Any]]:
    """Whether a value of a prompt is a link: a list of a node id and a slot number."""
    return (
        isinstance(obj, list)
        and len(obj) == 2
        and isinstance(obj[0], str)
        and isinstance(obj[1], _NUMBERS)
        and not isinstance(obj[1], bool)
    )


class ExecutionBlocker:
    """An output value that keeps the nodes behind it from running.

    `message` None blocks silently; a text is shown to the user once, at the first node that is blocked.
    """

    def __init__(self, message: str | None) -> None:
        self.message = message


class _Prefix:
    """The ids of one node call: root node, call index, and how many graphs were built in it."""

    __slots__ = ("call_index", "graph_index", "root")

    def __init__(self, root: str, call_index: int, graph_index: int) -> None:
        self.root, self.call_index, self.graph_index = root, call_index, graph_index


_prefix: ContextVar[_Prefix | None] = ContextVar("comfy_execution.graph_prefix", default=None)


class Node:
    """One node of a graph under construction."""

    def __init__(self, id: str, class_type: str, inputs: dict[str, Any]) -> None:
        self.id, self.class_type, self.inputs = id, class_type, inputs
        self.override_display_id: str | None = None

    def out(self, index: int) -> Link:
        """The link to one of its outputs."""
        return [self.id, index]

    def set_input(self, key: str, value: Any) -> None:
        """Sets one input; None removes it."""
        if value is None:
            self.inputs.pop(key, None)
        else:
            self.inputs[key] = value

    def get_input(self, key: str) -> Any:
        """One input's value, None when it is not set."""
        return self.inputs.get(key)

    def set_override_display_id(self, override_display_id: str) -> None:
        """The node that clients show while this one runs, instead of the expanding one."""
        self.override_display_id = override_display_id

    def serialize(self) -> dict[str, Any]:
        """The node as it stands in a prompt."""
        data: dict[str, Any] = {"class_type": self.class_type, "inputs": self.inputs}
        if self.override_display_id is not None:
            data["override_display_id"] = self.override_display_id
        return data


class GraphBuilder:
    """Collects nodes for `expand`. The default prefix belongs to the node call that runs here."""

    def __init__(self, prefix: str | None = None) -> None:
        self.prefix = GraphBuilder.alloc_prefix() if prefix is None else prefix
        self.nodes: dict[str, Node] = {}
        self.id_gen = 1

    @classmethod
    def set_default_prefix(cls, prefix_root: str, call_index: int, graph_index: int = 0) -> None:
        """Called by the engine before each call of a node."""
        _prefix.set(_Prefix(prefix_root, call_index, graph_index))

    @classmethod
    def alloc_prefix(
        cls, root: str | None = None, call_index: int | None = None, graph_index: int | None = None
    ) -> str:
        """A prefix nobody else has; each part that is not given comes from the running call."""
        current = _prefix.get()
        if current is None:
            current = _Prefix("", 0, 0)
            _prefix.set(current)
        if root is None:
            root = current.root
        if call_index is None:
            call_index = current.call_index
        if graph_index is None:
            graph_index = current.graph_index
            current.graph_index += 1
        return f"{root}.{call_index}.{graph_index}."

    def node(self, class_type: str, id: str | None = None, **kwargs: Any) -> Node:
        """Adds a node and returns it; the same id twice returns the first."""
        if id is None:
            id = str(self.id_gen)
            self.id_gen += 1
        id = self.prefix + id
        known = self.nodes.get(id)
        if known is not None:
            return known
        made = self.nodes[id] = Node(id, class_type, kwargs)
        return made

    def lookup_node(self, id: str) -> Node | None:
        """The node with this local id."""
        return self.nodes.get(self.prefix + id)

    def finalize(self) -> dict[str, Any]:
        """The graph in prompt form."""
        return {node_id: node.serialize() for node_id, node in self.nodes.items()}

    def replace_node_output(self, node_id: str, index: int, new_value: Any) -> None:
        """Puts a value (None: nothing) in place of every link to one output."""
        old = [self.prefix + node_id, index]
        for node in self.nodes.values():
            for key in [key for key, value in node.inputs.items() if is_link(value) and value == old]:
                node.set_input(key, new_value)

    def remove_node(self, id: str) -> None:
        """Takes a node out; links to it stay."""
        del self.nodes[self.prefix + id]


def add_graph_prefix(
    graph: dict[str, Any], outputs: list[Any] | tuple[Any, ...], prefix: str
) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """A copy of graph and outputs whose node ids, and links to them, start with `prefix`."""

    def moved(value: Any) -> Any:
        return [prefix + value[0], value[1]] if is_link(value) else value

    new_graph = {
        prefix + node_id: {
            **node,
            "inputs": {key: moved(value) for key, value in node.get("inputs", {}).items()},
        }
        for node_id, node in graph.items()
    }
    return new_graph, tuple(moved(value) for value in outputs)
