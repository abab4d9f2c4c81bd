"""Fields of a workflow in the messages of its prompt."""

from __future__ import annotations

from typing import Any

import pytest

from app import workflow_tags
from app.errors import RequestError
from app.workflow_tags import WorkflowTags, workflow_tag
from protocol import BinaryEventTypes

PAGE = {"extra_pnginfo": {"workflow": {"id": "w1", "nodes": []}}}


def test_the_pages_workflow_id_is_taken_where_the_client_says_nothing() -> None:
    assert workflow_tag({}, PAGE) == {"workflow_id": "w1"}
    assert workflow_tag({"workflow_metadata": {"mine": 1}}, PAGE) == {"mine": 1}
    for odd in (
        {},
        {"extra_pnginfo": None},
        {"extra_pnginfo": {"workflow": []}},
        {"extra_pnginfo": {"workflow": {"id": 5}}},
    ):
        assert workflow_tag({}, odd) == {}


@pytest.mark.parametrize("given", [[], "text", {"long": "x" * 256}])
def test_metadata_that_is_no_object_or_too_long_is_refused(given: Any) -> None:
    with pytest.raises(RequestError) as caught:
        workflow_tag({"workflow_metadata": given}, {})
    assert caught.value.field == "workflow_metadata"


def test_fields_go_into_messages_of_that_prompt_and_the_messages_own_win() -> None:
    tags = WorkflowTags()
    tags.remember("p", {"workflow_id": "w1", "node": "theirs"})
    assert tags.tagged("executing", {"prompt_id": "p", "node": "5"}) == {
        "workflow_id": "w1",
        "prompt_id": "p",
        "node": "5",
    }
    for untouched in ({"prompt_id": "other"}, {"node": "5"}, "text", None):
        assert tags.tagged("executing", untouched) == untouched
    assert tags.tagged("status", {"prompt_id": "p"}) == {"prompt_id": "p"}


def test_previews_carry_them_in_their_metadata() -> None:
    tags = WorkflowTags()
    tags.remember("p", {"workflow_id": "w1"})
    picture = ("PNG", object(), None)
    event = BinaryEventTypes.PREVIEW_IMAGE_WITH_METADATA
    _, metadata = tags.tagged(event, (picture, {"prompt_id": "p", "node_id": "1"}))
    assert metadata == {"workflow_id": "w1", "prompt_id": "p", "node_id": "1"}
    assert tags.tagged(BinaryEventTypes.UNENCODED_PREVIEW_IMAGE, picture) is picture


def test_old_prompts_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow_tags, "MAX_PROMPTS", 2)
    tags = WorkflowTags()
    for name in ("a", "b", "c"):
        tags.remember(name, {"workflow_id": name})
    assert tags.tagged("executing", {"prompt_id": "a"}) == {"prompt_id": "a"}
    assert tags.tagged("executing", {"prompt_id": "c"})["workflow_id"] == "c"
