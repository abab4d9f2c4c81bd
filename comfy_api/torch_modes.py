"""torch's per-thread modes, saved and set around every step of a stream: a sink may give way inside `no_grad`."""

from __future__ import annotations

from typing import Any


class TorchModes:
    """Grad mode, inference mode and current CUDA device (`comfy_execution.streaming.policy.ThreadModes`)."""

    def __init__(self) -> None:
        self._guards: dict[bool, Any] = {}
        """Entered inference guards by the mode that leaving them brings back: at most one of each kind."""

    def capture(self) -> tuple[bool, bool, int | None]:
        """(grad, inference, device index or None where CUDA is not in use)."""
        import torch

        device = torch.cuda.current_device() if torch.cuda.is_initialized() else None
        return torch.is_grad_enabled(), torch.is_inference_mode_enabled(), device

    def apply(self, modes: tuple[bool, bool, int | None]) -> None:
        """Sets what differs from now."""
        import torch

        grad, inference, device = modes
        now = torch.is_inference_mode_enabled()
        if now != inference:
            guard = self._guards.pop(inference, None)
            if guard is not None:
                guard.__exit__(None, None, None)
            else:
                self._guards[now] = torch.inference_mode(inference)
                self._guards[now].__enter__()
        if torch.is_grad_enabled() != grad:
            torch.set_grad_enabled(grad)
        if device is not None and torch.cuda.current_device() != device:
            torch.cuda.set_device(device)
