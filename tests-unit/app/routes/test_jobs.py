"""The /api/jobs family over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

RUNNING, WAITING, DONE = (str(uuid.UUID(int=n)) for n in (1, 2, 3))


@pytest.fixture
async def busy(served: Any) -> Any:
    """One running, one waiting and one finished prompt."""
    served.queue.running.append((0, RUNNING, {"1": {}}, {"create_time": 30}, ["1"]))
    served.queue.pending.append((1, WAITING, {"1": {}}, {"create_time": 40}, ["1"]))
    served.queue.history[DONE] = {
        "prompt": (
            2,
            DONE,
            {"1": {}},
            {"create_time": 10, "extra_pnginfo": {"workflow": {"id": "w"}}},
            ["1"],
        ),
        "outputs": {"1": {"images": [{"filename": "a.png", "subfolder": "", "type": "output"}]}},
        "status": {"status_str": "success", "completed": True, "messages": []},
        "meta": {},
    }
    return served


async def test_list_holds_all_states_newest_first(busy: Any) -> None:
    status, body = await busy.json("GET", "/api/jobs")
    assert status == 200
    assert [(job["id"], job["status"]) for job in body["jobs"]] == [
        (WAITING, "pending"),
        (RUNNING, "in_progress"),
        (DONE, "completed"),
    ]
    assert body["pagination"] == {"offset": 0, "limit": None, "total": 3, "has_more": False}


async def test_the_two_pages_that_the_web_page_asks_for(busy: Any) -> None:
    _, body = await busy.json("GET", "/api/jobs?status=in_progress,pending&limit=200&offset=0")
    assert {job["id"] for job in body["jobs"]} == {RUNNING, WAITING}
    _, body = await busy.json("GET", "/api/jobs?status=completed,failed,cancelled&limit=64&offset=-5")
    assert [job["id"] for job in body["jobs"]] == [DONE]
    assert body["jobs"][0]["workflow_id"] == "w"


async def test_detail_has_outputs_and_the_workflow(busy: Any) -> None:
    status, job = await busy.json("GET", f"/api/jobs/{DONE}")
    assert status == 200
    assert job["outputs"]["1"]["images"][0]["filename"] == "a.png"
    assert job["workflow"]["extra_data"]["extra_pnginfo"]["workflow"]["id"] == "w"
    assert job["execution_status"]["completed"] is True
    assert "update_time" not in job
    _, waiting = await busy.json("GET", f"/api/jobs/{WAITING}")
    assert (waiting["status"], waiting["outputs"]) == ("pending", {})


async def test_unknown_job_is_404_in_the_documented_words(busy: Any) -> None:
    status, body = await busy.json("GET", f"/api/jobs/{uuid.uuid4()}")
    assert (status, body["error"]) == (404, "Job not found")


async def test_cancel_stops_runs_drops_waits_and_leaves_the_rest(busy: Any) -> None:
    assert await busy.json("POST", f"/api/jobs/{WAITING}/cancel") == (200, {"cancelled": True})
    assert busy.queue.pending == []
    assert await busy.json("POST", f"/api/jobs/{RUNNING}/cancel") == (200, {"cancelled": True})
    assert busy.queue.interrupted == [RUNNING]
    for job_id in (DONE, uuid.uuid4()):
        assert await busy.json("POST", f"/api/jobs/{job_id}/cancel") == (200, {"cancelled": False})


async def test_cancel_of_several(busy: Any) -> None:
    status, body = await busy.json("POST", "/api/jobs/cancel", json={"job_ids": [WAITING, DONE]})
    assert (status, body) == (200, {"cancelled": True})
    status, body = await busy.json("POST", "/api/jobs/cancel", json={"job_ids": [DONE]})
    assert (status, body) == (200, {"cancelled": False})


@pytest.mark.parametrize("job_ids", [None, [], "x", {}])
async def test_cancel_without_ids_is_400(busy: Any, job_ids: Any) -> None:
    status, body = await busy.json("POST", "/api/jobs/cancel", json={"job_ids": job_ids})
    assert (status, body["field"]) == (400, "job_ids")
    assert isinstance(body["error"], str)


async def test_cancel_with_malformed_ids_lists_them(busy: Any) -> None:
    status, body = await busy.json("POST", "/api/jobs/cancel", json={"job_ids": [WAITING, "nope", 5]})
    assert (status, body["invalid_ids"]) == (400, ["nope", 5])
    assert len(busy.queue.pending) == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=running", "status"),
        ("sort_by=name", "sort_by"),
        ("sort_order=up", "sort_order"),
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
    ],
)
async def test_bad_queries_are_400_and_named(busy: Any, query: str, field: str) -> None:
    status, body = await busy.json("GET", f"/api/jobs?{query}")
    assert (status, body["field"]) == (400, field)


async def test_not_below_the_bare_path(busy: Any) -> None:
    status, _ = await busy.json("GET", "/jobs")
    assert status == 404
