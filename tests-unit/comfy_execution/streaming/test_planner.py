"""Which ordinary nodes form chains: pure, on graphs of names."""

from __future__ import annotations

from typing import Any

import pytest

from comfy_execution.graph import Dependency
from comfy_execution.node_spec import InputSpec, NodeSpec, OutputSpec
from comfy_execution.streaming.contract import StreamRoles
from comfy_execution.streaming.planner import Left, plan_chains

ROLES: dict[str, dict[str, Any]] = {
    "source": {"opens": True},
    "scale": {"frame_wise": ("image",)},
    "blend": {"frame_wise": ("image", "other")},
    "save": {"drains": True, "stream_inputs": ("image",)},
}


def spec(kind: str, **more: Any) -> NodeSpec:
    roles = StreamRoles(**ROLES[kind]) if kind in ROLES else None
    outputs = (
        OutputSpec("STRING" if kind in ("save", "text") else "IMAGE", "out"),
        OutputSpec("INT", "count"),
    )
    names = ("image", "other", "text")
    inputs = {name: InputSpec(name, "STRING" if name == "text" else "IMAGE") for name in names}
    return NodeSpec(kind, object, None, inputs, outputs, streams=roles, **more)


class Graph:
    """Nodes `name: "kind input=source[:slot] input~=lazy source"`."""

    def __init__(
        self, cached: tuple[str, ...] = (), specs: dict[str, NodeSpec] | None = None, **nodes: str
    ) -> None:
        self.cached, self.specs = cached, specs or {}
        self.kinds, self.links = {}, {}
        for name, text in nodes.items():
            kind, *links = text.split()
            self.kinds[name] = kind
            self.links[name] = []
            for link in links:
                key, source = link.split("=")
                source, _, slot = source.partition(":")
                self.links[name].append(
                    Dependency(key.rstrip("~"), source, int(slot or 0), key.endswith("~"))
                )

    def dependencies(self, node_id: str) -> list[Dependency]:
        return self.links[node_id]

    def spec(self, node_id: str) -> NodeSpec:
        return self.specs.get(node_id) or spec(self.kinds[node_id])

    def has_values(self, node_id: str) -> bool:
        return node_id in self.cached

    def constants(self, node_id: str) -> dict[str, Any]:
        return {}


def plan(*outputs: str, **graph: Any) -> Any:
    return plan_chains(Graph(**graph), outputs)


def test_a_straight_chain():
    found = plan("c", a="source", b="scale image=a", c="save image=b")
    assert set(found.chain_of) == {"a", "b", "c"} and len(set(found.chain_of.values())) == 1
    assert found.below("a") == ["a", "b", "c"] and found.left == {}


@pytest.mark.parametrize(
    ("graph", "outputs", "left"),
    [
        ({"a": "source", "b": "scale image=a"}, ("b",), {"a": Left.OUTSIDE_READER, "b": Left.NO_READER}),
        ({"a": "source", "b": "plain image=a"}, ("b",), {"a": Left.OUTSIDE_READER}),
        (
            {"a": "source", "b": "scale image=a", "c": "save image=b", "d": "plain image=a"},
            ("c", "d"),
            {"a": Left.OUTSIDE_READER},
        ),
        (
            {"a": "source", "b": "scale image=a", "c": "save image=b", "d": "text text=b:1"},
            ("c", "d"),
            {"b": Left.EXTRA_OUTPUT, "a": Left.OUTSIDE_READER, "c": Left.ALONE},
        ),
        ({"a": "plain", "c": "save image=a"}, ("c",), {"c": Left.ALONE}),
        ({"a": "source", "c": "save image~=a"}, ("c",), {"a": Left.OUTSIDE_READER, "c": Left.ALONE}),
    ],
)
def test_who_leaves_and_why(graph, outputs, left):
    assert plan(*outputs, **graph).left == left


def test_a_late_value_that_returns_is_left_ordinary():
    found = plan(
        "c",
        "f",
        a="source",
        b="scale image=a",
        c="save image=b",
        d="text text=c",
        e="scale image=a text=d",
        f="save image=e",
    )
    assert found.left["c"] is Left.RETURNS
    assert "c" not in found.chain_of and "e" in found.chain_of


def test_a_late_value_that_goes_to_another_chain_does_not_return():
    found = plan(
        "c", "f", a="source", b="scale image=a", c="save image=b", d="source text=c", f="save image=d"
    )
    assert found.left == {} and found.chain_of["a"] != found.chain_of["d"]


def test_cached_nodes_are_outside():
    found = plan("c", a="source", b="scale image=a", c="save image=b", cached=("a",))
    assert set(found.chain_of) == {"b", "c"}
    assert plan("c", a="source", b="scale image=a", c="save image=b", cached=("c",)).chain_of == {}


def test_readers_that_do_not_run_do_not_count():
    found = plan("c", a="source", b="scale image=a", c="save image=b", d="plain image=a")
    assert set(found.chain_of) == {"a", "b", "c"}


def test_nodes_that_take_whole_lists_stay_ordinary():
    listed = spec("scale", input_is_list=True)
    found = plan("c", a="source", b="scale image=a", c="save image=b", specs={"b": listed})
    assert found.left["b"] is Left.LISTS and found.chain_of == {}


def test_two_chains_have_two_numbers():
    found = plan("c", "f", a="source", b="scale image=a", c="save image=b", d="source", f="save image=d")
    assert len(set(found.chain_of.values())) == 2
