"""V3 nodes from prompt to history, on the real engine: dynamic inputs, lazy ones, blocking, expansion, errors."""

from __future__ import annotations

from typing import Any

import pytest
from engine_harness import Bench, RecordingSink, new_registry

from comfy_api.latest import io, ui
from comfy_execution.graph_utils import GraphBuilder


class Number(io.ComfyNode):
    runs = []

    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="Number", inputs=[io.Int.Input("value")], outputs=[io.Int.Output()])

    @classmethod
    def execute(cls, value):
        cls.runs.append(value)
        return io.NodeOutput(value)


class Show(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="Show", inputs=[io.AnyType.Input("value")], is_output_node=True)

    @classmethod
    def execute(cls, value):
        return io.NodeOutput(ui=ui.PreviewText(repr(value)))


class Collect(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        grow = io.Autogrow.TemplatePrefix(io.Int.Input("x", min=0, max=50), "x", min=1, max=4)
        options = [
            io.DynamicCombo.Option("scale", [io.Float.Input("by", default=1.0)]),
            io.DynamicCombo.Option("pick", [io.Combo.Input("which", ["first", "last"])]),
        ]
        return io.Schema(
            node_id="Collect",
            inputs=[io.Autogrow.Input("xs", grow), io.DynamicCombo.Input("mode", options)],
            outputs=[io.AnyType.Output()],
        )

    @classmethod
    def execute(cls, xs, mode):
        return io.NodeOutput((xs, mode))


class LazyPick(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        grow = io.Autogrow.TemplatePrefix(io.Int.Input("x", lazy=True), "x", min=0, max=4)
        return io.Schema(
            node_id="LazyPick",
            inputs=[io.Autogrow.Input("xs", grow), io.Int.Input("which")],
            outputs=[io.Int.Output()],
        )

    @classmethod
    def check_lazy_status(cls, xs, which):
        value, key = xs[f"x{which}"]
        return [key] if value is None else []

    @classmethod
    def execute(cls, xs, which):
        return io.NodeOutput(xs[f"x{which}"])


class Block(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="Block", outputs=[io.Int.Output()])

    @classmethod
    def execute(cls):
        return io.NodeOutput(block_execution="v3 says no")


class Expand(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Expand", inputs=[io.Int.Input("n")], outputs=[io.Int.Output()], enable_expand=True
        )

    @classmethod
    async def execute(cls, n):
        graph = GraphBuilder()
        return io.NodeOutput(graph.node("Number", value=n * 2).out(0), expand=graph.finalize())


class Whoami(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Whoami",
            is_input_list=True,
            is_output_node=True,
            inputs=[io.Int.Input("values")],
            hidden=[io.Hidden.unique_id, io.Hidden.dynprompt],
        )

    @classmethod
    def execute(cls, values):
        hidden = cls.hidden
        shown = [values, hidden.unique_id, sorted(hidden.prompt), type(hidden.dynprompt).__name__]
        return io.NodeOutput(ui={"text": [repr(shown)]})


NODES = {node.__name__: node for node in (Number, Show, Collect, LazyPick, Block, Expand, Whoami)}


@pytest.fixture
def bench():
    Number.runs.clear()
    with Bench(new_registry(NODES), RecordingSink("client")) as bench:
        yield bench


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    nested = {key.replace("__", "."): value for key, value in inputs.items()}
    return {"class_type": class_type, "inputs": nested}


def shown(bench: Bench, source: dict[str, Any], **others: dict[str, Any]) -> str:
    history, _ = bench.run({"show": node("Show", value=["1", 0]), "1": source, **others})
    return history["outputs"]["show"]["text"][0]


def refused(bench: Bench, source: dict[str, Any]) -> set[tuple[str, str]]:
    status, answer = bench.post({"prompt": {"show": node("Show", value=["1", 0]), "1": source}})
    assert status == 400
    return {
        (error["type"], error["extra_info"]["input_name"]) for error in answer["node_errors"]["1"]["errors"]
    }


def test_dotted_keys_reach_execute_as_dicts(bench):
    source = node("Collect", xs__x0=3, xs__x2=["2", 0], mode="pick", mode__which="last")
    assert shown(bench, source, **{"2": node("Number", value=7)}) == repr(
        ({"x0": 3, "x2": 7}, {"mode": "pick", "which": "last"})
    )


def test_dotted_values_are_converted_like_any_other(bench):
    source = node("Collect", xs__x0="3", mode="scale", mode__by="2.5")
    assert shown(bench, source) == repr(({"x0": 3}, {"mode": "scale", "by": 2.5}))


def test_errors_of_nested_inputs_name_the_dotted_key(bench):
    assert refused(bench, node("Collect", xs__x1=99, mode="pick", mode__which="middle")) == {
        ("required_input_missing", "xs.x0"),
        ("value_bigger_than_max", "xs.x1"),
        ("value_not_in_list", "mode.which"),
    }
    assert refused(bench, node("Collect", xs__x0=1, mode="other")) == {("value_not_in_list", "mode")}


def test_a_lazy_input_of_a_grown_group_runs_only_its_own_branch(bench):
    branches = {"2": node("Number", value=20), "3": node("Number", value=30)}
    source = node("LazyPick", xs__x0=["2", 0], xs__x1=["3", 0], which=1)
    assert shown(bench, source, **branches) == "30"
    assert Number.runs == [30]


def test_a_blocking_node_stops_what_comes_behind(bench):
    history, messages = bench.run({"show": node("Show", value=["1", 0]), "1": node("Block")})
    assert history["outputs"] == {}
    errors = [message["data"] for message in messages if message.get("type") == "execution_error"]
    assert [error["exception_message"] for error in errors] == ["Execution Blocked: v3 says no"]


def test_a_coroutine_may_expand(bench):
    assert shown(bench, node("Expand", n=4)) == "8"


def test_hidden_values_and_lists_arrive(bench):
    history, _ = bench.run({"5": node("Whoami", values=["1", 0]), "1": node("Number", value=2)})
    assert history["outputs"]["5"]["text"] == [repr([[2], "5", ["1", "5"], "DynamicPrompt"])]
