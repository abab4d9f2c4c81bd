"""Conditioning that moves over the frames of a clip."""

from __future__ import annotations

import pytest
import torch

from comfy_extras.nodes_conditioning_frames import ConditioningOverFrames, blend_over_frames, same_length


def conditioning(value: float, tokens: int = 77, pooled: float | None = None) -> list:
    values = {"tag": value} if pooled is None else {"tag": value, "pooled_output": torch.full((1, 3), pooled)}
    return [[torch.full((1, tokens, 5), value), values]]


def run(first: list, last: list, frames: int) -> list:
    return ConditioningOverFrames.execute(first, last, frames).result[0]


@pytest.mark.parametrize("frames", [1, 2, 24])
def test_the_first_frame_has_the_first_conditioning_and_the_last_the_last(frames: int) -> None:
    [[context, values]] = run(conditioning(1.0), conditioning(3.0), frames)
    assert context.shape == (frames, 77, 5)
    assert context[0].unique().tolist() == [1.0]
    assert context[-1].unique().tolist() == [3.0 if frames > 1 else 1.0]
    assert values["tag"] == 1.0


def test_steps_are_even() -> None:
    context = run(conditioning(0.0), conditioning(1.0), 5)[0][0]
    assert context[:, 0, 0].tolist() == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])


def test_pooled_vectors_move_too_where_both_have_one() -> None:
    both = run(conditioning(0.0, pooled=2.0), conditioning(1.0, pooled=4.0), 3)[0][1]
    assert both["pooled_output"][:, 0].tolist() == [2.0, 3.0, 4.0]
    one = run(conditioning(0.0, pooled=2.0), conditioning(1.0), 3)[0][1]
    assert one["pooled_output"].shape == (1, 3)


def test_inputs_are_left_alone() -> None:
    first, last = conditioning(1.0), conditioning(2.0)
    run(first, last, 4)
    assert first[0][0].shape == (1, 77, 5)
    assert set(first[0][1]) == {"tag"}


def test_repeating_a_context_does_not_change_what_attention_gives() -> None:
    generator = torch.Generator().manual_seed(1)
    query, short, long = (torch.randn(1, n, 8, generator=generator) for n in (4, 6, 9))
    first, second = same_length(short, long)
    assert first.shape == second.shape == (1, 18, 8)
    for plain, repeated in ((short, first), (long, second)):
        given = [torch.softmax(query @ key.mT, -1) @ key for key in (plain, repeated)]
        assert torch.allclose(*given, atol=1e-6)


def test_blending_keeps_the_dtype_of_the_first() -> None:
    blended = blend_over_frames(torch.zeros(1, 2, dtype=torch.float64), torch.ones(1, 2), 3)
    assert blended.dtype == torch.float64
