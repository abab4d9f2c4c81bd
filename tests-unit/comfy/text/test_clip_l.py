"""Building a CLIP object from weights, and what the object does between nodes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from comfy.errors import TextError, WeightsError, WeightsShapeError
from comfy.text.clip.encoder import MAX_CHUNKS, ROWS_AT_ONCE
from comfy.text.clip_l import build_clip_l

VECTORS = Path(__file__).parents[2] / "data" / "vectors"


@pytest.fixture(scope="module")
def weights():
    return load_file(VECTORS / "text_clip" / "state_clip_l.safetensors")


@pytest.fixture
def clip(weights):
    return build_clip_l(weights, heads=4)


def test_heads_that_do_not_divide_the_width_are_refused_by_the_metadata_key(weights):
    with pytest.raises(WeightsShapeError) as caught:
        build_clip_l(weights, heads=7)
    assert caught.value.key == "codec.sd1.text_heads"
    assert caught.value.found == "7"


def test_a_missing_weight_is_named(weights):
    key = "text_model.encoder.layers.2.mlp.fc1.bias"
    with pytest.raises(WeightsError) as caught:
        build_clip_l({name: value for name, value in weights.items() if name != key}, heads=4)
    assert caught.value.key == key


def test_a_weight_of_another_shape_is_named_with_both_shapes(weights):
    key = "text_model.final_layer_norm.weight"
    with pytest.raises(WeightsShapeError) as caught:
        build_clip_l({**weights, key: torch.ones(5)}, heads=4)
    assert (caught.value.key, caught.value.found, caught.value.expected) == (key, "(5,)", "(24,)")


def test_weights_of_something_else_are_refused():
    with pytest.raises(WeightsError):
        build_clip_l({"model.weight": torch.ones(2, 2)}, heads=4)


def test_weights_keep_the_names_that_lora_files_and_packs_use(clip):
    keys = clip.cond_stage_model.state_dict()
    assert "clip_l.transformer.text_model.encoder.layers.0.mlp.fc1.weight" in keys
    assert "clip_l.transformer.text_projection.weight" in keys


def test_without_a_projection_the_projected_vector_is_the_plain_one(weights):
    clip = build_clip_l(
        {key: value for key, value in weights.items() if key != "text_projection.weight"}, heads=4
    )
    model = clip.cond_stage_model
    plain = model.encode_token_weights(clip.tokenize("a"))[1]
    model.set_clip_options({"projected_pooled": True})
    assert torch.equal(model.encode_token_weights(clip.tokenize("a"))[1], plain)


def test_conditioning_carries_pooled_output_and_added_values(clip):
    ((cond, values),) = clip.encode_from_tokens_scheduled(clip.tokenize("a cat"), add_dict={"width": 64})
    assert cond.shape == (1, 77, 24) and cond.dtype == torch.float32
    assert values["pooled_output"].shape == (1, 24) and values["width"] == 64
    assert not cond.is_inference() and not cond.requires_grad


def test_the_three_forms_of_an_encoded_prompt_agree(clip):
    tokens = clip.tokenize("a (cat:1.2)")
    cond = clip.encode_from_tokens(tokens)
    pair = clip.encode_from_tokens(tokens, return_pooled=True)
    record = clip.encode_from_tokens(tokens, return_dict=True)
    assert torch.equal(cond, pair[0]) and torch.equal(cond, record["cond"])
    assert torch.equal(pair[1], record["pooled_output"])
    assert torch.equal(cond, clip.encode("a (cat:1.2)"))


def test_a_clone_has_settings_of_its_own(clip):
    clone = clip.clone()
    clone.clip_layer(-2)
    clone.set_tokenizer_option("disable_weights", True)
    assert clip.layer_idx is None and clip.tokenizer_options == {}
    assert not torch.equal(clone.encode("cat"), clip.encode("cat"))
    assert clone.cond_stage_model is clip.cond_stage_model
    assert clone.tokenize("(a)") != clip.tokenize("(a)")


def test_the_layer_of_one_call_does_not_leak_into_the_next(clip):
    before = clip.encode("cat")
    skipped = clip.clone()
    skipped.clip_layer(-2)
    skipped.encode("cat")
    assert torch.equal(clip.encode("cat"), before)


def test_patches_of_a_clone_change_its_conditioning_and_nobody_elses(clip):
    key = "clip_l.transformer.text_model.final_layer_norm.bias"
    before = clip.encode("cat")
    patched = clip.clone()
    assert patched.add_patches({key: (torch.ones(24),)}) == [key]
    torch.testing.assert_close(patched.encode("cat"), before + 1.0)
    torch.testing.assert_close(clip.encode("cat"), before)


def test_infinite_and_negative_weights_reach_only_their_own_tokens(clip):
    plain = clip.encode("a cat sat")
    weighted = clip.encode("a (cat:-1) sat")
    changed = (plain != weighted).any(dim=-1)[0].nonzero().flatten().tolist()
    assert changed == [2]


@pytest.mark.parametrize("token", [49408, -1])
def test_a_token_outside_of_the_vocabulary_is_refused(clip, token):
    chunks = [[(49406, 1.0), (token, 1.0), *[(49407, 1.0)] * 75]]
    with pytest.raises(TextError):
        clip.encode_from_tokens({"l": chunks})


def test_a_vector_of_another_width_is_refused(clip):
    chunks = [[(49406, 1.0), (torch.zeros(7), 1.0), *[(49407, 1.0)] * 75]]
    with pytest.raises(TextError, match="24"):
        clip.encode_from_tokens({"l": chunks})


def test_tokens_for_another_encoder_are_refused(clip):
    with pytest.raises(TextError, match="g"):
        clip.encode_from_tokens({"g": []})


def test_chunks_of_two_lengths_are_refused(clip):
    with pytest.raises(TextError):
        clip.encode_from_tokens({"l": [[(49406, 1.0)], [(49406, 1.0), (49407, 1.0)]]})


def test_a_long_prompt_runs_in_passes_and_equals_its_chunks_one_by_one(clip):
    tokens = clip.tokenize(" ".join(f"word{i}" for i in range(600)))
    assert len(tokens["l"]) > ROWS_AT_ONCE
    whole = clip.encode_from_tokens(tokens)
    parts = [clip.encode_from_tokens({"l": [chunk]}) for chunk in tokens["l"]]
    torch.testing.assert_close(whole, torch.cat(parts, dim=1))


def test_a_prompt_longer_than_any_is_refused_before_the_network_runs(clip):
    chunk = clip.tokenize("a")["l"][0]
    with pytest.raises(TextError, match="257"):
        clip.encode_from_tokens({"l": [chunk] * (MAX_CHUNKS + 1)})
