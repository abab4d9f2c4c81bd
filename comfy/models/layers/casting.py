"""Layers for packs that build networks: without initial weights, and casting their weights to the input on use.

Packs know them as `comfy.ops.disable_weight_init` and `comfy.ops.manual_cast`. A layer casts when its class or object
says `comfy_cast_weights`, or when functions stand in `weight_function` / `bias_function`; these see the cast weight.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from comfy.memory.casting import cast_to
from comfy.models.layers import bare

TensorFunction = Callable[[Tensor], Tensor]


class CastWeightBiasOp:
    """What makes a layer cast: its class attributes are the defaults, objects may have their own."""

    comfy_cast_weights: bool = False
    weight_function: ClassVar[Any] = ()
    bias_function: ClassVar[Any] = ()

    @property
    def casts(self) -> bool:
        """Whether the next call casts."""
        return bool(self.comfy_cast_weights or len(self.weight_function) or len(self.bias_function))


def cast_to_input(weight: Tensor, input: Tensor, non_blocking: bool = False, copy: bool = True) -> Tensor:
    """A weight in the type and on the device of an input."""
    return cast_to(weight, input.dtype, input.device, non_blocking=non_blocking, copy=copy)


def cast_bias_weight(
    s: Any,
    input: Tensor | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
    bias_dtype: torch.dtype | None = None,
) -> tuple[Tensor, Tensor | None]:
    """A layer's weight and bias as an input needs them, after the layer's functions.

    Type and device are those of `input` unless given.
    """
    if input is not None:
        dtype, device = dtype or input.dtype, device or input.device
    weight = cast_to(s.weight, dtype, device)
    for function in s.weight_function:
        weight = function(weight)
    bias = getattr(s, "bias", None)
    if bias is not None:
        bias = cast_to(bias, bias_dtype or dtype, device)
        for function in s.bias_function:
            bias = function(bias)
    return weight, bias


class Linear(CastWeightBiasOp, bare.Linear):
    """`nn.Linear`."""

    def forward(self, input: Tensor) -> Tensor:
        """Shape: (...,in) to (...,out)."""
        if not self.casts:
            return super().forward(input)
        return functional.linear(input, *cast_bias_weight(self, input))


class _Conv(CastWeightBiasOp):
    def reset_parameters(self) -> None:
        """Nothing: a file's weights follow."""

    def forward(self: Any, input: Tensor) -> Tensor:
        """Shape: as torch's layer of the same name."""
        weight, bias = cast_bias_weight(self, input) if self.casts else (self.weight, self.bias)
        return self._conv_forward(input, weight, bias)


class Conv1d(_Conv, nn.Conv1d):
    """`nn.Conv1d`."""


class Conv2d(_Conv, nn.Conv2d):
    """`nn.Conv2d`."""


class Conv3d(_Conv, nn.Conv3d):
    """`nn.Conv3d`."""


class _ConvTranspose(CastWeightBiasOp):
    function: ClassVar[Callable[..., Tensor]]
    axes: ClassVar[int]

    def reset_parameters(self) -> None:
        """Nothing: a file's weights follow."""

    def forward(self: Any, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Shape: as torch's layer of the same name."""
        if not self.casts:
            return super().forward(input, output_size)  # type: ignore[misc]  # torch's forward behind the mixin
        padding = self._output_padding(
            input, output_size, self.stride, self.padding, self.kernel_size, self.axes, self.dilation
        )
        weight, bias = cast_bias_weight(self, input)
        return type(self).function(
            input, weight, bias, self.stride, self.padding, padding, self.groups, self.dilation
        )


class ConvTranspose1d(_ConvTranspose, nn.ConvTranspose1d):
    """`nn.ConvTranspose1d`."""

    function = staticmethod(functional.conv_transpose1d)
    axes = 1


class ConvTranspose2d(_ConvTranspose, nn.ConvTranspose2d):
    """`nn.ConvTranspose2d`."""

    function = staticmethod(functional.conv_transpose2d)
    axes = 2


class GroupNorm(CastWeightBiasOp, bare.GroupNorm):
    """`nn.GroupNorm`."""

    def forward(self, input: Tensor) -> Tensor:
        """Shape: (B,C,...), kept."""
        if not self.casts:
            return super().forward(input)
        return functional.group_norm(input, self.num_groups, *cast_bias_weight(self, input), self.eps)


class LayerNorm(CastWeightBiasOp, bare.LayerNorm):
    """`nn.LayerNorm`."""

    def forward(self, input: Tensor) -> Tensor:
        """Shape: (...,width), kept."""
        if not self.casts or not self.elementwise_affine:
            return super().forward(input)
        weight, bias = cast_bias_weight(self, input)
        return functional.layer_norm(input, self.normalized_shape, weight, bias, self.eps)


class RMSNorm(CastWeightBiasOp, nn.RMSNorm):
    """`nn.RMSNorm`."""

    def reset_parameters(self) -> None:
        """Nothing: a file's weights follow."""

    def forward(self, input: Tensor) -> Tensor:
        """Shape: (...,width), kept."""
        if not self.casts or not self.elementwise_affine:
            return super().forward(input)
        weight, _ = cast_bias_weight(self, input)
        return functional.rms_norm(input, self.normalized_shape, weight, self.eps)


class Embedding(CastWeightBiasOp, bare.Embedding):
    """`nn.Embedding`; `out_dtype` is the type of the result."""

    def forward(self, input: Tensor, out_dtype: torch.dtype | None = None) -> Tensor:
        """Shape: (...) integers to (...,width)."""
        weight = self.weight
        if self.casts:
            weight, _ = cast_bias_weight(self, device=input.device, dtype=out_dtype)
        rows = functional.embedding(
            input,
            weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )
        return rows if out_dtype is None else rows.to(out_dtype)
