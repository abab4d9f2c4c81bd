"""Muon for the matrices of the UNet, AdamW for everything else.

Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"; Bernstein and Newhouse 2024,
arXiv 2409.20325 (orthogonalised updates); Loshchilov and Hutter 2019, arXiv 1711.05101 (AdamW).
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

#: Coefficients of the quintic Newton-Schulz iteration from the Muon note.
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
NEWTON_SCHULZ_STEPS = 5


def orthogonalised(matrices: Tensor) -> Tensor:
    """The nearest matrices with singular values about 1. Shape: (b,m,n) -> (b,m,n), bfloat16."""
    a, b, c = NEWTON_SCHULZ
    x = matrices.bfloat16()
    is_tall = x.shape[1] > x.shape[2]
    if is_tall:
        x = x.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if is_tall else x


class Muon(torch.optim.Optimizer):
    """Momentum, then an orthogonalised step for tensors seen as (out, rest) matrices; equal shapes go together."""

    def __init__(
        self, params: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """One update; gradients must be set."""
        for group in self.param_groups:
            by_shape: dict[tuple[int, ...], list[Tensor]] = {}
            for p in group["params"]:
                if p.grad is not None:
                    by_shape.setdefault(tuple(p.flatten(1).shape), []).append(p)
            for shape, params in by_shape.items():
                self._step_together(group, shape, params)

    def _step_together(self, group: dict[str, Any], shape: tuple[int, ...], params: list[Tensor]) -> None:
        lr, momentum, ahead = group["lr"], group["momentum"], []
        for p in params:
            state = self.state[p]
            if "mean" not in state:
                state["mean"] = torch.zeros_like(p)
            grad = torch.zeros_like(p) if p.grad is None else p.grad
            mean = state["mean"].lerp_(grad, 1 - momentum)
            ahead.append(grad.lerp(mean, momentum).flatten(1))
        rows, columns = shape
        for p, step in zip(params, orthogonalised(torch.stack(ahead)).float(), strict=True):
            p.mul_(1 - lr * group["weight_decay"])
            p.add_(step.view_as(p), alpha=-lr * max(1.0, rows / columns) ** 0.5)
