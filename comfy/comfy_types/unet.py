"""Words for packs that wrap the denoiser: `model.set_model_unet_function_wrapper(f)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypedDict

from torch import Tensor


class UnetApplyFunction(Protocol):
    """The denoiser as a wrapper sees it."""

    def __call__(self, x: Tensor, t: Tensor, **kwargs: Any) -> Tensor:
        """x (b,c,h,w) and t (b,) give a tensor like x."""


class UnetApplyConds(TypedDict, total=False):
    """Conditions passed on to the denoiser."""

    c_concat: Tensor
    c_crossattn: Tensor
    control: Tensor
    transformer_options: dict[str, Any]


class UnetParams(TypedDict):
    """What a wrapper gets beside the denoiser; `cond_or_uncond` has 0 for cond and 1 for uncond per part."""

    input: Tensor
    timestep: Tensor
    c: UnetApplyConds
    cond_or_uncond: list[int]


UnetWrapperFunction = Callable[[UnetApplyFunction, UnetParams], Tensor]
