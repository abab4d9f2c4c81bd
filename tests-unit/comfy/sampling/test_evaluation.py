"""Evaluation: which entries share a network call, and how answers are weighted."""

from __future__ import annotations

import pytest
import torch
from toy_model import ToyModel

from comfy.memory import devices
from comfy.sampling import evaluation
from comfy.sampling.conditions import convert_cond, process_conds
from comfy.sampling.conds import CondConstant, CondCrossAttn, CondList, CondRegular

CPU = torch.device("cpu")
LEVEL = torch.full((1,), 2.0)


def entries(model, x, *texts, **options):
    return process_conds(model, x, {"positive": convert_cond([[t, dict(options)] for t in texts])}, CPU)[
        "positive"
    ]


def evaluate(model, x, *sides):
    return evaluation.calc_cond_batch(model, sides, x, LEVEL, {})


def test_entries_of_one_shape_share_a_call():
    model, x = ToyModel(), torch.zeros(1, 4, 8, 8)
    evaluate(
        model,
        x,
        entries(model, x, torch.ones(1, 3, 5), torch.zeros(1, 3, 5)),
        entries(model, x, torch.ones(1, 3, 5)),
    )
    assert model.batches == [3]


def test_texts_of_other_length_share_a_call_up_to_four_repeats():
    model, x = ToyModel(), torch.zeros(1, 4, 8, 8)
    evaluate(model, x, entries(model, x, torch.ones(1, 77, 5)), entries(model, x, torch.ones(1, 308, 5)))
    assert model.batches == [2]


def test_texts_that_would_repeat_too_often_are_called_apart():
    model, x = ToyModel(), torch.zeros(1, 4, 8, 8)
    evaluate(model, x, entries(model, x, torch.ones(1, 77, 5)), entries(model, x, torch.ones(1, 385, 5)))
    assert model.batches == [1, 1]


def test_area_is_called_apart_from_the_whole():
    model, x = ToyModel(), torch.zeros(1, 4, 8, 8)
    whole, part = (
        entries(model, x, torch.ones(1, 3, 5)),
        entries(model, x, torch.ones(1, 3, 5), area=(4, 4, 0, 0)),
    )
    evaluate(model, x, whole + part)
    assert model.batches == [1, 1]


def test_little_memory_splits_the_batch(monkeypatch):
    model, x = ToyModel(), torch.zeros(1, 4, 8, 8)
    model.bytes_per_item = 100
    monkeypatch.setattr(devices, "get_free_memory", lambda device: 310.0)
    texts = [torch.full((1, 3, 5), float(i)) for i in range(5)]
    split = evaluate(model, x, entries(model, x, *texts))
    assert model.batches == [2, 2, 1]
    roomy = ToyModel()
    torch.testing.assert_close(split, evaluate(roomy, x, entries(roomy, x, *texts)))


def test_one_item_is_evaluated_even_without_memory(monkeypatch):
    model, x = ToyModel(), torch.zeros(1, 4, 8, 8)
    model.bytes_per_item = 100
    monkeypatch.setattr(devices, "get_free_memory", lambda device: 0.0)
    evaluate(model, x, entries(model, x, torch.ones(1, 3, 5)), entries(model, x, torch.ones(1, 3, 5)))
    assert model.batches == [1, 1]


def test_side_without_entries_is_zero():
    model, x = ToyModel(), torch.ones(1, 4, 8, 8)
    positive, missing = evaluate(model, x, entries(model, x, torch.ones(1, 3, 5)), None)
    assert positive.abs().sum() > 0 and missing.abs().sum() == 0


def test_feathered_borders_join_two_areas_without_holes():
    model, x = ToyModel(), torch.zeros(1, 4, 16, 16)
    text = torch.ones(1, 3, 5)
    left = entries(model, x, text, area=(16, 10, 0, 0))
    right = entries(model, x, text, area=(16, 10, 0, 6))
    (found,) = evaluate(model, x, left + right)
    assert torch.isfinite(found).all() and (found != 0).any(dim=1).all()


@pytest.mark.parametrize(
    ("one", "other", "fits"),
    [
        (CondRegular(torch.ones(1, 2)), CondRegular(torch.ones(1, 2)), True),
        (CondRegular(torch.ones(1, 2)), CondRegular(torch.ones(1, 3)), False),
        (CondCrossAttn(torch.ones(1, 2, 3)), CondCrossAttn(torch.ones(1, 2, 4)), False),
        (CondConstant(25), CondConstant(25), True),
        (CondConstant(25), CondConstant(24), False),
        (CondList([torch.ones(1, 2)]), CondList([torch.ones(1, 2)] * 2), False),
    ],
)
def test_inputs_that_fit_together(one, other, fits):
    assert one.can_concat(other) is fits


def test_repeated_text_meets_at_the_common_length():
    short, long = torch.arange(2.0).view(1, 2, 1), torch.arange(3.0).view(1, 3, 1)
    joined = CondCrossAttn(short).concat([CondCrossAttn(long)])
    assert joined[:, :, 0].tolist() == [[0, 1, 0, 1, 0, 1], [0, 1, 2, 0, 1, 2]]
