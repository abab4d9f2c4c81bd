"""Short names of tensor types as users write them in settings and widgets."""

from __future__ import annotations

import torch

_BY_NAME = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def string_to_torch_dtype(string: str) -> torch.dtype | None:
    """The type of a short name: fp32, fp16, bf16; None for any other."""
    return _BY_NAME.get(string)
