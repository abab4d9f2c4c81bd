"""The queue's file: what was accepted is found again, once, whatever happened in between."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.store import SqliteQueueStore, StoreError

ITEM = (3, "p", {"1": {"class_type": "X", "inputs": {"text": "ä", "n": 2**70}}}, {"client_id": "c"}, ["1"])
ENTRY: dict[str, Any] = {"prompt": ITEM, "outputs": {"1": {"text": ["x"]}}, "status": None, "meta": {}}


def item(prompt_id: str, number: float = 0) -> tuple[Any, ...]:
    return (number, prompt_id, {}, {}, [])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.sqlite3"


def reopened(store: SqliteQueueStore, path: Path, max_history: int = 100) -> SqliteQueueStore:
    store.close()
    return SqliteQueueStore(path, max_history=max_history)


def test_an_accepted_prompt_survives_with_everything_in_it(path: Path) -> None:
    store = SqliteQueueStore(path, max_history=100)
    store.added(ITEM)
    store = reopened(store, path)
    assert store.restore().waiting == [ITEM]
    store.close()


def test_waiting_prompts_come_back_in_the_order_they_would_run(path: Path) -> None:
    store = SqliteQueueStore(path, max_history=100)
    for prompt_id, number in (("b", 5), ("a", -1), ("c", 5.5), ("d", 5)):
        store.added(item(prompt_id, number))
    assert [found[1] for found in store.restore().waiting] == ["a", "b", "d", "c"]
    store.close()


def test_a_running_prompt_comes_back_apart_and_a_finished_one_only_in_the_history(path: Path) -> None:
    store = SqliteQueueStore(path, max_history=100)
    store.added(ITEM)
    store.added(item("q"))
    store.started("p")
    store.started("q")
    store.finished("q", {**ENTRY, "prompt": item("q")})
    restored = reopened(store, path).restore()
    assert [found[1] for found in restored.interrupted] == ["p"]
    assert restored.waiting == []
    assert [prompt_id for prompt_id, _ in restored.history] == ["q"]


def test_the_same_id_twice_is_two_prompts(path: Path) -> None:
    store = SqliteQueueStore(path, max_history=100)
    store.added(item("p", 1))
    store.added(item("p", 2))
    store.started("p")
    store.finished("p", ENTRY)
    assert [found[0] for found in store.restore().waiting] == [2]
    store.removed("p")
    assert store.restore().waiting == []
    store.close()


def test_history_keeps_the_newest(path: Path) -> None:
    store = SqliteQueueStore(path, max_history=3)
    for i in range(6):
        store.finished(f"p{i}", ENTRY)
    store.finished("p3", ENTRY)
    assert [prompt_id for prompt_id, _ in store.restore().history] == ["p4", "p5", "p3"]
    store.history_removed("p5")
    assert [prompt_id for prompt_id, _ in store.restore().history] == ["p4", "p3"]
    store.history_removed(None)
    assert store.restore().history == []
    store.close()


def test_numbers_go_on_behind_those_given_out(path: Path) -> None:
    store = SqliteQueueStore(path, max_history=3)
    store.added(item("a", -7))
    store.finished("b", {**ENTRY, "prompt": [4, "b", {}, {}, []]})
    assert store.restore().next_number == 8
    store.close()


def test_a_second_server_on_the_same_folder_is_told_so(path: Path) -> None:
    store = SqliteQueueStore(path, max_history=3)
    with pytest.raises(StoreError, match="another server"):
        SqliteQueueStore(path, max_history=3)
    store.close()


def test_a_file_of_another_kind_or_a_newer_version_is_refused(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to be read as one" * 30)
    with pytest.raises(StoreError, match="no queue file"):
        SqliteQueueStore(path, max_history=3)
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match="newer"):
        SqliteQueueStore(path, max_history=3)


def test_a_write_that_fails_is_logged_and_the_queue_goes_on(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = SqliteQueueStore(path, max_history=3)
    store.close()
    store.added(ITEM)
    assert "cannot be written" in caplog.text


def test_what_json_does_not_know_is_kept_as_text(path: Path) -> None:
    store = SqliteQueueStore(path, max_history=3)
    store.finished("p", {**ENTRY, "outputs": {"1": {"path": [Path("x")]}}})
    assert store.restore().history[0][1]["outputs"] == {"1": {"path": ["x"]}}
    store.close()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=st.lists(st.sampled_from(["add", "start", "finish", "remove"]), max_size=25))
def test_every_accepted_prompt_is_in_exactly_one_place(tmp_path: Path, steps: list[str]) -> None:
    path = tmp_path / "law.sqlite3"
    path.unlink(missing_ok=True)
    store = SqliteQueueStore(path, max_history=1000)
    waiting: list[str] = []
    running: list[str] = []
    finished: list[str] = []
    for i, step in enumerate(steps):
        if step == "add":
            waiting.append(f"p{i}")
            store.added(item(f"p{i}", i))
        elif step == "start" and waiting:
            running.append(waiting.pop(0))
            store.started(running[-1])
        elif step == "finish" and running:
            finished.append(running.pop(0))
            store.finished(finished[-1], {**ENTRY, "prompt": item(finished[-1])})
        elif step == "remove" and waiting:
            store.removed(waiting.pop())
    restored = reopened(store, path, 1000).restore()
    assert [found[1] for found in restored.waiting] == waiting
    assert [found[1] for found in restored.interrupted] == running
    assert [prompt_id for prompt_id, _ in restored.history] == finished
