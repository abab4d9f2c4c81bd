"""The model patcher: clones share one model and never see each other's changes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from comfy.patching.patcher import ModelPatcher
from comfy.patching.wrappers import CallbacksMP, PatcherInjection, WrappersMP


class Scale(nn.Module):
    """A replaceable part."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor


def _model():
    model = nn.Module()
    model.linear = nn.Linear(3, 2)
    model.norm = nn.LayerNorm(2)
    model.scale = Scale(1.0)
    model.blocks = nn.ModuleList([nn.Conv2d(2, 2, 3), Scale(5.0)])
    return model.requires_grad_(False)


@pytest.fixture
def patcher():
    return ModelPatcher(_model(), "cpu", "cpu")


def _values(patcher):
    return {key: value.clone() for key, value in patcher.model.state_dict().items()}


def _same(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


def _plus(key, amount, patcher):
    return {key: (torch.full_like(patcher.model.state_dict()[key], amount),)}


def test_adding_patches_changes_nothing_before_patch_model(patcher):
    before = _values(patcher)
    assert patcher.add_patches(_plus("linear.weight", 1.0, patcher), 0.5) == ["linear.weight"]
    assert _same(_values(patcher), before)


def test_patch_and_unpatch_restore_the_very_same_bits(patcher):
    before, pointers = _values(patcher), [p.data_ptr() for p in patcher.model.parameters()]
    patcher.add_patches(_plus("linear.weight", 1.0, patcher), 0.3)
    patcher.add_patches(_plus("blocks.0.weight", -2.0, patcher), 0.7)
    patcher.patch_model()
    assert set(patcher.backup) == {"linear.weight", "blocks.0.weight"}
    torch.testing.assert_close(_values(patcher)["linear.weight"], before["linear.weight"] + 0.3)
    patcher.unpatch_model()
    assert _same(_values(patcher), before)
    assert [p.data_ptr() for p in patcher.model.parameters()] == pointers
    assert not patcher.backup


def test_unknown_weights_are_not_matched(patcher):
    assert patcher.add_patches({"nope.weight": (torch.ones(1),)}) == []


def test_patching_twice_is_patching_once(patcher):
    patcher.add_patches(_plus("linear.weight", 1.0, patcher))
    patcher.patch_model()
    once = _values(patcher)
    patcher.patch_model()
    assert _same(_values(patcher), once)


def test_patches_added_while_applied_take_effect_next_time(patcher):
    before = _values(patcher)
    patcher.add_patches(_plus("linear.weight", 1.0, patcher))
    patcher.patch_model()
    patcher.add_patches(_plus("linear.weight", 1.0, patcher))
    patcher.patch_model()
    torch.testing.assert_close(_values(patcher)["linear.weight"], before["linear.weight"] + 2)
    patcher.unpatch_model()
    assert _same(_values(patcher), before)


def test_a_clone_applied_after_another_starts_from_the_original(patcher):
    before = _values(patcher)
    one, two = patcher.clone(), patcher.clone()
    one.add_patches(_plus("linear.weight", 1.0, patcher))
    one.add_object_patch("scale", Scale(9.0))
    two.add_patches(_plus("linear.bias", 1.0, patcher))
    one.patch_model()
    two.patch_model()
    after = _values(patcher)
    assert torch.equal(after["linear.weight"], before["linear.weight"])
    assert patcher.model.scale.factor == 1.0
    torch.testing.assert_close(after["linear.bias"], before["linear.bias"] + 1)
    patcher.patch_model()
    assert _same(_values(patcher), before)


def test_a_clone_keeps_its_patches_apart(patcher):
    patcher.add_patches(_plus("linear.weight", 1.0, patcher))
    clone = patcher.clone()
    assert clone.patches["linear.weight"] is patcher.patches["linear.weight"], "shared until somebody writes"
    clone.add_patches(_plus("linear.weight", 1.0, patcher))
    assert len(patcher.patches["linear.weight"]) == 1
    assert len(clone.patches["linear.weight"]) == 2


def test_clones_tell_whether_they_want_the_same_weights(patcher):
    clone = patcher.clone()
    assert clone.is_clone(patcher) and patcher.clone_has_same_weights(clone)
    clone.add_patches(_plus("linear.weight", 1.0, patcher))
    assert clone.is_clone(patcher) and not patcher.clone_has_same_weights(clone)
    assert not patcher.is_clone(ModelPatcher(_model(), "cpu", "cpu"))


def test_options_of_a_clone_are_its_own(patcher):
    hook = len
    patcher.set_model_attn1_patch(hook)
    clone = patcher.clone()
    clone.set_model_attn1_patch(print)
    clone.set_model_attn2_replace(abs, "input", 3)
    clone.set_model_sampler_post_cfg_function(max, disable_cfg1_optimization=True)
    options = patcher.model_options
    assert options == {"transformer_options": {"patches": {"attn1_patch": [hook]}}}
    own = clone.model_options["transformer_options"]
    assert own["patches"]["attn1_patch"] == [hook, print]
    assert own["patches_replace"]["attn2"] == {("input", 3): abs}
    assert clone.model_options["disable_cfg1_optimization"] is True


def test_objects_are_replaced_and_put_back(patcher):
    original, mine = patcher.model.scale, Scale(3.0)
    patcher.add_object_patch("scale", mine)
    assert patcher.get_model_object("scale") is mine
    assert patcher.clone().get_model_object("scale") is mine
    assert patcher.model.scale is original
    patcher.patch_model()
    assert patcher.model.scale is mine
    assert patcher.object_patches_backup == {"scale": original}
    assert ModelPatcher(patcher.model, "cpu", "cpu").get_model_object("scale") is original
    patcher.unpatch_model()
    assert patcher.model.scale is original
    assert patcher.get_model_object("blocks.1.factor") == 5.0


def test_a_plain_object_may_stand_in_for_a_module(patcher):
    original = patcher.model.blocks[1]
    patcher.add_object_patch("scale", "not a module")
    patcher.add_object_patch("blocks.1.factor", 7.0)
    patcher.patch_model()
    assert patcher.model.scale == "not a module"
    assert patcher.model.blocks[1].factor == 7.0
    patcher.unpatch_model()
    assert patcher.model.scale.factor == 1.0
    assert original.factor == 5.0
    assert "scale" in dict(patcher.model.named_children())


def test_a_slice_of_a_weight_can_be_patched(patcher):
    before = _values(patcher)
    patch = {("linear.weight", (0, 1, 1)): (torch.ones(1, 3),)}
    assert patcher.add_patches(patch, 2.0) == [("linear.weight", (0, 1, 1))]
    patcher.patch_model()
    after = _values(patcher)["linear.weight"]
    assert torch.equal(after[0], before["linear.weight"][0])
    torch.testing.assert_close(after[1], before["linear.weight"][1] + 2)
    patcher.unpatch_model()
    assert _same(_values(patcher), before)


def test_another_models_weights_can_be_merged_in(patcher):
    other = ModelPatcher(_model(), "cpu", "cpu")
    other.add_patches(_plus("linear.weight", 1.0, other))
    mine, theirs = _values(patcher)["linear.weight"], _values(other)["linear.weight"]
    patcher.add_patches(other.get_key_patches("linear."), 0.25, 0.75)
    patcher.patch_model()
    torch.testing.assert_close(_values(patcher)["linear.weight"], 0.75 * mine + 0.25 * (theirs + 1))
    assert torch.equal(_values(other)["linear.weight"], theirs)


def test_key_patches_of_an_applied_model_are_of_the_original(patcher):
    before = _values(patcher)["linear.weight"]
    patcher.add_patches(_plus("linear.weight", 1.0, patcher))
    patcher.patch_model()
    (weight, _), *patches = patcher.get_key_patches("linear.")["linear.weight"]
    assert torch.equal(weight, before)
    assert len(patches) == 1


def test_a_patch_of_another_shape_is_left_out_and_said(patcher, caplog):
    before = _values(patcher)
    patcher.add_patches({"linear.weight": (torch.ones(5, 5),)})
    patcher.patch_model()
    assert _same(_values(patcher), before)
    assert "linear.weight" in caplog.text


def test_patched_weights_are_usable_outside_of_inference_mode(patcher):
    patcher.add_patches(_plus("linear.weight", 1.0, patcher))
    with torch.inference_mode():
        patcher.patch_model()
    assert not patcher.model.linear.weight.is_inference()
    patcher.model.linear.weight.add_(1.0)


def test_the_type_of_the_weight_is_kept(patcher):
    patcher.model.half()
    patcher.add_patches(_plus("linear.weight", 1e-3, patcher))
    patcher.patch_model()
    assert patcher.model.linear.weight.dtype == torch.float16


def test_sizes_are_bytes(patcher):
    count = sum(p.numel() for p in patcher.model.parameters())
    assert patcher.model_size() == patcher.loaded_size() == 4 * count


def test_detach_takes_everything_off(patcher):
    before = _values(patcher)
    patcher.add_patches(_plus("linear.weight", 1.0, patcher))
    seen = []
    patcher.add_callback(CallbacksMP.ON_DETACH, lambda who, unpatch_all: seen.append(unpatch_all))
    patcher.patch_model()
    assert patcher.detach() is patcher.model
    assert _same(_values(patcher), before)
    assert seen == [True]


def test_callbacks_and_wrappers_are_kept_by_key(patcher):
    patcher.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, "a", len)
    patcher.add_wrapper(WrappersMP.OUTER_SAMPLE, abs)
    clone = patcher.clone()
    clone.remove_wrappers_with_key(WrappersMP.OUTER_SAMPLE, "a")
    assert patcher.get_all_wrappers(WrappersMP.OUTER_SAMPLE) == [len, abs]
    assert clone.get_all_wrappers(WrappersMP.OUTER_SAMPLE) == [abs]
    calls = []
    patcher.add_callback_with_key(CallbacksMP.ON_CLONE, "k", lambda old, new: calls.append((old, new)))
    clone = patcher.clone()
    assert calls == [(patcher, clone)]


def test_run_callbacks_fire_in_order(patcher):
    calls = []
    patcher.add_callback(CallbacksMP.ON_PRE_RUN, lambda who: calls.append("pre"))
    patcher.add_callback(CallbacksMP.ON_PREPARE_STATE, lambda who, t: calls.append(float(t)))
    patcher.add_callback(CallbacksMP.ON_CLEANUP, lambda who: calls.append("cleanup"))
    patcher.model.current_patcher = None
    patcher.pre_run()
    assert patcher.model.current_patcher is patcher
    patcher.prepare_state(torch.tensor(2.0))
    patcher.cleanup()
    assert patcher.model.current_patcher is None
    assert calls == ["pre", 2.0, "cleanup"]


def test_injections_are_undone_in_reverse_even_after_an_error(patcher):
    calls = []
    for name in "ab":
        injection = PatcherInjection(
            lambda who, n=name: calls.append(f"+{n}"), lambda who, n=name: calls.append(f"-{n}")
        )
        patcher.set_injections(name, [injection])
    with pytest.raises(KeyError), patcher.use_injected():
        raise KeyError
    assert calls == ["+a", "+b", "-b", "-a"]


def test_additional_models_are_found_once_each(patcher):
    one, two = ModelPatcher(_model(), "cpu", "cpu"), ModelPatcher(_model(), "cpu", "cpu")
    one.set_additional_models("deep", [two])
    patcher.set_additional_models("x", [one, two])
    assert patcher.get_nested_additional_models() == [one, two]


def test_attachments_may_decide_how_they_are_cloned(patcher):
    class Counted:
        def __init__(self, generation=0):
            self.generation = generation

        def on_model_patcher_clone(self):
            return Counted(self.generation + 1)

    patcher.set_attachments("c", Counted())
    patcher.set_attachments("d", "shared")
    clone = patcher.clone()
    assert (patcher.get_attachment("c").generation, clone.get_attachment("c").generation) == (0, 1)
    assert clone.get_attachment("d") == "shared"


def test_hooks_with_weights_follow_the_model(patcher):
    class Hook:
        moved_to = None

        def to(self, device):
            self.moved_to = str(device)
            return self

        def models(self):
            return ["another"]

        def __call__(self, *args):
            return args

    hook = Hook()
    patcher.set_model_attn1_replace(hook, "middle", 0)
    patcher.patch_model("cpu")
    assert hook.moved_to == "cpu"
    assert patcher.model_patches_models() == ["another"]


def test_a_cfg_function_of_three_arguments_is_adapted(patcher):
    patcher.set_model_sampler_cfg_function(lambda cond, uncond, scale: cond + uncond * scale)
    function = patcher.model_options["sampler_cfg_function"]
    assert function({"cond": 1, "uncond": 2, "cond_scale": 3, "sigma": 0}) == 7
    patcher.set_model_sampler_cfg_function(lambda args: args["cond"], disable_cfg1_optimization=True)
    assert patcher.model_options["sampler_cfg_function"]({"cond": 4}) == 4
    assert patcher.model_options["disable_cfg1_optimization"]
