"""Preparing conditionings: what nodes hand over, areas, masks, the model's own inputs."""

from __future__ import annotations

import pytest
import torch
from toy_model import ToyModel

from comfy.errors import ConditionError
from comfy.sampling import conditions, evaluation
from comfy.sampling.conds import CondConstant

CPU = torch.device("cpu")


def test_options_are_copied_and_tensors_shared():
    text, options = torch.ones(1, 3, 5), {"strength": 0.5}
    (entry,) = conditions.convert_cond([[text, options]])
    assert entry["cross_attn"] is text and entry["strength"] == 0.5 and options == {"strength": 0.5}


@pytest.mark.parametrize("item", [[torch.ones(1)], [torch.ones(1), None]])
def test_item_that_is_no_pair_is_named(item):
    with pytest.raises(ConditionError, match="item 0"):
        conditions.convert_cond([item])


def test_shares_become_cells_of_at_least_one():
    entries = [{"area": ("percentage", 0.01, 0.5, 0.5, 0.25)}]
    conditions.resolve_areas_and_cond_masks(entries, 16, 24, CPU)
    assert entries[0]["area"] == (1, 12, 8, 6)


def test_mask_is_resized_and_bounded():
    mask = torch.zeros(64, 64)
    mask[32:48, 16:56] = 1.0
    entries = [{"mask": mask, "set_area_to_bounds": True}]
    conditions.resolve_areas_and_cond_masks(entries, 8, 8, CPU)
    assert entries[0]["mask"].shape == (1, 8, 8)
    assert entries[0]["area"] == (8, 8, 4, 2)


def test_empty_mask_bounds_to_the_smallest_corner():
    entries = [{"mask": torch.zeros(1, 16, 16), "set_area_to_bounds": True}]
    conditions.resolve_areas_and_cond_masks(entries, 16, 16, CPU)
    assert entries[0]["area"] == (conditions.MIN_MASK_CELLS, conditions.MIN_MASK_CELLS, 0, 0)


def test_video_area_gets_its_time_axis():
    x = torch.zeros(1, 4, 3, 8, 8)
    entry = {"area": (4, 4, 2, 2), "model_conds": {}}
    cutout = evaluation.get_area_and_mult(entry, x, torch.ones(1))
    assert cutout.input_x.shape == (1, 4, 3, 4, 4) and cutout.area == (3, 4, 4, 0, 2, 2)


def test_model_is_told_the_size_and_the_side():
    asked = []

    class Curious(ToyModel):
        def extra_conds(self, **kwargs):
            asked.append(kwargs)
            return {"frame_rate": CondConstant(25)}

    x = torch.zeros(1, 4, 6, 10)
    sides = {side: conditions.convert_cond([[torch.ones(1, 3, 5), {}]]) for side in ("positive", "negative")}
    prepared = conditions.process_conds(Curious(), x, sides, CPU, seed=7)
    assert [(a["prompt_type"], a["width"], a["height"], a["seed"]) for a in asked] == [
        ("positive", 80, 48, 7),
        ("negative", 80, 48, 7),
    ]
    assert prepared["positive"][0]["model_conds"]["frame_rate"].cond == 25
    assert sides["positive"][0]["model_conds"] == {}


def test_size_of_the_conditioning_wins_over_the_latents():
    asked = []

    class Curious(ToyModel):
        def extra_conds(self, **kwargs):
            asked.append(kwargs["width"])
            return {}

    entry = conditions.convert_cond([[torch.ones(1, 3, 5), {"width": 1024}]])
    conditions.process_conds(Curious(), torch.zeros(1, 4, 6, 10), {"positive": entry}, CPU)
    assert asked == [1024]


class Control:
    def __init__(self):
        self.calls = []

    def pre_run(self, model, percent_to_sigma):
        self.calls.append("pre_run")


def test_control_is_shared_with_the_other_side():
    control = Control()
    positive = [{"control": control, "model_conds": {}}]
    negative = [{"model_conds": {}}]
    conditions.apply_empty_x_to_equal_area(positive, negative, "control", lambda extras, k: extras[k])
    assert negative == [{"control": control, "model_conds": {}}]


def test_more_controls_than_entries_add_entries():
    controls = [Control(), Control()]
    positive = [{"control": control, "model_conds": {}} for control in controls]
    negative = [{"model_conds": {}}]
    conditions.apply_empty_x_to_equal_area(positive, negative, "control", lambda extras, k: extras[k])
    assert [entry["control"] for entry in negative] == controls


def test_area_on_one_side_is_matched_by_the_smallest_cover():
    wide, narrow = (
        {"model_conds": {"c": 1}, "area": (8, 8, 0, 0)},
        {"model_conds": {"c": 2}, "area": (6, 6, 0, 0)},
    )
    conds = [{"model_conds": {"c": 0}}, wide, narrow]
    conditions.create_cond_with_same_area_if_none(conds, {"model_conds": {}, "area": (4, 4, 1, 1)})
    assert conds[-1] == {"model_conds": {"c": 2}, "area": (4, 4, 1, 1)}
    conditions.create_cond_with_same_area_if_none(conds, {"model_conds": {}, "area": (8, 8, 0, 0)})
    assert len(conds) == 4
