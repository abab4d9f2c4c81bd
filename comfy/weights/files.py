"""Reading and writing files of weights without trusting them.

Safetensors files are checked header first (bounded, typed errors) and then memory-mapped, so a tensor costs memory
only when it is touched. Pickles go through torch's weights-only reader and nothing else. What the keys mean is
decided in `comfy.weights.detect`.
"""

from __future__ import annotations

import json
import os
import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from comfy.errors import WeightsFileError

StateDict = dict[str, Tensor]

MAX_HEADER_BYTES = 100 * 1024 * 1024
"""Largest header accepted. The format's own readers stop here too; real headers are below 2 MB."""

SAFETENSORS_SUFFIXES = (".safetensors", ".sft")
PICKLE_SUFFIXES = (".ckpt", ".pt", ".pt2", ".pth", ".bin")

_NO_METADATA: dict[str, str] = {}
_LENGTH_FIELD_BYTES = 8


def read_safetensors_header(
    path: str | os.PathLike[str], max_bytes: int = MAX_HEADER_BYTES
) -> dict[str, Any]:
    """The parsed header of a safetensors file: tensor name to dtype, shape and offsets, and `__metadata__`.

    Raises: WeightsFileError when the file is missing, too short, or its header is no bounded JSON object.
    Source: safetensors format document (8 bytes little-endian length, JSON, data).
    """
    name = os.fspath(path)
    if "\0" in name:
        raise WeightsFileError("is no name a file can have", path=name)
    try:
        size_bytes = os.stat(path).st_size
        with open(path, "rb") as file:
            field = file.read(_LENGTH_FIELD_BYTES)
            if len(field) < _LENGTH_FIELD_BYTES:
                raise WeightsFileError(
                    "too short to be a safetensors file", path=name, found=f"{size_bytes} bytes"
                )
            (length,) = struct.unpack("<Q", field)
            if length > max_bytes or _LENGTH_FIELD_BYTES + length > size_bytes:
                raise WeightsFileError(
                    "header length does not fit the file",
                    path=name,
                    expected=f"at most {min(max_bytes, size_bytes - _LENGTH_FIELD_BYTES)} bytes",
                    found=f"{length} bytes",
                )
            raw = file.read(length)
    except OSError as error:
        raise WeightsFileError(f"cannot be read: {error.strerror or error}", path=name) from error
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise WeightsFileError("header is not JSON", path=name, found=type(error).__name__) from error
    if not isinstance(header, dict):
        raise WeightsFileError(
            "header is not a JSON object", path=name, expected="object", found=type(header).__name__
        )
    return header


def load_torch_file(
    ckpt: str | os.PathLike[str],
    safe_load: bool = False,
    device: torch.device | str | None = None,
    return_metadata: bool = False,
) -> Any:
    """The tensors of a file of weights by name; with `return_metadata` a pair with the file's string metadata.

    Tensors of safetensors files on the CPU are views of the mapped file (private, copied on write): they stay valid
    after the file is deleted, not after it is overwritten in place. Types are the file's, 8-bit floats included.
    `safe_load` is accepted and ignored: loading is always safe.
    Raises: WeightsFileError.
    """
    target = torch.device(device) if device is not None else torch.device("cpu")
    suffix = Path(os.fspath(ckpt)).suffix.lower()
    if suffix in PICKLE_SUFFIXES:
        tensors, metadata = _load_pickle(ckpt, target), _NO_METADATA
    else:
        tensors, metadata = _load_safetensors(ckpt, target)
    return (tensors, dict(metadata)) if return_metadata else tensors


def save_torch_file(
    sd: Mapping[str, Tensor], ckpt: str | os.PathLike[str], metadata: Mapping[str, str] | None = None
) -> None:
    """Writes a safetensors file; tensors that share memory or are strided are copied first."""
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in sd.items()}
    storages: set[int] = set()
    for key, tensor in tensors.items():
        if tensor.untyped_storage().data_ptr() in storages:
            tensors[key] = tensor.clone()
        storages.add(tensor.untyped_storage().data_ptr())
    save_file(tensors, os.fspath(ckpt), metadata=dict(metadata) if metadata else None)


def _load_safetensors(path: str | os.PathLike[str], device: torch.device) -> tuple[StateDict, dict[str, str]]:
    name = os.fspath(path)
    header = read_safetensors_header(path)
    metadata = header.get("__metadata__") or {}
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise WeightsFileError("metadata is not a map of strings", path=name, key="__metadata__")
    key = ""
    tensors: StateDict = {}
    try:
        with safe_open(name, framework="pt", device=str(device)) as file:
            for key in file.keys():  # noqa: SIM118 - safe_open is no mapping, it only has keys()
                tensors[key] = file.get_tensor(key)
    except (SafetensorError, OSError, RuntimeError, ValueError) as error:
        raise WeightsFileError(f"is not a sound safetensors file: {error}", path=name, key=key) from error
    return tensors, metadata


def load_pickle(path: str | os.PathLike[str], device: torch.device | str = "cpu") -> Any:
    """The content of a torch file read with `weights_only`: tensors and plain containers, no code.

    Raises: WeightsFileError.
    """
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsFileError(
            f"is not a checkpoint of plain tensors: {reason}", path=os.fspath(path)
        ) from error


def _load_pickle(path: str | os.PathLike[str], device: torch.device) -> StateDict:
    """The tensors of a torch checkpoint by name."""
    name = os.fspath(path)
    content = load_pickle(path, device)
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise WeightsFileError(
            "holds no table of tensors", path=name, expected="mapping", found=type(content).__name__
        )
    return {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
