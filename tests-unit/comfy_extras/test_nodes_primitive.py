"""Primitive nodes give what they are given."""

from __future__ import annotations

import pytest

from comfy_extras import nodes_primitive


@pytest.mark.parametrize(
    ("node", "value"),
    [
        (nodes_primitive.PrimitiveString, "a"),
        (nodes_primitive.PrimitiveStringMultiline, "a\nb"),
        (nodes_primitive.PrimitiveInt, nodes_primitive.MAX_INT),
        (nodes_primitive.PrimitiveFloat, 0.5),
        (nodes_primitive.PrimitiveBoolean, False),
    ],
)
async def test_a_value_comes_out_as_it_went_in(node, value):
    (result,) = node.execute(value).result
    assert result is value
    extension = await nodes_primitive.comfy_entrypoint()
    assert node in await extension.get_node_list()
