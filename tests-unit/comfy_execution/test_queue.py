"""The queue with plain items: order, one-step changes, secrets, stores, many threads."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from comfy.interruption import interrupt_current_processing, processing_interrupted
from comfy_execution.history import ExecutionStatus
from comfy_execution.queue import PromptQueue


class Listener:
    """Counts the calls, and looks at the queue from inside as a server does."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []
        self.queue: PromptQueue | None = None

    def queue_updated(self) -> None:
        assert self.queue is not None
        self.seen.append((self.queue.get_tasks_remaining(), len(self.queue.get_history())))


class Notes:
    """A store that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def added(self, item: Any) -> None:
        self.told.append(("added", item))

    def started(self, prompt_id: str) -> None:
        self.told.append(("started", prompt_id))

    def finished(self, prompt_id: str, entry: Any) -> None:
        self.told.append(("finished", prompt_id, entry["status"]["status_str"]))

    def removed(self, prompt_id: str) -> None:
        self.told.append(("removed", prompt_id))

    def history_removed(self, prompt_id: str | None) -> None:
        self.told.append(("history_removed", prompt_id))


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def queue(listener: Listener) -> PromptQueue:
    listener.queue = PromptQueue(listener)
    return listener.queue


def item(number: float, prompt_id: str, **secrets: str) -> tuple[Any, ...]:
    return (number, prompt_id, {}, {"client_id": "c"}, ["1"], secrets)


DONE = ExecutionStatus("success", completed=True, messages=[("execution_start", {})])


def take(queue: PromptQueue) -> tuple[str, int]:
    taken = queue.get(timeout=0)
    assert taken is not None
    return taken[0][1], taken[1]


def test_smaller_numbers_go_first_and_equal_ones_in_order_of_arrival(queue: PromptQueue) -> None:
    for number, prompt_id in [(1, "b"), (0, "a"), (1.0, "c"), (-2.5, "first"), (1, "d")]:
        queue.put(item(number, prompt_id))
    assert [take(queue)[0] for _ in range(5)] == ["first", "a", "b", "c", "d"]


def test_an_empty_queue_gives_nothing_after_the_timeout(queue: PromptQueue) -> None:
    assert queue.get(timeout=0) is None


def test_leaving_the_queue_and_entering_history_is_one_step(queue: PromptQueue, listener: Listener) -> None:
    queue.put(item(0, "p"))
    _, running_id = take(queue)
    queue.task_done(running_id, {"outputs": {"1": {"text": ["x"]}}, "meta": {}}, DONE)
    assert listener.seen == [(1, 0), (1, 0), (0, 1)]
    entry = queue.get_history("p")["p"]
    assert entry["status"] == {
        "status_str": "success",
        "completed": True,
        "messages": [("execution_start", {})],
    }
    assert list(entry) == ["prompt", "outputs", "status", "meta"]


def test_secrets_reach_the_worker_and_nobody_else(queue: PromptQueue) -> None:
    queue.put(item(0, "running", api_key_comfy_org="s3cret"))
    queue.put(item(1, "waiting", api_key_comfy_org="s3cret"))
    taken = queue.get(timeout=0)
    assert taken is not None
    assert taken[0][5] == {"api_key_comfy_org": "s3cret"}
    for look in (queue.get_current_queue, queue.get_current_queue_volatile):
        running, waiting = look()
        assert [len(shown) for shown in (*running, *waiting)] == [5, 5]
    queue.task_done(taken[1], {}, DONE)
    assert "s3cret" not in repr(queue.get_history())


def test_a_copy_of_the_queue_may_be_changed(queue: PromptQueue) -> None:
    queue.put(item(0, "p"))
    queue.get_current_queue()[1][0][3]["client_id"] = "changed"
    assert queue.get_current_queue_volatile()[1][0][3] == {"client_id": "c"}


def test_waiting_prompts_can_be_dropped_one_by_one_or_all(queue: PromptQueue) -> None:
    for i in range(5):
        queue.put(item(i, str(i)))
    running, _ = take(queue)
    assert queue.delete_queue_item(lambda found: found[1] == "3")
    assert not queue.delete_queue_item(lambda found: found[1] in ("3", running))
    assert [found[1] for found in sorted(queue.get_current_queue()[1])] == ["1", "2", "4"]
    queue.wipe_queue()
    assert queue.get_tasks_remaining() == 1


def test_only_the_running_prompt_is_interrupted_by_id(queue: PromptQueue) -> None:
    queue.put(item(0, "runs"))
    queue.put(item(1, "waits"))
    take(queue)
    assert not queue.interrupt_if_running("waits")
    assert not processing_interrupted()
    assert queue.interrupt_if_running("runs")
    assert processing_interrupted()
    interrupt_current_processing(False)


def test_taking_a_prompt_withdraws_an_older_interrupt(queue: PromptQueue) -> None:
    interrupt_current_processing()
    queue.put(item(0, "p"))
    take(queue)
    assert not processing_interrupted()


def test_a_flag_wakes_the_worker_and_is_taken_once(queue: PromptQueue) -> None:
    got: list[Any] = []
    waiter = threading.Thread(target=lambda: got.append(queue.get()))
    waiter.start()
    queue.set_flag("free_memory", True)
    waiter.join(30)
    assert got == [None]
    assert queue.get_flags(reset=False) == {"free_memory": True}
    assert queue.get_flags() == {"free_memory": True}
    assert queue.get_flags() == {}


def test_flags_are_served_before_the_next_prompt(queue: PromptQueue) -> None:
    queue.put(item(0, "p"))
    queue.set_flag("unload_models", True)
    assert queue.get() is None
    queue.get_flags()
    assert take(queue)[0] == "p"


def test_a_closed_queue_lets_everybody_go(queue: PromptQueue) -> None:
    waiters = [threading.Thread(target=queue.get) for _ in range(3)]
    for waiter in waiters:
        waiter.start()
    queue.close()
    for waiter in waiters:
        waiter.join(30)
        assert not waiter.is_alive()
    queue.put(item(0, "too late"))
    assert queue.get() is None


def test_history_goes_when_it_is_told_to(queue: PromptQueue) -> None:
    for prompt_id in "abc":
        queue.put(item(0, prompt_id))
        queue.task_done(take(queue)[1], {}, DONE)
    queue.delete_history_item("b")
    queue.delete_history_item("no such")
    assert list(queue.get_history()) == ["a", "c"]
    queue.wipe_history()
    assert queue.get_history() == {}


def test_a_store_is_told_every_step_without_secrets(listener: Listener) -> None:
    notes = Notes()
    listener.queue = queue = PromptQueue(listener, store=notes)
    for prompt_id in "abc":
        queue.put(item(0, prompt_id, auth_token_comfy_org="s3cret"))
    queue.task_done(take(queue)[1], {}, DONE)
    queue.delete_queue_item(lambda found: found[1] == "c")
    queue.wipe_queue()
    queue.delete_history_item("a")
    queue.wipe_history()
    assert [note[:2] for note in notes.told[3:]] == [
        ("started", "a"),
        ("finished", "a"),
        ("removed", "c"),
        ("removed", "b"),
        ("history_removed", "a"),
        ("history_removed", None),
    ]
    assert "s3cret" not in repr(notes.told)


def test_what_another_process_left_is_taken_over(listener: Listener) -> None:
    notes = Notes()
    listener.queue = queue = PromptQueue(listener, store=notes)
    queue.restore(
        waiting=[item(3, "w1")[:5], item(3, "w2")[:5]],
        interrupted=[item(1, "lost")[:5]],
        history=[("old", {"prompt": (), "outputs": {}, "status": None, "meta": {}})],
    )
    assert list(queue.get_history()) == ["old", "lost"]
    status = queue.get_history("lost")["lost"]["status"]
    assert (status["status_str"], status["completed"]) == ("error", False)
    [(event, data)] = status["messages"]
    assert event == "execution_interrupted"
    assert data["reason"] == "the server ended while this prompt was running"
    assert [take(queue)[0], take(queue)[0]] == ["w1", "w2"]
    assert notes.told == [("finished", "lost", "error"), ("started", "w1"), ("started", "w2")]


def test_a_thousand_prompts_from_twenty_threads_all_come_out_in_order(queue: PromptQueue) -> None:
    def produce(client: int) -> None:
        for i in range(50):
            queue.put(item(i % 3, f"{client}.{i}"))

    producers = [threading.Thread(target=produce, args=(client,)) for client in range(20)]
    for producer in producers:
        producer.start()
    for producer in producers:
        producer.join(30)
    taken = []
    while (got := queue.get(timeout=0)) is not None:
        taken.append(got[0])
        queue.task_done(got[1], {}, DONE)
    assert len({found[1] for found in taken}) == 1000
    assert [found[0] for found in taken] == sorted(found[0] for found in taken)
    for client in range(20):
        own = [found for found in taken if found[1].startswith(f"{client}.")]
        for number in range(3):
            order = [int(found[1].split(".")[1]) for found in own if found[0] == number]
            assert order == sorted(order)
