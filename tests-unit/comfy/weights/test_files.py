"""Files of weights: what is read, and how bad ones are refused."""

from __future__ import annotations

import json
import pickle
import struct

import pytest
import torch
from safetensors.torch import save_file

from comfy.errors import WeightsFileError
from comfy.weights.files import load_torch_file, read_safetensors_header, save_torch_file


def _write(path, header, data=b""):
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + data)
    return path


def test_tensors_and_metadata_come_back(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"w": torch.arange(6.0).view(2, 3)}, path, metadata={"who": "me"})
    tensors, metadata = load_torch_file(path, return_metadata=True)
    assert metadata == {"who": "me"}
    assert torch.equal(tensors["w"], torch.arange(6.0).view(2, 3))


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.float16, torch.bfloat16])
def test_types_stay_as_they_are_in_the_file(tmp_path, dtype):
    path = tmp_path / "a.safetensors"
    save_file({"w": torch.tensor([0.5, -1.75]).to(dtype)}, path)
    assert load_torch_file(path)["w"].dtype == dtype


def test_changing_a_tensor_leaves_the_file_alone(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"w": torch.zeros(4)}, path)
    before = path.read_bytes()
    load_torch_file(path)["w"].fill_(3.0)
    assert path.read_bytes() == before


def test_saving_copes_with_shared_and_strided_tensors(tmp_path):
    path = tmp_path / "a.safetensors"
    base = torch.arange(12.0).view(3, 4)
    save_torch_file({"a": base, "b": base, "t": base.T}, path, {"k": "v"})
    tensors, metadata = load_torch_file(path, return_metadata=True)
    assert metadata == {"k": "v"}
    assert torch.equal(tensors["b"], base)
    assert torch.equal(tensors["t"], base.T)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "too short"),
        (b"\x01\x02", "too short"),
        (struct.pack("<Q", 2**63) + b"{}", "header length"),
        (struct.pack("<Q", 100) + b"{}", "header length"),
        (struct.pack("<Q", 4) + b"}}}}", "not JSON"),
        (struct.pack("<Q", 4) + b"\xff\xfe\xfd\xfc", "not JSON"),
        (struct.pack("<Q", 2) + b"[]", "not a JSON object"),
        (struct.pack("<Q", 200_000) + b"[" * 200_000, "not JSON"),
    ],
)
def test_a_bad_header_is_named(tmp_path, content, word):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsFileError) as caught:
        load_torch_file(path)
    assert word in str(caught.value)
    assert caught.value.path == str(path)


def test_the_header_bound_is_an_argument(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"w": torch.zeros(4)}, path)
    with pytest.raises(WeightsFileError):
        read_safetensors_header(path, max_bytes=16)


@pytest.mark.parametrize(
    "header",
    [
        {"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}},  # no data behind it
        {"w": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}},
        {"w": {"dtype": "F32", "shape": [4], "data_offsets": [-16, 0]}},
        {"w": {"dtype": "F99", "shape": [4], "data_offsets": [0, 16]}},
        {"w": "x"},
        {"__metadata__": {"k": 1}},
        {"__metadata__": "text"},
    ],
)
def test_a_lying_header_is_refused(tmp_path, header):
    path = _write(tmp_path / "bad.safetensors", header)
    with pytest.raises(WeightsFileError) as caught:
        load_torch_file(path)
    assert caught.value.path == str(path)


def test_a_truncated_file_is_refused(tmp_path, tiny_checkpoint):
    path = tmp_path / "cut.safetensors"
    path.write_bytes(tiny_checkpoint.read_bytes()[:-100])
    with pytest.raises(WeightsFileError):
        load_torch_file(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsFileError) as caught:
        load_torch_file(tmp_path / "none.safetensors")
    assert "No such file" in str(caught.value)


@pytest.mark.parametrize("name", ["a\0b.safetensors", "x" * 5000, "."])
def test_impossible_names_are_file_errors_too(tmp_path, name):
    with pytest.raises(WeightsFileError):
        load_torch_file(f"{tmp_path}/{name}")


@pytest.mark.parametrize("name", ["a.ckpt", "a.pt", "a.pth", "a.bin"])
def test_a_pickle_of_tensors_is_read(tmp_path, name):
    path = tmp_path / name
    torch.save({"state_dict": {"w": torch.ones(2)}, "epoch": 3}, path)
    assert torch.equal(load_torch_file(path)["w"], torch.ones(2))


class Exploding:
    """Would run code if anybody unpickled it."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle ran code",))


@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, 2))])
def test_a_pickle_with_code_is_refused_and_not_run(tmp_path, save):
    path = tmp_path / "a.ckpt"
    save({"w": Exploding()}, path)
    with pytest.raises(WeightsFileError) as caught:
        load_torch_file(path, safe_load=False)
    assert caught.value.path == str(path)


def test_a_pickle_of_something_else_is_refused(tmp_path):
    path = tmp_path / "a.pt"
    torch.save([1, 2], path)
    with pytest.raises(WeightsFileError) as caught:
        load_torch_file(path)
    assert caught.value.found == "list"
