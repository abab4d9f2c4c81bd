"""The engine's record of a V3 class, and calls through it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

import pytest

from comfy_api.adapters.v3 import describe
from comfy_api.errors import LockedClassError, SchemaError
from comfy_api.latest import io
from comfy_execution.graph_utils import ExecutionBlocker, GraphBuilder


class Scale(io.ComfyNode):
    """Everything a node may override, in one class."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Scale",
            inputs=[
                io.String.Input("note", optional=True),
                io.Int.Input("value", min=0, max=10),
                io.Float.Input("by", default=1.0, lazy=True),
            ],
            outputs=[io.Float.Output(display_name="scaled"), io.AnyType.Output(is_output_list=True)],
            hidden=[io.Hidden.unique_id],
            not_idempotent=True,
        )

    @classmethod
    def validate_inputs(cls, value, input_types=None):
        return True if value != 9 else f"nine at {cls.hidden.unique_id} {input_types}"

    @classmethod
    def fingerprint_inputs(cls, value, by, note=None):
        return value

    @classmethod
    def check_lazy_status(cls, value, by=None, note=None):
        return ["by"] if value else []

    @classmethod
    def execute(cls, value, by, note=None):
        return io.NodeOutput(value * by, [cls.hidden.unique_id, cls.hidden.prompt])


def node(execute, **schema):
    defaults = {"node_id": "T", "outputs": [io.Int.Output(), io.Int.Output()]}
    members = {
        "define_schema": classmethod(lambda cls: io.Schema(**(defaults | schema))),
        "execute": classmethod(execute),
    }
    return type("T", (io.ComfyNode,), members)


def call(node_class, inputs=None, hidden=None):
    behaviour = describe("T", node_class).behaviour
    return behaviour.call(behaviour.make_instance(), inputs or {}, hidden or {})


def test_the_record_holds_what_the_schema_says():
    spec = describe("Scale", Scale)
    assert spec.api == "v3" and spec.not_idempotent and not spec.is_output
    assert list(spec.inputs) == ["value", "by", "note"]  # required before optional
    assert [entry.required for entry in spec.inputs.values()] == [True, True, False]
    assert spec.inputs["by"].is_lazy and spec.inputs["value"].options == {"min": 0, "max": 10}
    assert [(out.type, out.name, out.is_list) for out in spec.outputs] == [
        ("FLOAT", "scaled", False),
        ("*", "*", True),
    ]
    assert spec.hidden == {"unique_id": "UNIQUE_ID"}
    assert spec.expand_inputs is None


def test_output_nodes_get_prompt_and_workflow():
    spec = describe("T", node(lambda cls: None, is_output_node=True, hidden=[io.Hidden.unique_id]))
    assert list(spec.hidden.values()) == ["UNIQUE_ID", "PROMPT", "EXTRA_PNGINFO"]


def test_execute_runs_with_the_hidden_values_it_asked_for():
    result = call(Scale, {"value": 3, "by": 0.5}, {"UNIQUE_ID": "7", "PROMPT": {"secret": 1}})
    assert result == {"result": (1.5, ["7", None])}


def test_validation_fingerprint_and_lazy_check_go_through_the_record():
    behaviour = describe("Scale", Scale).behaviour
    assert behaviour.validated_inputs == {"value"}
    assert behaviour.validates_types and not behaviour.validates_all
    assert behaviour.validator({"value": 1, "by": 2.0}, {}) is True
    rejected = behaviour.validator({"value": 9, "input_types": {"by": "FLOAT"}}, {"UNIQUE_ID": "7"})
    assert rejected == "nine at 7 {'by': 'FLOAT'}"
    assert behaviour.fingerprint({"value": 4, "by": None}, {}) == 4
    assert behaviour.lazy_check(None, {"value": 1, "by": None}, {}) == ["by"]
    assert behaviour.lazy_check(None, {"value": 0, "by": None}, {}) == []


def test_what_the_author_did_not_define_is_none():
    behaviour = describe("T", node(lambda cls: None)).behaviour
    assert behaviour.validator is None and behaviour.fingerprint is None and behaviour.lazy_check is None
    assert behaviour.validated_inputs == frozenset() and not behaviour.validates_all


def test_without_an_own_check_every_missing_lazy_input_is_needed():
    schema = {"inputs": [io.Int.Input("a", lazy=True), io.Int.Input("b", lazy=True)]}
    check = describe("T", node(lambda cls, a, b: None, **schema)).behaviour.lazy_check
    assert check(None, {"a": 1, "b": None}, {}) == ["b"]


@pytest.mark.parametrize(
    ("returned", "seen"),
    [
        (io.NodeOutput(1, 2), {"result": (1, 2)}),
        (io.NodeOutput(), {}),
        (io.NodeOutput(ui={"text": ["a"]}), {"ui": {"text": ["a"]}}),
        ((1, 2), {"result": (1, 2)}),
        ({"ui": {"text": ["a"]}, "result": (1, 2)}, {"ui": {"text": ["a"]}, "result": (1, 2)}),
        (None, {}),
    ],
)
def test_every_form_an_author_returns_becomes_the_v1_form(returned, seen):
    assert call(node(lambda cls: returned)) == seen


def test_a_coroutine_is_awaited_and_its_result_converted():
    async def execute(cls):
        await asyncio.sleep(0)
        return io.NodeOutput(1, 2)

    assert asyncio.run(call(node(execute))) == {"result": (1, 2)}
    assert node(execute).FUNCTION == "EXECUTE_NORMALIZED_ASYNC"


def test_expansion_passes_the_graph_on():
    graph = GraphBuilder(prefix="x.").finalize()
    result = call(node(lambda cls: io.NodeOutput(["x.1", 0], expand=graph), enable_expand=True))
    assert result == {"result": (["x.1", 0],), "expand": graph}


def test_expansion_without_permission_is_the_authors_error():
    with pytest.raises(SchemaError, match="enable_expand"):
        call(node(lambda cls: io.NodeOutput(expand={})))


def test_a_node_with_an_abstract_base_runs_on_a_locked_clone():
    class Base(io.ComfyNode, ABC):
        @classmethod
        @abstractmethod
        def factor(cls): ...

    class Real(Base):
        @classmethod
        def define_schema(cls):
            return io.Schema(node_id="Real")

        @classmethod
        def factor(cls):
            return 3

        @classmethod
        def execute(cls):
            with pytest.raises(LockedClassError):
                cls.cache = 1
            return io.NodeOutput(cls.factor())

    assert call(Real) == {"result": (3,)}


def test_blocking_reaches_every_output():
    blocked = call(node(lambda cls: io.NodeOutput(block_execution="not today")))["result"]
    assert [type(value) for value in blocked] == [ExecutionBlocker] * 2
    assert blocked[0].message == "not today"
    blocker = ExecutionBlocker(None)
    assert call(node(lambda cls: blocker)) == (blocker, blocker)


@pytest.mark.parametrize("write", [lambda cls: setattr(cls, "count", 1), lambda cls: delattr(cls, "execute")])
def test_the_class_is_locked_while_it_runs(write):
    with pytest.raises(LockedClassError) as caught:
        call(node(write))
    assert caught.value.node_id == "T"


def test_hidden_values_of_one_call_do_not_reach_the_authors_class():
    seen = []
    subject = node(lambda cls: seen.append(cls), hidden=[io.Hidden.unique_id])
    call(subject, hidden={"UNIQUE_ID": "1"})
    call(subject, hidden={"UNIQUE_ID": "2"})
    assert [clone.hidden.unique_id for clone in seen] == ["1", "2"]
    assert subject.hidden.unique_id is None
    assert seen[0].GET_BASE_CLASS() is subject and issubclass(seen[0], subject)


def test_a_schema_that_is_none_is_an_authors_error():
    subject = type("T", (io.ComfyNode,), {"define_schema": classmethod(lambda cls: None)})
    with pytest.raises(SchemaError):
        describe("T", subject)


def test_dynamic_inputs_unfold_for_the_engine_and_nest_for_the_author():
    grow = io.Autogrow.Input("g", io.Autogrow.TemplatePrefix(io.Image.Input("i"), "i", min=1, max=3))
    got = {}
    subject = node(lambda cls, g: got.update(g), inputs=[grow])
    spec = describe("T", subject)
    assert spec.expand_inputs is not None
    unfolded = spec.expand_inputs({"g.i1": ["4", 0]})
    assert {key: entry.required for key, entry in unfolded.items()} == {"g.i0": True, "g.i1": False}
    assert unfolded["g.i0"].type == "IMAGE"
    call(subject, {"g.i0": "first", "g.i1": "second"})
    assert got == {"i0": "first", "i1": "second"}
