"""Whole runs by name: steps, start and end, start latents, masks, names of packs."""

from __future__ import annotations

import pytest
import torch
from toy_model import toy_patcher

from comfy.errors import SamplingError
from comfy.sampling import registry, run, samplers
from comfy.sampling.sampler import KSAMPLER

TEXT = [[torch.linspace(-1, 1, 15).view(1, 3, 5), {}]]
NEGATIVE = [[torch.linspace(1, 0, 15).view(1, 3, 5), {}]]


def sample(patcher, latent, steps=4, sampler="euler", scheduler="normal", seed=1, **options):
    noise = run.prepare_noise(latent, seed)
    return run.sample(
        patcher, noise, steps, 3.0, sampler, scheduler, TEXT, NEGATIVE, latent, seed=seed, **options
    )


@pytest.mark.parametrize("name", registry.SAMPLER_NAMES)
def test_equal_seeds_give_equal_latents_and_others_do_not(name):
    latent = torch.zeros(1, 4, 8, 8)
    first, again = (sample(toy_patcher(), latent, sampler=name) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, sample(toy_patcher(), latent, sampler=name, seed=2))


@pytest.mark.parametrize("name", registry.SAMPLER_NAMES)
def test_no_sampler_changes_the_latent_it_is_given(name):
    latent = torch.ones(1, 4, 4, 4)
    sample(toy_patcher(), latent, sampler=name, denoise=0.5)
    assert torch.equal(latent, torch.ones_like(latent))


@pytest.mark.parametrize("scheduler", registry.SCHEDULER_NAMES)
@pytest.mark.parametrize("prediction", ["eps", "v_prediction", "flow", "edm"])
def test_levels_fall_to_zero(prediction, scheduler):
    sigmas = run.KSampler(toy_patcher(prediction), 12, None, "euler", scheduler).sigmas
    assert sigmas[-1] == 0 and (sigmas[:-1] > sigmas[1:]).all()


def test_two_halves_of_a_run_equal_the_whole():
    latent = torch.zeros(1, 4, 8, 8)
    whole = sample(toy_patcher(), latent, steps=8)
    first = sample(toy_patcher(), latent, steps=8, last_step=5)
    nothing = torch.zeros_like(latent)
    names = (8, 3.0, "euler", "normal", TEXT, NEGATIVE, first)
    second = run.sample(toy_patcher(), nothing, *names, start_step=5, disable_noise=True)
    torch.testing.assert_close(second, whole)


def test_start_beyond_the_schedule_returns_the_start_latent():
    latent = torch.ones(1, 4, 4, 4)
    assert torch.equal(sample(toy_patcher(), latent, steps=4, start_step=4), latent)


def test_zero_denoise_returns_the_start_latent():
    latent = torch.ones(1, 4, 4, 4)
    assert torch.equal(sample(toy_patcher(), latent, denoise=0.0), latent)


@pytest.mark.parametrize("steps", [0, -3])
def test_steps_below_one_are_refused(steps):
    with pytest.raises(SamplingError, match=str(steps)):
        sample(toy_patcher(), torch.zeros(1, 4, 4, 4), steps=steps)


def test_unknown_names_are_refused_where_they_are_looked_up():
    with pytest.raises(SamplingError, match="'nope'"):
        registry.sampler_object("nope")
    with pytest.raises(SamplingError, match="'nope'"):
        registry.calculate_sigmas(toy_patcher().get_model_object("model_sampling"), "nope", 4)


def test_masked_part_keeps_the_latent_exactly():
    latent = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(5))
    mask = torch.zeros(1, 64, 64)
    mask[:, :, 32:] = 1.0
    found = sample(toy_patcher(), latent, noise_mask=mask, denoise=0.8)
    assert torch.equal(found[..., :3], latent[..., :3])
    assert not torch.isclose(found[..., 5:], latent[..., 5:]).any()


def test_denoise_mask_function_sees_levels_and_may_open_the_mask():
    latent = torch.ones(1, 4, 8, 8)
    seen = []

    def open_late(sigma, mask, extra_options):
        seen.append((sigma.shape, len(extra_options["sigmas"])))
        return torch.ones_like(mask)

    patcher = toy_patcher()
    patcher.set_model_denoise_mask_function(open_late)
    found = sample(patcher, latent, noise_mask=torch.zeros(1, 8, 8))
    assert seen == [((1,), 5)] * 4
    torch.testing.assert_close(found, sample(toy_patcher(), latent))


def test_empty_latent_takes_the_models_channels_and_axes():
    patcher = toy_patcher()
    patcher.model.latent_format.latent_channels = 16
    patcher.model.latent_format.latent_dimensions = 3
    assert run.fix_empty_latent_channels(patcher, torch.zeros(2, 4, 8, 6)).shape == (2, 16, 1, 8, 6)
    filled = torch.ones(2, 4, 8, 6)
    assert run.fix_empty_latent_channels(patcher, filled) is filled


def test_callback_gets_every_step_with_its_total():
    steps = []
    sample(
        toy_patcher(),
        torch.zeros(1, 4, 4, 4),
        callback=lambda i, x0, x, n: steps.append((i, n, x0.shape == x.shape)),
    )
    assert steps == [(i, 4, True) for i in range(4)]


def test_sampler_of_a_pack_is_found_by_its_name(monkeypatch):
    def sample_halves(model, x, sigmas, extra_args=None, callback=None, disable=None, factor=0.5):
        return x * factor

    monkeypatch.setattr(samplers, "sample_halves", sample_halves, raising=False)
    registry.SAMPLER_NAMES.append("halves")
    try:
        latent = torch.zeros(1, 4, 4, 4)
        sampler = run.KSampler(toy_patcher(), 4, None, "halves", "karras")
        found = sample(toy_patcher(), latent, sampler="halves", scheduler="karras")
        scaled = sampler.model.model.model_sampling.noise_scaling(
            sampler.sigmas[0], run.prepare_noise(latent, 1), latent, max_denoise=True
        )
        torch.testing.assert_close(found, scaled * 0.5)
    finally:
        registry.SAMPLER_NAMES.remove("halves")


def test_scheduler_of_a_pack_is_used(monkeypatch):
    handler = registry.SchedulerHandler(lambda model_sampling, steps: torch.tensor([3.0, 2.0, 0.0]))
    monkeypatch.setitem(registry.SCHEDULER_HANDLERS, "pack", handler)
    registry.SCHEDULER_NAMES.append("pack")
    try:
        assert run.KSampler(toy_patcher(), 9, None, "euler", "pack").sigmas.tolist() == [3.0, 2.0, 0.0]
    finally:
        registry.SCHEDULER_NAMES.remove("pack")


def test_options_reach_the_sampler_function():
    sampler = registry.ksampler("lms", {"order": 1})
    assert isinstance(sampler, KSAMPLER)
    latent = torch.zeros(1, 4, 4, 4)
    noise = run.prepare_noise(latent, 1)
    sigmas = torch.tensor([4.0, 2.0, 1.0, 0.5])
    common = (sigmas, TEXT, NEGATIVE, latent)
    first_order = run.sample_custom(toy_patcher(), noise, 3.0, sampler, *common)
    euler = run.sample_custom(toy_patcher(), noise, 3.0, registry.sampler_object("euler"), *common)
    torch.testing.assert_close(first_order, euler)


def test_lists_of_names_are_the_ones_that_packs_append_to():
    assert run.KSampler.SAMPLERS is registry.SAMPLER_NAMES
    assert run.KSampler.SCHEDULERS is registry.SCHEDULER_NAMES
