"""The bounded way from the engine's thread to the loop."""

from __future__ import annotations

import asyncio

import pytest
import torch

from codec_transport.channel import EmittedLatent
from codec_transport.endpoints import inbox as inbox_module
from codec_transport.endpoints.inbox import LatentInbox
from codec_transport.errors import ListenerGoneError
from comfy.interruption import InterruptProcessingException, interrupt_current_processing


def part(i: int, *, is_last: bool = False) -> EmittedLatent:
    return EmittedLatent("p", "c", torch.full((1,), float(i)), "", "raw", 0.0, is_last)


async def test_parts_come_in_the_order_in_which_they_were_handed_over() -> None:
    inbox = LatentInbox()

    def hand_over() -> None:
        for i in range(20):
            inbox.deliver(part(i, is_last=i == 19))

    emitter = asyncio.create_task(asyncio.to_thread(hand_over))
    got = [await inbox.next() for _ in range(20)]
    await emitter
    assert [int(latent.samples[0]) for latent in got] == list(range(20))
    assert inbox.next_nowait() is None


async def test_a_full_inbox_makes_the_emitter_wait_until_one_is_taken() -> None:
    inbox = LatentInbox(max_waiting=2)
    for i in range(2):
        inbox.deliver(part(i))
    third = asyncio.create_task(asyncio.to_thread(inbox.deliver, part(2)))
    done, _ = await asyncio.wait([third], timeout=0.05)
    assert not done
    assert int((await inbox.next()).samples[0]) == 0
    async with asyncio.timeout(5):
        await third


async def test_closing_wakes_an_emitter_and_tells_it_why() -> None:
    inbox = LatentInbox(max_waiting=1)
    inbox.deliver(part(0))
    waiting = asyncio.create_task(asyncio.to_thread(inbox.deliver, part(1)))
    await asyncio.wait([waiting], timeout=0.05)
    inbox.close()
    with pytest.raises(ListenerGoneError) as caught:
        await waiting
    assert (caught.value.prompt_id, caught.value.channel) == ("p", "c")
    assert isinstance(caught.value, ConnectionError)


async def test_a_whole_latent_for_nobody_is_no_error_of_its_graph() -> None:
    inbox = LatentInbox()
    inbox.close()
    inbox.deliver(part(0, is_last=True))
    assert inbox.next_nowait() is None


async def test_an_interrupt_reaches_an_emitter_that_waits(monkeypatch) -> None:
    monkeypatch.setattr(inbox_module, "INTERRUPT_CHECK_S", 0.01)
    inbox = LatentInbox(max_waiting=1)
    inbox.deliver(part(0))
    waiting = asyncio.create_task(asyncio.to_thread(inbox.deliver, part(1)))
    interrupt_current_processing()
    with pytest.raises(InterruptProcessingException):
        await waiting
    assert int((await inbox.next()).samples[0]) == 0


async def test_a_stream_ends_once_however_often_its_node_runs() -> None:
    inbox = LatentInbox(max_waiting=1)
    for i in range(5):
        inbox.deliver(part(i, is_last=True))
    assert int((await inbox.next()).samples[0]) == 0
    assert inbox.next_nowait() is None


async def test_a_cancelled_reader_loses_nothing() -> None:
    inbox = LatentInbox()
    reader = asyncio.create_task(inbox.next())
    await asyncio.sleep(0)
    reader.cancel()
    inbox.deliver(part(7))
    assert int((await inbox.next()).samples[0]) == 7
