"""How long node objects live."""

from __future__ import annotations

from typing import Any

from engine_harness import new_registry

from comfy_execution.objects import NodeObjects


def classes() -> Any:
    def made(name: str) -> type:
        fields = {
            "INPUT_TYPES": classmethod(lambda cls: {}),
            "RETURN_TYPES": (),
            "FUNCTION": "run",
            "run": lambda self: (),
        }
        return type(name, (), fields)

    return new_registry({"A": made("A"), "B": made("B")})


def test_an_object_lives_while_its_node_and_class_stay() -> None:
    registry, objects = classes(), NodeObjects()
    first = objects.get("1", registry.spec("A"), "1", "A")
    objects.begin_prompt({"1": {"class_type": "A"}, "2": {"class_type": "B"}})
    assert objects.get("1", registry.spec("A"), "1", "A") is first
    objects.begin_prompt({"1": {"class_type": "B"}})
    assert len(objects) == 0
    assert objects.get("1", registry.spec("A"), "1", "A") is not first


def test_an_object_of_an_expansion_lives_as_long_as_the_sent_node() -> None:
    registry, objects = classes(), NodeObjects()
    child = objects.get("1.0.0.1", registry.spec("B"), "1", "A")
    objects.begin_prompt({"1": {"class_type": "A"}})
    assert objects.get("1.0.0.1", registry.spec("B"), "1", "A") is child
    objects.begin_prompt({"2": {"class_type": "A"}})
    assert len(objects) == 0


def test_a_class_that_was_replaced_gets_new_objects() -> None:
    objects = NodeObjects()
    old, new = classes(), classes()
    assert objects.get("1", old.spec("A"), "1", "A") is not objects.get("1", new.spec("A"), "1", "A")
    objects.clear()
    assert len(objects) == 0
