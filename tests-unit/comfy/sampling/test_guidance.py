"""Guidance: the linear formula, hooks of model options, wrappers of patchers, interruption."""

from __future__ import annotations

import pytest
import torch
from toy_model import toy_patcher

from comfy import interruption
from comfy.memory import residency
from comfy.patching.wrappers import CallbacksMP, WrappersMP
from comfy.sampling import evaluation, registry, run
from comfy.sampling.guidance import CFGGuider, cfg_function, sampling_function

STEPS = 4


@pytest.fixture
def texts():
    generator = torch.Generator().manual_seed(3)
    return tuple([[torch.randn(1, 3, 5, generator=generator), {}]] for _ in range(2))


@pytest.fixture
def latent():
    return torch.zeros(2, 4, 6, 8)


def sample(patcher, texts, latent, cfg=5.0, **options):
    positive, negative = texts
    noise = run.prepare_noise(latent, 1)
    names = (STEPS, cfg, "euler", "normal", positive, negative, latent)
    return run.sample(patcher, noise, *names, seed=1, **options)


def test_both_sides_go_through_the_network_in_one_call(texts, latent):
    patcher = toy_patcher()
    sample(patcher, texts, latent)
    assert patcher.model.batches == [2 * latent.shape[0]] * STEPS


def test_scale_one_leaves_the_negative_side_out(texts, latent):
    patcher = toy_patcher()
    sample(patcher, texts, latent, cfg=1.0)
    assert patcher.model.batches == [latent.shape[0]] * STEPS


def test_scale_one_keeps_the_negative_side_when_a_hook_asks_for_it(texts, latent):
    patcher = toy_patcher()
    patcher.model_options["disable_cfg1_optimization"] = True
    sample(patcher, texts, latent, cfg=1.0)
    assert patcher.model.batches == [2 * latent.shape[0]] * STEPS


def test_cfg_function_is_linear_in_the_scale():
    cond, uncond, x = torch.ones(1, 1), torch.zeros(1, 1), torch.full((1, 1), 9.0)
    assert cfg_function(None, cond, uncond, 2.5, x, torch.ones(1)).item() == 2.5


def test_sampler_cfg_function_works_on_noise():
    x = torch.full((1, 1), 10.0)
    seen = {}

    def guide(args):
        seen.update(args)
        return args["uncond"] + 3.0 * (args["cond"] - args["uncond"])

    options = {"sampler_cfg_function": guide}
    found = cfg_function("model", torch.ones(1, 1), torch.zeros(1, 1), 3.0, x, torch.ones(1), options)
    assert found.item() == pytest.approx(3.0)
    assert seen["cond"].item() == 9.0 and seen["cond_denoised"].item() == 1.0 and seen["model"] == "model"


def test_post_cfg_functions_run_in_order_and_see_both_sides():
    def double(args):
        assert args["uncond_denoised"].item() == 0.0
        return args["denoised"] * 2

    def add(args):
        return args["denoised"] + 1

    options = {"sampler_post_cfg_function": [double, add]}
    x = torch.zeros(1, 1)
    assert cfg_function(None, torch.ones(1, 1), x, 1.0, x, torch.ones(1), options).item() == 3.0


def test_pre_cfg_function_replaces_the_outputs():
    x = torch.zeros(1, 1)
    options = {
        "sampler_calc_cond_batch_function": lambda args: [torch.full_like(args["input"], 4.0), args["input"]],
        "sampler_pre_cfg_function": [lambda args: [args["conds_out"][0] * 2, args["conds_out"][1]]],
    }
    assert sampling_function(None, x, torch.ones(1), [], [], 2.0, options).item() == 16.0


def test_model_function_wrapper_stands_around_the_network(texts, latent):
    patcher = toy_patcher()
    seen = []

    def wrapper(apply_model, args):
        seen.append((args["cond_or_uncond"], args["input"].shape[0], args["timestep"].shape[0]))
        return apply_model(args["input"], args["timestep"], **args["c"])

    patcher.set_model_unet_function_wrapper(wrapper)
    wrapped = sample(patcher, texts, latent)
    assert seen == [([0, 1], 4, 4)] * STEPS
    assert torch.equal(wrapped, sample(toy_patcher(), texts, latent))


def test_transformer_options_name_the_sides_and_levels(texts, latent):
    patcher = toy_patcher()
    seen = []

    def wrapper(apply_model, args):
        seen.append(args["c"]["transformer_options"])
        return apply_model(args["input"], args["timestep"], **args["c"])

    patcher.model_options["transformer_options"]["mine"] = "kept"
    patcher.set_model_unet_function_wrapper(wrapper)
    sample(patcher, texts, latent)
    assert seen[0]["mine"] == "kept"
    assert seen[0]["cond_or_uncond"] == [0, 1]
    assert len(set(seen[0]["uuids"])) == 2
    assert seen[0]["sigmas"].shape == (4,)


def test_wrappers_and_callbacks_of_the_patcher_take_part(texts, latent):
    patcher = toy_patcher()
    order = []

    def around(name):
        def wrapper(executor, *args, **kwargs):
            order.append(name)
            return executor(*args, **kwargs)

        return wrapper

    kinds = (
        WrappersMP.OUTER_SAMPLE,
        WrappersMP.PREPARE_SAMPLING,
        WrappersMP.SAMPLER_SAMPLE,
        WrappersMP.PREDICT_NOISE,
        WrappersMP.CALC_COND_BATCH,
    )
    for kind in kinds:
        patcher.add_wrapper(kind, around(kind))
    patcher.add_callback(CallbacksMP.ON_PRE_RUN, lambda _: order.append("pre_run"))
    patcher.add_callback(CallbacksMP.ON_CLEANUP, lambda _: order.append("cleanup"))
    sample(patcher, texts, latent)
    steps = [WrappersMP.PREDICT_NOISE, WrappersMP.CALC_COND_BATCH] * STEPS
    assert order == [kinds[0], kinds[1], "pre_run", kinds[2], *steps, "cleanup"]


def test_run_stops_between_steps_when_interrupted(texts, latent):
    patcher = toy_patcher()

    def stop(step, x0, x, total_steps):
        if step == 1:
            interruption.interrupt_current_processing()

    with pytest.raises(interruption.InterruptProcessingException):
        sample(patcher, texts, latent, callback=stop)
    assert len(patcher.model.batches) == 2
    assert not interruption.processing_interrupted()


def test_failed_run_leaves_no_state_behind(texts, latent):
    patcher = toy_patcher()
    options = patcher.model_options

    def fail(apply_model, args):
        raise ZeroDivisionError

    patcher.set_model_unet_function_wrapper(fail)
    guider = CFGGuider(patcher)
    guider.set_conds(*texts)
    sigmas = torch.tensor([1.0, 0.0])
    with pytest.raises(ZeroDivisionError):
        guider.sample(torch.ones_like(latent), latent, registry.sampler_object("euler"), sigmas)
    assert guider.model_options is options and guider.inner_model is None and guider.conds == {}
    assert "wrappers" not in options["transformer_options"]


def test_guider_without_levels_returns_the_start_latent(texts, latent):
    guider = CFGGuider(toy_patcher())
    guider.set_conds(*texts)
    sampler = registry.sampler_object("euler")
    assert guider.sample(torch.ones_like(latent), latent, sampler, torch.FloatTensor([])) is latent


def test_subclass_may_guide_on_its_own(texts, latent):
    class Positive(CFGGuider):
        def predict_noise(self, x, timestep, model_options=None, seed=None):
            return evaluation.calc_cond_batch(
                self.inner_model, [self.conds["positive"]], x, timestep, model_options
            )[0]

    guider = Positive(toy_patcher())
    guider.inner_set_conds({"positive": texts[0]})
    noise = run.prepare_noise(latent, 1)
    sigmas = run.KSampler(guider.model_patcher, STEPS, None, "euler", "normal").sigmas
    found = guider.sample(noise, latent, registry.sampler_object("euler"), sigmas, seed=1)
    assert torch.equal(found, sample(toy_patcher(), texts, latent, cfg=1.0))


def test_callers_levels_and_latents_stay_as_they_are(texts):
    latent = torch.ones(1, 4, 4, 4)
    sigmas = torch.tensor([5.0, 1.0, 0.0])
    patcher = toy_patcher()
    positive, negative = texts
    noise = run.prepare_noise(latent, 1)
    kept = noise.clone()
    sampler = registry.sampler_object("uni_pc")
    run.sample_custom(patcher, noise, 5.0, sampler, sigmas, positive, negative, latent, seed=1)
    assert sigmas.tolist() == [5.0, 1.0, 0.0]
    assert torch.equal(noise, kept) and torch.equal(latent, torch.ones_like(latent))


class Control:
    """What sampling expects of a control: told before the run, asked at each call, told after it."""

    def __init__(self, companion):
        self.companion, self.log = companion, []

    def get_models(self):
        return [self.companion]

    def inference_memory_requirements(self, dtype):
        return 0

    def pre_run(self, model, percent_to_sigma):
        self.log.append(("pre_run", percent_to_sigma(1.0)))

    def get_control(self, x, t, inputs, num_batches, transformer_options):
        self.log.append(("get_control", x.shape[0], num_batches, sorted(inputs)))
        return {"output": []}

    def cleanup(self):
        self.log.append(("cleanup",))


def test_control_on_one_side_steers_both(texts, latent):
    patcher, companion = toy_patcher(), toy_patcher()
    control = Control(companion)
    positive = [[texts[0][0][0], {"control": control}]]
    residency.unload_all_models()
    sample(patcher, (positive, texts[1]), latent)
    call = ("get_control", 4, 2, ["c_crossattn", "transformer_options"])
    assert control.log == [("pre_run", 0.0), *[call] * STEPS, ("cleanup",)]
    assert residency.loaded_models() == [patcher, companion]


def test_model_says_what_stands_in_the_kept_part(texts):
    patcher = toy_patcher()
    asked = []

    def scale_latent_inpaint(sigma, noise, latent_image, **kwargs):
        asked.append(sigma.shape)
        return latent_image

    patcher.model.scale_latent_inpaint = scale_latent_inpaint
    latent = torch.ones(2, 4, 6, 8)
    found = sample(patcher, texts, latent, noise_mask=torch.zeros(1, 48, 64))
    assert asked == [(2,)] * STEPS
    torch.testing.assert_close(found, latent)
