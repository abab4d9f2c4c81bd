"""What V1 and V3 classes declare about streams, and declarations that contradict themselves."""

from __future__ import annotations

import pytest
from stream_nodes import IMAGE, S, one, v1

from comfy_api.adapters import describe
from comfy_api.errors import SchemaError
from comfy_api.latest import io
from comfy_execution.streaming.contract import StreamRoles


def v3(execute=lambda cls, **_: None, methods=None, **schema):
    fields = {"node_id": "Made", "inputs": [], "outputs": [], **schema}
    body = {
        "define_schema": classmethod(lambda cls: io.Schema(**fields)),
        "execute": classmethod(execute),
        **{name: classmethod(function) for name, function in (methods or {}).items()},
    }
    return type("Made", (io.ComfyNode,), body)


def roles(node_class) -> StreamRoles | None:
    return describe("Made", node_class).streams


def drain(cls, **inputs):
    yield 1


async def drain_async(cls, **inputs):
    yield 1


def test_a_class_without_streams_has_no_roles():
    assert roles(v3(inputs=[io.Image.Input("image")], outputs=[io.Image.Output()])) is None
    assert roles(v1((IMAGE,), {"image": IMAGE}, one(lambda uid, image: image))) is None


def test_both_forms_say_the_same():
    new = v3(
        inputs=[io.Image.Input("image"), io.Mask.Input("mask", optional=True), io.Int.Input("n")],
        outputs=[io.Image.Output()],
        frame_wise=["image", "mask"],
        frame_wise_grain=4,
    )
    old = v1(
        (IMAGE,),
        {"image": IMAGE, "mask": "MASK", "n": "INT"},
        one(lambda uid, **_: None),
        FRAME_WISE=("image", "mask"),
        FRAME_WISE_GRAIN=4,
    )
    assert roles(new) == roles(old)
    assert roles(new).frame_wise == ("image", "mask") and roles(new).grain == 4


@pytest.mark.parametrize("function", [drain, drain_async])
def test_sinks_and_sources(function):
    found = roles(
        v3(
            methods={
                "drain_stream": function,
                "open_stream": lambda cls: None,
                "stream_estimate": lambda cls: None,
            },
            inputs=[io.Image.Input("image"), io.Video.Input("video"), io.Int.Input("n")],
        )
    )
    assert found.drains and found.opens and found.estimates and not found.shapes
    assert found.stream_inputs == ("image", "video")
    assert found.steps_async is (function is drain_async)


def test_named_stream_inputs_win_over_all():
    found = roles(
        v3(
            methods={"drain_stream": drain},
            inputs=[io.Image.Input("image"), io.Image.Input("logo")],
            stream_inputs=["image"],
        )
    )
    assert found.stream_inputs == ("image",)


def test_explicit_sockets_and_generators():
    found = roles(
        v3(drain, inputs=[io.ImageStream.Input("a"), io.LatentStream.Input("b")], is_output_node=True)
    )
    assert found.explicit_inputs == ("a", "b") and found.steps and found.has_output_role
    found = roles(v3(inputs=[io.Image.Input("image")], outputs=[io.Image.Output(), io.ImageStream.Output()]))
    assert found.explicit_slots == (1,) and not found.steps


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ({"frame_wise": ["picture"]}, "frame_wise"),
        ({"stream_inputs": ["picture"]}, "stream_inputs"),
        ({"passthrough": "picture"}, "passthrough"),
        ({"frame_wise": ["image"], "frame_wise_grain": 0}, "frame_wise_grain"),
        ({"outputs": [io.ImageStream.Output("out", is_output_list=True)]}, "output 'out'"),
    ],
)
def test_contradictions_name_the_field(schema, field):
    with pytest.raises(SchemaError) as caught:
        describe("Made", v3(inputs=[io.Image.Input("image")], **schema))
    assert caught.value.field == field and caught.value.node_id == "Made"


def test_a_v1_stream_output_cannot_be_a_list():
    with pytest.raises(SchemaError, match="cannot be a list"):
        describe("Made", v1((S,), {"n": "INT"}, one(lambda uid, n: n), OUTPUT_IS_LIST=(True,)))


def test_object_info_does_not_show_what_clients_do_not_know():
    made = v3(inputs=[io.Image.Input("image")], outputs=[io.Image.Output()], frame_wise=["image"])
    assert "frame_wise" not in made.GET_NODE_INFO_V1()
