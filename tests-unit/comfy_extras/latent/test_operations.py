"""Operations on latents, beside their golden cases."""

from __future__ import annotations

import pytest
import torch
from toy_model import toy_patcher

from comfy.sampling import run
from comfy_extras.latent.operations import (
    LatentApplyOperationCFG,
    LatentOperationSharpen,
    LatentOperationTonemapReinhard,
    sharpened,
    tonemapped,
)


def test_tone_mapping_keeps_directions_and_never_lengthens():
    latent = torch.randn(2, 4, 5, 6)
    mapped = tonemapped(latent, 1.0)
    assert (torch.linalg.vector_norm(mapped, dim=1) <= torch.linalg.vector_norm(latent, dim=1) + 1e-6).all()
    torch.testing.assert_close(torch.cosine_similarity(mapped, latent, dim=1), torch.ones(2, 5, 6))


def test_sharpening_by_nothing_and_of_a_flat_latent_changes_nothing():
    latent = torch.randn(1, 4, 8, 8)
    torch.testing.assert_close(sharpened(latent, 2, 1.0, 0.0), latent)
    flat = torch.randn(1, 4, 1, 1).expand(1, 4, 8, 8)
    torch.testing.assert_close(sharpened(flat, 2, 1.0, 0.5), flat, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("cfg", [1.0, 5.0])
def test_an_operation_acts_at_every_step_of_a_clone_with_and_without_negative_prompt(cfg):
    model = toy_patcher("eps")
    calls = []
    (patched,) = LatentApplyOperationCFG.execute(model, lambda latent: calls.append(1) or latent * 0.5).result
    latent = torch.zeros(1, 4, 4, 4)
    cond = [[torch.ones(1, 3, 5), {}]]
    common = (run.prepare_noise(latent, 1), 3, cfg, "euler", "normal", cond, cond, latent)
    plain = run.sample(model, *common)
    assert calls == []
    run.sample(patched, *common)
    assert len(calls) == 3
    torch.testing.assert_close(run.sample(model, *common), plain)


def test_operations_take_what_later_callers_may_add():
    latent = torch.randn(1, 4, 8, 8)
    for node, arguments in (
        (LatentOperationSharpen, (2, 1.0, 0.1)),
        (LatentOperationTonemapReinhard, (1.0,)),
    ):
        (operation,) = node.execute(*arguments).result
        assert torch.equal(operation(latent=latent), operation(latent=latent, sigma=3.0))
