"""/queue, /interrupt, /free, /history."""

from __future__ import annotations

from typing import Any

import pytest


def item(number: int, prompt_id: str) -> tuple[Any, ...]:
    return (number, prompt_id, {"1": {}}, {"create_time": 1}, ["1"], {"api_key_comfy_org": "k"})


async def test_queue_lists_running_and_pending_without_secrets(served: Any) -> None:
    served.queue.running.append(item(0, "a"))
    served.queue.pending.append(item(1, "b"))
    status, body = await served.json("GET", "/api/queue")
    assert status == 200
    assert body == {
        "queue_running": [[0, "a", {"1": {}}, {"create_time": 1}, ["1"]]],
        "queue_pending": [[1, "b", {"1": {}}, {"create_time": 1}, ["1"]]],
    }
    assert await served.json("GET", "/prompt") == (200, {"exec_info": {"queue_remaining": 2}})


async def test_delete_drops_the_named_pending_prompts_and_ignores_unknown_ones(served: Any) -> None:
    served.queue.running.append(item(0, "a"))
    served.queue.pending += [item(1, "b"), item(2, "c")]
    assert await served.json("POST", "/queue", json={"delete": ["b", "a", "zzz"], "more": 1}) == (200, None)
    assert [entry[1] for entry in served.queue.pending] == ["c"]
    assert [entry[1] for entry in served.queue.running] == ["a"]
    assert await served.json("POST", "/queue", json={"clear": True}) == (200, None)
    assert served.queue.pending == []


async def test_empty_answers_have_no_content_type(served: Any) -> None:
    async with served.http.post(served.url + "/interrupt") as response:
        assert (response.status, response.headers["Content-Length"]) == (200, "0")
        assert "Content-Type" not in response.headers


@pytest.mark.parametrize("raw", [b"", b"no json", b"{}", b'{"prompt_id": null}', b'{"x": 1}'])
async def test_interrupt_without_a_prompt_is_global(served: Any, raw: bytes) -> None:
    served.queue.running.append(item(0, "a"))
    assert await served.json("POST", "/interrupt", data=raw) == (200, None)
    assert served.interrupts == [True]


async def test_interrupt_of_a_named_prompt_stops_only_that_one(served: Any) -> None:
    served.queue.running.append(item(0, "a"))
    assert await served.json("POST", "/interrupt", json={"prompt_id": "b"}) == (200, None)
    assert served.queue.interrupted == []
    assert await served.json("POST", "/interrupt", json={"prompt_id": "a", "x": 1}) == (200, None)
    assert (served.queue.interrupted, served.interrupts) == (["a"], [])


async def test_interrupt_with_json_that_is_no_object_is_400(served: Any) -> None:
    status, body = await served.json("POST", "/interrupt", json=[1])
    assert (status, body["error"]["type"]) == (400, "invalid_body")


async def test_free_sets_the_flags_that_are_true(served: Any) -> None:
    assert await served.json("POST", "/free", json={"unload_models": True, "free_memory": False}) == (
        200,
        None,
    )
    assert served.queue.flags == {"unload_models": True}
    await served.json("POST", "/free", json={"free_memory": True})
    assert served.queue.flags == {"unload_models": True, "free_memory": True}


@pytest.mark.parametrize("path", ["/queue", "/free", "/history"])
async def test_wrong_bodies_name_the_field(served: Any, path: str) -> None:
    status, body = await served.json("POST", path, data="{")
    assert (status, body["error"]["extra_info"]) == (400, {"field": "body"})
    if path != "/free":
        status, body = await served.json("POST", path, json={"delete": "all"})
        assert (status, body["error"]["extra_info"]) == (400, {"field": "delete"})


async def test_history_pages_and_forgets(served: Any) -> None:
    served.queue.history.update({name: {"outputs": {}} for name in "abc"})
    assert list((await served.json("GET", "/history"))[1]) == ["a", "b", "c"]
    assert list((await served.json("GET", "/history?max_items=2"))[1]) == ["b", "c"]
    assert list((await served.json("GET", "/history?max_items=1&offset=0"))[1]) == ["a"]
    assert list((await served.json("GET", "/api/history/b"))[1]) == ["b"]
    assert await served.json("GET", "/history/zzz") == (200, {})
    assert await served.json("POST", "/history", json={"delete": ["a", "zzz"]}) == (200, None)
    assert list(served.queue.history) == ["b", "c"]
    await served.json("POST", "/history", json={"clear": True})
    assert served.queue.history == {}


@pytest.mark.parametrize("name", ["max_items", "offset"])
async def test_history_with_a_word_for_a_number_names_the_parameter(served: Any, name: str) -> None:
    status, body = await served.json("GET", f"/history?{name}=many")
    assert (status, body["error"]["extra_info"]) == (400, {"field": name})
