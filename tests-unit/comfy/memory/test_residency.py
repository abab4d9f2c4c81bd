"""Which models are on the device: order of use, clones with other patches, models that nobody holds."""

from __future__ import annotations

import gc

import pytest
import torch

from comfy.memory import residency
from comfy.patching.patcher import ModelPatcher

CPU = torch.device("cpu")


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.layer.weight.fill_(1.0)


@pytest.fixture(autouse=True)
def nothing_loaded():
    residency.unload_all_models()
    yield
    residency.unload_all_models()


def patcher():
    return ModelPatcher(Net(), CPU, CPU)


def patched(original, amount):
    clone = original.clone()
    clone.add_patches({"layer.weight": (torch.full((2, 2), amount),)})
    return clone


def test_last_used_models_stand_first():
    first, second = patcher(), patcher()
    residency.load_models_gpu([first, second])
    residency.load_model_gpu(first)
    assert residency.loaded_models() == [first, second]


def test_clone_takes_the_place_of_the_one_it_shares_weights_with():
    original = patcher()
    clone = patched(original, 0.5)
    residency.load_model_gpu(original)
    residency.load_model_gpu(clone)
    assert residency.loaded_models() == [clone]
    assert original.model.layer.weight[0, 0].item() == 1.5
    residency.load_model_gpu(original)
    assert residency.loaded_models() == [original]
    assert original.model.layer.weight[0, 0].item() == 1.0


def test_forgotten_clone_does_not_leave_its_patches():
    original = patcher()
    residency.load_model_gpu(patched(original, 0.5))
    gc.collect()
    residency.load_model_gpu(original)
    assert residency.loaded_models() == [original]
    assert original.model.layer.weight[0, 0].item() == 1.0


def test_models_that_nobody_holds_are_forgotten():
    residency.load_model_gpu(patcher())
    residency.cleanup_models_gc()
    assert residency.current_loaded_models == []


def test_room_is_made_by_the_least_recently_used():
    models = [patcher() for _ in range(3)]
    for model in models:
        residency.load_model_gpu(model)
    keep = residency.current_loaded_models[1]
    gone = residency.free_memory(float("inf"), CPU, keep_loaded=[keep])
    assert [loaded.model for loaded in gone] == [models[0], models[2]]
    assert residency.loaded_models() == [models[1]]


def test_enough_room_moves_nobody():
    model = patcher()
    residency.load_model_gpu(model)
    assert residency.free_memory(0, CPU) == []
    assert residency.loaded_models() == [model]


def test_sizes_count_all_weights():
    net = Net()
    assert residency.module_size(net) == 16
    loaded = residency.LoadedModel(ModelPatcher(net, CPU, CPU))
    assert (loaded.model_memory(), loaded.model_offloaded_memory()) == (0, 0)  # its patcher is gone


def test_list_is_changed_in_place():
    kept = residency.current_loaded_models
    model = patcher()
    residency.load_model_gpu(model)
    residency.unload_all_models()
    assert residency.current_loaded_models is kept == []


def test_models_used_in_turns_are_loaded_together():
    first, second = patcher(), patcher()
    assert residency.load_together([first, second, first])
    assert set(residency.loaded_models()) == {first, second}


def test_models_that_do_not_fit_together_are_left_alone(monkeypatch):
    monkeypatch.setattr(
        residency.devices, "get_total_memory", lambda device: residency.minimum_inference_memory() + 20
    )
    far = torch.device("meta")
    models = [ModelPatcher(Net(), far, CPU) for _ in range(2)]
    assert not residency.load_together(models)
    assert residency.loaded_models() == []
