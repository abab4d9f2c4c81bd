"""The channel between a graph and whoever asked for its latents."""

from __future__ import annotations

import torch

from codec_transport.channel import EmittedLatent, LatentChannels


def latent(prompt_id: str, size: int = 4, channel: str = "default") -> EmittedLatent:
    return EmittedLatent(prompt_id, channel, torch.zeros(1, 4, size, size), "", "raw", 0.0)


def test_a_listener_gets_the_latent_and_nothing_is_kept() -> None:
    channels = LatentChannels()
    got: list[EmittedLatent] = []
    channels.listen("p", "c", got.append)
    sent = latent("p", channel="c")
    channels.emit(sent)
    assert got == [sent]
    assert channels.kept("p", "c") is None


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
    assert channels.kept("p") is sent


def test_the_oldest_latent_goes_first_when_the_budget_is_full() -> None:
    one = latent("a").size_bytes
    channels = LatentChannels(kept_bytes=2 * one)
    for name in "abc":
        channels.emit(latent(name))
    assert [channels.kept(name) is not None for name in "abc"] == [False, True, True]


def test_emitting_again_replaces_what_was_kept_without_counting_it_twice() -> None:
    one = latent("a").size_bytes
    channels = LatentChannels(kept_bytes=2 * one)
    channels.emit(latent("b"))
    for _ in range(5):
        channels.emit(latent("a"))
    assert channels.kept("b") is not None
