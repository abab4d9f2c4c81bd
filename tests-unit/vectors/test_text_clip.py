"""Family text_clip: conditioning and pooled vectors of CLIP text encoders. Today: SD1 (CLIP-L)."""

from __future__ import annotations

import pytest
import torch

from comfy.text.clip_l import build_clip_l

FAMILY = "text_clip"
TOLERANCE = {"atol": 2e-5, "rtol": 1e-4}  # README


def _cases(config):
    harness = next(p for p in config.pluginmanager.get_plugins() if hasattr(p, "family_of"))
    files = harness.family_of(config, FAMILY)
    if not files.exists:
        return [pytest.param(None, marks=pytest.mark.skip(reason="no such vectors"))]
    names = sorted({name.rsplit("/", 1)[0] for name in files.tensors()})
    others = {name.split("/")[0]: name for name in names if not name.startswith("sd1/")}
    missing = pytest.mark.xfail(
        reason="CLIP-G and the SDXL pair of encoders are not built yet", raises=KeyError
    )
    return [
        *[name for name in names if name.startswith("sd1/")],
        *[pytest.param(name, marks=missing, id=kind) for kind, name in sorted(others.items())],
    ]


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", _cases(metafunc.config))


@pytest.fixture(scope="module")
def files(family):
    return family(FAMILY)


@pytest.fixture(scope="module")
def tensors(files):
    return files.tensors()


@pytest.fixture(scope="module")
def encoders(files):
    """The CLIP object of each kind of model that is built."""
    config = files.json()
    clip_l = build_clip_l(
        files.tensors("state_clip_l.safetensors"),
        heads=config["clip_l"]["num_attention_heads"],
        embedding_directories=[files.path / config["embeddings_from"]],
    )
    return {"sd1": clip_l}


def _encode(clip, prompt, option):
    """(cond, pooled) under a layer number, or with the pooled vector projected or not."""
    clip = clip.clone()
    if option.startswith("layer"):
        clip.clip_layer(int(option.removeprefix("layer")))
    if option != "projected_pooled":
        pooled = "unprojected" if option == "unprojected" else True
        return clip.encode_from_tokens(clip.tokenize(prompt), return_pooled=pooled)
    model = clip.cond_stage_model
    model.set_clip_options({"projected_pooled": True})
    try:
        return model.encode_token_weights(clip.tokenize(prompt))
    finally:
        model.reset_clip_options()


def test_an_encoded_prompt_equals_the_reference(case, files, tensors, encoders):
    kind, number, option = case.split("/")
    got = dict(
        zip(
            ("cond", "pooled"),
            _encode(encoders[kind], files.json()["prompts"][number], option),
            strict=True,
        )
    )
    wanted = {name: tensors[f"{case}/{name}"] for name in got if f"{case}/{name}" in tensors}
    assert wanted
    for name, tensor in wanted.items():
        torch.testing.assert_close(got[name], tensor, **TOLERANCE)
