"""The queue across processes: what one leaves, the next takes over."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from app.durable_queue import QueueChoices, open_queue
from app.store import FILE_NAME
from comfy_execution.queue import PromptQueue


class Sink:
    def queue_updated(self) -> None:
        """Nobody listens."""


def item(prompt_id: str, number: float) -> tuple[Any, ...]:
    return (
        number,
        prompt_id,
        {"1": {"class_type": "X", "inputs": {}}},
        {"client_id": "c"},
        ["1"],
        {"secret": "s"},
    )


def left_behind(queue: PromptQueue) -> None:
    """The process dies: its file is free again and nothing is tidied up."""
    assert queue._store is not None
    queue._store.close()  # type: ignore[attr-defined]  # what the end of a process does


def open_in(folder: Path, **choices: Any) -> tuple[PromptQueue, int]:
    return open_queue(Sink(), str(folder), QueueChoices(**choices))


def test_every_accepted_prompt_is_waiting_finished_or_reported_once(tmp_path: Path) -> None:
    queue, number = open_in(tmp_path)
    assert number == 0
    for i, name in enumerate(("done", "running", "waiting")):
        queue.put(item(name, i))
    _, done_id = queue.get()
    queue.task_done(done_id, {"outputs": {"1": {"text": ["x"]}}, "meta": {}}, None)
    queue.get()
    left_behind(queue)
    queue, number = open_in(tmp_path)
    history = queue.get_history()
    assert list(history) == ["done", "running"]
    assert history["done"]["outputs"] == {"1": {"text": ["x"]}}
    event, data = history["running"]["status"]["messages"][0]
    assert (history["running"]["status"]["status_str"], event) == ("error", "execution_interrupted")
    assert "ended" in data["reason"]
    assert [waiting[1] for waiting in queue.get_current_queue()[1]] == ["waiting"]
    assert number == 3
    left_behind(queue)
    queue, _ = open_in(tmp_path)
    assert list(queue.get_history()) == ["done", "running"]
    left_behind(queue)


def test_resume_runs_the_lost_prompt_again(tmp_path: Path) -> None:
    queue, _ = open_in(tmp_path)
    queue.put(item("lost", 4))
    queue.get()
    left_behind(queue)
    queue, _ = open_in(tmp_path, resume=True)
    assert queue.get_history() == {}
    taken = queue.get(timeout=0)
    assert taken is not None
    assert taken[0][1] == "lost"
    left_behind(queue)


def test_secrets_are_never_written(tmp_path: Path) -> None:
    queue, _ = open_in(tmp_path)
    queue.put((0, "p", {}, {}, [], {"api_key_comfy_org": "very-secret-key"}))
    left_behind(queue)
    assert all(b"very-secret-key" not in path.read_bytes() for path in tmp_path.iterdir())


def test_in_memory_leaves_no_file(tmp_path: Path) -> None:
    queue, _ = open_in(tmp_path, in_memory=True)
    queue.put(item("p", 0))
    assert list(tmp_path.iterdir()) == []


def test_a_second_server_on_the_folder_runs_from_memory_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, _ = open_in(tmp_path)
    with caplog.at_level(logging.WARNING):
        second, _ = open_in(tmp_path)
    assert "another server" in caplog.text
    second.put(item("p", 0))
    assert first.get_tasks_remaining() == 0
    left_behind(first)


def test_a_damaged_file_is_kept_and_the_queue_starts_empty(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"damaged" * 1000)
    queue, _ = open_in(tmp_path)
    assert queue.get_tasks_remaining() == 0
    assert (tmp_path / FILE_NAME).read_bytes() == b"damaged" * 1000
