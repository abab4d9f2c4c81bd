"""Jobs against the schema that the web page checks: one bad job empties its whole list."""

from __future__ import annotations

from typing import Any

import pytest

from app import jobs
from app.job_outputs import summarize_outputs


def entry(messages: list[Any] = [], status: str = "success", **changes: Any) -> dict[str, Any]:  # noqa: B006
    base: dict[str, Any] = {
        "prompt": [3, "p", {"1": {}}, {"create_time": 1000}, ["1"]],
        "outputs": {},
        "status": {"status_str": status, "completed": status == "success", "messages": messages},
        "meta": {},
    }
    return {**base, **changes}


def check_schema(job: dict[str, Any]) -> None:
    """The table of the front end contract, as far as a job can break it."""
    assert isinstance(job["id"], str)
    assert job["status"] in jobs.STATUSES
    assert isinstance(job["create_time"], int | float)
    assert "priority" not in job or isinstance(job["priority"], int | float)
    for name in ("execution_start_time", "execution_end_time"):
        assert job.get(name) is None or isinstance(job[name], int | float)
    for name in ("outputs_count", "previewable_outputs_count"):
        assert job.get(name) is None or isinstance(job[name], int)
    assert job.get("workflow_id") is None or isinstance(job["workflow_id"], str)
    preview = job.get("preview_output")
    if preview is not None:
        assert isinstance(preview["nodeId"], str)
        assert isinstance(preview["mediaType"], str)
        assert preview.get("type") in (None, "input", "output", "temp")
    error = job.get("execution_error")
    if error is not None:
        for name in ("node_id", "node_type", "exception_message", "exception_type"):
            assert isinstance(error[name], str)
        assert all(isinstance(line, str) for line in error["traceback"])
    assert None not in job.values()


def test_a_finished_job_has_its_times_and_its_picture() -> None:
    messages = [
        ["execution_start", {"prompt_id": "p", "timestamp": 1100}],
        ["execution_success", {"prompt_id": "p", "timestamp": 1900}],
    ]
    picture = {"filename": "a.png", "subfolder": "", "type": "output"}
    job = jobs.job_of_history(entry(messages, outputs={"9": {"images": [picture]}}))
    check_schema(job)
    assert job == {
        "id": "p",
        "status": "completed",
        "priority": 3,
        "create_time": 1000,
        "execution_start_time": 1100,
        "execution_end_time": 1900,
        "outputs_count": 1,
        "previewable_outputs_count": 1,
        "preview_output": {**picture, "nodeId": "9", "mediaType": "images"},
    }


def test_an_error_is_failed_and_keeps_strings_as_the_page_wants_them() -> None:
    error = {"node_id": 4, "node_type": None, "exception_message": "m\n", "exception_type": "ValueError",
             "traceback": ["a", 5], "timestamp": 1500}  # fmt: skip
    job = jobs.job_of_history(entry([["execution_error", error]], "error"))
    check_schema(job)
    assert job["status"] == "failed"
    assert job["execution_error"]["node_id"] == "4"
    assert job["execution_error"]["traceback"] == ["a", "5"]
    assert job["execution_end_time"] == 1500


def test_an_interrupted_job_is_cancelled() -> None:
    job = jobs.job_of_history(entry([["execution_interrupted", {"timestamp": 2}]], "error"))
    check_schema(job)
    assert job["status"] == "cancelled"
    assert "execution_error" not in job


@pytest.mark.parametrize(
    "extra_data",
    [
        {},
        {"create_time": "yesterday"},
        {"create_time": None, "extra_pnginfo": None},
        {"extra_pnginfo": {"workflow": {"id": 5}}},
        {"extra_pnginfo": {"workflow": "text"}},
    ],
)
def test_odd_extra_data_never_breaks_the_schema(extra_data: dict[str, Any]) -> None:
    check_schema(jobs.job_of_history(entry(prompt=[None, "p", {}, extra_data, []], status={})))
    check_schema(jobs.job_of_item((True, 5, {}, extra_data, []), jobs.PENDING))


@pytest.mark.parametrize(
    "outputs",
    [
        {"1": None},
        {"1": {"images": "text"}},
        {"1": {"images": [{"filename": 5}, "x.png", None, {"filename": "a.png", "type": "elsewhere"}]}},
        {"1": {"animated": [True]}},
        {"1": {"text": ["hello"]}},
        {"1": {"result": ["mesh.glb"]}},
        {"1": {"images": [{"filename": "a.png", "type": None, "subfolder": None}]}},
    ],
)
def test_odd_outputs_never_break_the_schema(outputs: dict[str, Any]) -> None:
    check_schema(jobs.job_of_history(entry(outputs=outputs)))


def test_workflow_id_ties_the_job_to_its_tab() -> None:
    extra = {"create_time": 1, "extra_pnginfo": {"workflow": {"id": "w"}}}
    assert jobs.job_of_item((1, "p", {}, extra, []), jobs.PENDING)["workflow_id"] == "w"


def test_preview_prefers_output_over_temp_then_text() -> None:
    temp = {"filename": "t.png", "subfolder": "", "type": "temp"}
    saved = {"filename": "s.png", "subfolder": "", "type": "output"}
    both = summarize_outputs({"1": {"images": [temp]}, "2": {"images": [saved]}})
    assert (both.num_outputs, both.num_previewable) == (2, 2)
    assert both.preview is not None
    assert both.preview["filename"] == "s.png"
    text = summarize_outputs({"1": {"text": ["x" * 2000]}})
    assert text.preview == {"content": "x" * 1024, "truncated": True, "nodeId": "1", "mediaType": "text"}
    assert text.num_outputs == 0
    notes = summarize_outputs({"1": {"files": [{"filename": "n.txt", "type": "output"}], "text": ["x"]}})
    assert notes.preview is not None
    assert notes.preview["filename"] == "n.txt"


def test_three_d_names_count_as_files() -> None:
    summary = summarize_outputs({"1": {"result": ["mesh.glb", "word", None]}})
    assert summary.num_outputs == 1
    assert summary.preview == {
        "filename": "mesh.glb", "type": "output", "subfolder": "", "mediaType": "3d", "nodeId": "1",
    }  # fmt: skip


def test_pages_are_cut_after_filter_and_sort() -> None:
    listed = [
        {"id": str(n), "create_time": n, "workflow_id": "even" if n % 2 == 0 else "odd"} for n in range(6)
    ]
    page, total = jobs.select_jobs(listed, workflow_id="even", limit=1, offset=1)
    assert ([job["id"] for job in page], total) == (["2"], 3)
    oldest, _ = jobs.select_jobs(listed, descending=False, limit=2)
    assert [job["id"] for job in oldest] == ["0", "1"]
    assert jobs.pagination(1, 1, 3) == {"offset": 1, "limit": 1, "total": 3, "has_more": True}
    assert jobs.pagination(2, 1, 3)["has_more"] is False
    assert jobs.pagination(0, None, 3)["has_more"] is False


def test_sorting_by_duration_puts_the_longest_first() -> None:
    listed = [
        {"id": "short", "create_time": 1, "execution_start_time": 0, "execution_end_time": 5},
        {"id": "long", "create_time": 0, "execution_start_time": 0, "execution_end_time": 50},
        {"id": "none", "create_time": 2},
    ]
    page, _ = jobs.select_jobs(listed, sort_by="execution_duration")
    assert [job["id"] for job in page] == ["long", "short", "none"]


def test_finished_jobs_are_made_once_and_forgotten_with_their_entries() -> None:
    finished = jobs.FinishedJobs()
    history = {"a": entry(), "b": entry()}

    def listed() -> list[jobs.Job]:
        return finished.listed(lambda make: {key: make(value) for key, value in history.items()})

    first = listed()
    assert [job is again for job, again in zip(first, listed(), strict=True)] == [True, True]
    history["a"] = entry(status="error")
    history["c"] = entry()
    assert [job["status"] for job in listed()] == ["failed", "completed", "completed"]
    history.clear()
    assert listed() == []
    assert finished._known == {}
