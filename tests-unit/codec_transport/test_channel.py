"""The channel between a graph and whoever asked for its latents."""

from __future__ import annotations

from dataclasses import replace

import torch

from codec_transport.channel import EmittedLatent, LatentChannels


def latent(prompt_id: str, size: int = 4, channel: str = "default") -> EmittedLatent:
    return EmittedLatent(prompt_id, channel, torch.zeros(1, 4, size, size), "", "raw", 0.0)


def test_a_listener_gets_the_latent_and_it_is_kept_for_another_pipeline() -> None:
    channels = LatentChannels()
    got: list[EmittedLatent] = []
    channels.listen("p", "c", got.append)
    sent = latent("p", channel="c")
    channels.emit(sent)
    assert got == [sent]
    assert channels.kept("p", "c") == (sent,)


def test_other_prompts_and_other_channels_are_not_heard() -> None:
    channels = LatentChannels()
    got: list[EmittedLatent] = []
    channels.listen("p", "c", got.append)
    channels.emit(latent("q", channel="c"))
    channels.emit(latent("p", channel="d"))
    assert got == []


def test_a_latent_without_a_listener_is_kept_for_later() -> None:
    channels = LatentChannels()
    channels.listen("p", "default", lambda _: None)
    channels.forget("p", "default")
    sent = latent("p")
    channels.emit(sent)
    assert channels.kept("p") == (sent,)


def test_the_oldest_latent_goes_first_when_the_budget_is_full() -> None:
    one = latent("a").size_bytes
    channels = LatentChannels(kept_bytes=2 * one)
    for name in "abc":
        channels.emit(latent(name))
    assert [channels.kept(name) != () for name in "abc"] == [False, True, True]


def test_emitting_again_replaces_what_was_kept_without_counting_it_twice() -> None:
    one = latent("a").size_bytes
    channels = LatentChannels(kept_bytes=2 * one)
    channels.emit(latent("b"))
    for _ in range(5):
        channels.emit(latent("a"))
    assert channels.kept("b") != ()


def part(prompt_id: str, *, is_last: bool) -> EmittedLatent:
    return replace(latent(prompt_id), is_last=is_last)


def test_a_stream_that_nobody_hears_is_kept_once_it_is_whole() -> None:
    channels = LatentChannels()
    parts = [part("p", is_last=i == 2) for i in range(3)]
    for i, sent in enumerate(parts):
        assert channels.kept("p") == (), i
        channels.emit(sent)
    assert channels.kept("p") == tuple(parts)
    assert channels.kept_channels("p") == ("default",)


def test_a_stream_that_somebody_hears_is_not_kept_and_its_end_is_not_taken_for_a_whole() -> None:
    channels = LatentChannels()
    got: list[EmittedLatent] = []
    channels.listen("p", "default", got.append)
    for i in range(3):
        channels.emit(part("p", is_last=i == 2))
    assert len(got) == 3
    assert channels.kept("p") == () == channels.kept_channels("p")
    channels.emit(part("p", is_last=True))
    assert len(channels.kept("p")) == 1


def test_a_stream_longer_than_the_budget_is_dropped_as_a_whole() -> None:
    one = latent("a").size_bytes
    channels = LatentChannels(kept_bytes=3 * one)
    channels.emit(latent("b"))
    for i in range(6):
        channels.emit(part("a", is_last=i == 5))
    assert channels.kept("a") == ()
    channels.emit(latent("a"))
    assert len(channels.kept("a")) == 1


def test_a_stream_cut_short_by_its_prompt_is_no_latent() -> None:
    channels = LatentChannels()
    channels.emit(part("a", is_last=False))
    assert channels.kept("a") == ()
