"""The bounded queue of one client: pure, so tested with plain values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.events.outbox import Message, Outbox, OutboxOverflowError


def progress(value: int) -> Message:
    return Message(f"p{value}", "progress", droppable=True)


def drain(outbox: Outbox) -> list[str | bytes]:
    found = []
    while (message := outbox.pop()) is not None:
        found.append(message.payload)
    return found


def test_messages_leave_in_the_order_they_came_while_few_wait() -> None:
    outbox = Outbox(max_droppable=10)
    for message in (Message("a"), progress(1), Message("b"), progress(2)):
        outbox.push(message)
    assert drain(outbox) == ["a", "p1", "b", "p2"]
    assert outbox.num_bytes == 0
    assert outbox.num_dropped == 0


def test_a_slow_client_gets_the_first_and_the_last_progress_of_a_long_run() -> None:
    outbox = Outbox(max_droppable=4)
    for value in range(2000):
        outbox.push(progress(value))
    assert drain(outbox) == ["p0", "p1", "p2", "p1999"]
    assert outbox.num_dropped == 1996


def test_a_slow_client_loses_nothing_but_droppable_messages() -> None:
    outbox = Outbox(max_droppable=2)
    for value in range(50):
        outbox.push(progress(value))
        outbox.push(Message(f"executed{value}", "executed"))
    payloads = drain(outbox)
    assert [text for text in payloads if str(text).startswith("executed")] == [
        f"executed{n}" for n in range(50)
    ]
    assert payloads[-2:] == ["p49", "executed49"]


def test_one_kind_does_not_displace_another() -> None:
    outbox = Outbox(max_droppable=2)
    outbox.push(Message("state", "progress_state", droppable=True))
    for value in range(5):
        outbox.push(progress(value))
    assert drain(outbox) == ["state", "p4"]


def test_too_many_unread_messages_are_an_overflow_that_says_how_many() -> None:
    outbox = Outbox(max_messages=3)
    for name in "abc":
        outbox.push(Message(name))
    with pytest.raises(OutboxOverflowError) as caught:
        outbox.push(Message("d"))
    assert (caught.value.num_messages, caught.value.num_bytes) == (3, 3)


def test_too_many_unread_bytes_drop_previews_but_overflow_on_results() -> None:
    outbox = Outbox(max_bytes=10)
    outbox.push(Message(b"12345678"))
    outbox.push(Message(b"preview", "binary 1", droppable=True))
    assert outbox.num_dropped == 1
    with pytest.raises(OutboxOverflowError):
        outbox.push(Message(b"result"))


def test_a_single_message_above_the_byte_limit_still_goes_out() -> None:
    outbox = Outbox(max_bytes=10)
    outbox.push(Message(b"x" * 100))
    assert drain(outbox) == [b"x" * 100]


@given(st.lists(st.tuples(st.sampled_from(["keep", "progress", "state", "pop"]), st.integers(0, 9))))
def test_kept_messages_survive_in_order_and_droppable_ones_stay_bounded(steps: list[tuple[str, int]]) -> None:
    outbox = Outbox(max_droppable=3)
    sent, kept, seen = 0, [], []
    for kind, _ in steps:
        if kind == "pop":
            message = outbox.pop()
            seen += [message.payload] if message and not message.droppable else []
            continue
        payload = f"{kind}{sent}"
        sent += 1
        kept += [payload] if kind == "keep" else []
        outbox.push(Message(payload, kind, droppable=kind != "keep"))
        assert sum(1 for _ in range(len(outbox))) <= len(kept) + 3 + 1
    rest = [payload for payload in drain(outbox) if str(payload).startswith("keep")]
    assert seen + rest == kept
    assert outbox.num_bytes == 0
