"""Doors that are written to: assignments reach the homes, and what runs there."""

from __future__ import annotations

import importlib

import pytest
import torch
from toy_model import toy_patcher

from comfy import _facade
from comfy.sampling import run


@pytest.mark.parametrize("door", sorted(_facade.FORWARDED))
def test_every_listed_name_is_its_homes_own(door):
    module = importlib.import_module(door)
    for home, names in _facade.FORWARDED[door].items():
        for entry in names.split():
            outside, _, inside = entry.partition("=")
            if not outside.endswith("*"):
                # Equality, because variables such as total_ram are computed when asked for.
                assert getattr(module, outside) == getattr(importlib.import_module(home), inside or outside)


def test_wrapped_schedule_is_what_a_run_uses(monkeypatch):
    import comfy.samplers

    original = comfy.samplers.calculate_sigmas
    monkeypatch.setattr(comfy.samplers, "calculate_sigmas", lambda *args: original(*args) * 2)
    sigmas = run.KSampler(toy_patcher(), 4, None, "euler", "karras").sigmas
    monkeypatch.undo()
    torch.testing.assert_close(sigmas, run.KSampler(toy_patcher(), 4, None, "euler", "karras").sigmas * 2)
    assert comfy.samplers.calculate_sigmas is original


def test_sampler_set_on_the_door_is_found_by_name(monkeypatch):
    import comfy.k_diffusion.sampling
    from comfy.sampling import registry

    def sample_mine(model, x, sigmas, **options):
        return x

    monkeypatch.setattr(comfy.k_diffusion.sampling, "sample_mine", sample_mine, raising=False)
    assert registry.sampler_function("mine") is sample_mine


def test_variables_are_read_where_they_change():
    import comfy.model_management
    from comfy.memory import devices

    before = devices.settings
    try:
        devices.configure(devices.DeviceSettings(cpu_only=True))
        assert comfy.model_management.vram_state is devices.VRAMState.DISABLED
        assert comfy.model_management.cpu_state is devices.CPUState.CPU
    finally:
        devices.configure(before)


def test_other_names_stay_with_the_door():
    import comfy.samplers

    comfy.samplers.some_packs_flag = 3
    assert comfy.samplers.some_packs_flag == 3
    del comfy.samplers.some_packs_flag
    with pytest.raises(AttributeError, match="some_packs_flag"):
        _ = comfy.samplers.some_packs_flag


def test_packs_join_predictions_and_tables():
    from comfy import model_sampling

    class Joined(model_sampling.ModelSamplingDiscrete, model_sampling.V_PREDICTION):
        pass

    class Config:
        sampling_settings = {"zsnr": True}

    joined = Joined(Config())
    assert float(joined.sigma_max) > 4000
    x, out = torch.ones(1, 4, 2, 2), torch.zeros(1, 4, 2, 2)
    torch.testing.assert_close(joined.calculate_denoised(torch.ones(1), out, x), x / 2)
