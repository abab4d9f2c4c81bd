"""Family text_prompts: weights in prompts, tokens, chunks, embeddings, word numbers. Today: CLIP-L of SD1."""

from __future__ import annotations

import math

import pytest
import torch

from comfy.text.clip.tokenizer import ClipTokenizer, Sd1Tokenizer
from comfy.text.prompt_weights import parse_prompt

FAMILY = "text_prompts"
WEIGHT_TOLERANCE = 1e-6  # README
NOT_BUILT = {
    "sdxl_tokens": "SDXL's pair of tokenizers is not built yet",
    "sd2_tokens": "SD2's tokenizer is not built yet",
    "t5_tokens": "T5's tokenizer is not built yet",
}


def _cases(config):
    harness = next(p for p in config.pluginmanager.get_plugins() if hasattr(p, "family_of"))
    files = harness.family_of(config, FAMILY)
    if not files.exists:
        return [pytest.param(None, None, marks=pytest.mark.skip(reason="no such vectors"))]
    params = []
    for table, rows in files.json("prompts.json").items():
        if table in NOT_BUILT:
            missing = pytest.mark.xfail(reason=NOT_BUILT[table], raises=KeyError)
            params.append(pytest.param(table, {"prompt": ""}, marks=missing, id=table))
        else:
            params += [pytest.param(table, row, id=f"{table}-{i}") for i, row in enumerate(rows)]
    return params


def pytest_generate_tests(metafunc):
    if {"table", "row"} <= set(metafunc.fixturenames):
        metafunc.parametrize(("table", "row"), _cases(metafunc.config))


@pytest.fixture(scope="module")
def files(family):
    return family(FAMILY)


@pytest.fixture(scope="module")
def tokenizer(files):
    width = files.json()["embedding_width"]
    return Sd1Tokenizer(ClipTokenizer([files.path / "embeddings"], embedding_width=width))


@pytest.fixture(scope="module")
def embedding_rows(files):
    """ "name[row]" -> vector, as the tables write them."""
    found = {}
    for name in files.json()["embedding_files"]:
        (tensor,) = files.tensors(f"embeddings/{name}.safetensors").values()
        for i, vector in enumerate(tensor.reshape(-1, tensor.shape[-1]).float()):
            found[f"{name}[{i}]"] = vector
    return found


def _same_weight(got, wanted):
    wanted = float(wanted)  # "inf" and "nan" are texts in the file
    if math.isfinite(wanted):
        return abs(got - wanted) <= WEIGHT_TOLERANCE
    return math.isnan(got) if math.isnan(wanted) else got == wanted


def _assert_chunks(got, wanted, embedding_rows):
    assert len(got) == len(wanted)
    for chunk, reference in zip(got, wanted, strict=True):
        for (token, _), expected in zip(chunk, reference["ids"], strict=True):
            if isinstance(expected, str):
                assert torch.equal(token, embedding_rows[expected])
            else:
                assert token == expected
        weights = reference["weights"] or [1.0] * len(chunk)
        assert all(_same_weight(weight, wanted) for (_, weight), wanted in zip(chunk, weights, strict=True))


def test_a_prompt_becomes_the_recorded_numbers(table, row, tokenizer, embedding_rows):
    prompt = row["prompt"]
    if table == "weights":
        got = parse_prompt(prompt)
        assert [text for text, _ in got] == [text for text, _ in row["segments"]]
        pairs = zip(got, row["segments"], strict=True)
        assert all(_same_weight(weight, wanted) for (_, weight), (_, wanted) in pairs)
        return
    if table == "word_ids":
        chunks = tokenizer.tokenize_with_weights(prompt, return_word_ids=True)["l"]
        assert [[slot[2] for slot in chunk] for chunk in chunks] == row["word_ids"]
        return
    options = {
        "sd1_tokens": {},
        "weighted_tokens": {},
        "embedding_tokens": {},
        "disable_weights": {"disable_weights": True},
    }[table]
    chunks = tokenizer.tokenize_with_weights(prompt, **options)["l"]
    _assert_chunks(chunks, row["chunks"], embedding_rows)
