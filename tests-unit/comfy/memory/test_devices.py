"""Devices, number formats and casting on a machine that computes on its CPU."""

from __future__ import annotations

import pytest
import torch

from comfy.memory import casting, devices, dtypes


@pytest.fixture(autouse=True)
def cpu_only():
    before = devices.settings
    devices.configure(devices.DeviceSettings(cpu_only=True))
    yield
    devices.configure(before)


def test_everything_is_on_the_cpu():
    places = (
        devices.get_torch_device,
        devices.intermediate_device,
        devices.unet_offload_device,
        devices.text_encoder_device,
        devices.text_encoder_offload_device,
        devices.vae_device,
        devices.vae_offload_device,
    )
    assert {place() for place in places} == {torch.device("cpu")}
    assert devices.cpu_mode() and not devices.is_nvidia() and not devices.is_amd()


def test_free_memory_is_part_of_all_memory():
    free, torch_free = devices.get_free_memory(None, torch_free_too=True)
    total, torch_total = devices.get_total_memory(None, torch_total_too=True)
    assert 0 < free <= total == torch_total and torch_free == free
    assert devices.get_total_memory() == total


@pytest.mark.parametrize(
    ("device", "kind"), [("cpu", "cpu"), (torch.device("cuda:1"), "cuda"), ("mps", "mps")]
)
def test_kinds_of_devices(device, kind):
    answers = {
        "cpu": devices.is_device_cpu(device),
        "cuda": devices.is_device_cuda(device),
        "mps": devices.is_device_mps(device),
        "xpu": devices.is_device_xpu(device),
    }
    assert answers == {name: name == kind for name in answers}
    assert not devices.is_device_type(None, kind)


def test_cpu_computes_in_float32():
    assert dtypes.unet_dtype() == dtypes.text_encoder_dtype() == torch.float32
    assert dtypes.vae_dtype(None, [torch.float16, torch.bfloat16]) == torch.float32
    assert not dtypes.should_use_fp16() and not dtypes.should_use_bf16() and not dtypes.supports_fp8_compute()


def test_half_weights_are_computed_in_float32_there():
    assert dtypes.unet_manual_cast(torch.float16, torch.device("cpu")) == torch.float32
    assert dtypes.unet_manual_cast(torch.float32, torch.device("cpu")) is None


def test_8_bit_weights_are_kept():
    assert dtypes.unet_dtype(weight_dtype=torch.float8_e4m3fn) == torch.float8_e4m3fn
    assert dtypes.dtype_size(torch.float8_e4m3fn) == 1


def test_casting_to_the_same_gives_the_very_tensor():
    tensor = torch.ones(2)
    assert casting.cast_to(tensor, torch.float32, "cpu") is tensor
    assert casting.cast_to(tensor, torch.float32, "cpu", copy=True) is not tensor
    assert casting.cast_to_device(tensor, "cpu", torch.float16).dtype == torch.float16
    assert casting.get_offload_stream("cpu") is None
