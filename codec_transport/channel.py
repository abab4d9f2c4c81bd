"""Where a graph hands its latents over: the channel between `EmitLatents` and whoever listens.

The engine's thread emits, the server's loop listens; neither waits for the other. A latent that nobody
listens to is kept for `GET /codec/latents/{prompt_id}` within a byte budget, oldest dropped first. Samples
stay in ComfyUI's convention (after `process_out`); the endpoint applies the space's own scale before
encoding (wire spec 7.1).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

KEPT_BYTES = 256 * 1024 * 1024
"""Latents of finished prompts kept for later encoding: 4096 pictures of 4x64x64 in float32."""


@dataclass(frozen=True, slots=True)
class EmittedLatent:
    """One LATENT that a graph emitted.

    `samples`: tensor (B,C,H,W) or (B,C,T,H,W), float, as LATENT dicts hold it. `latent_space` is "" when the
    graph left it to the model family. `frame_rate` in frames per second, 0 = a picture.
    """

    prompt_id: str
    channel: str
    samples: Any
    latent_space: str
    pipeline: str
    frame_rate: float

    @property
    def size_bytes(self) -> int:
        """Memory that the samples hold."""
        return int(self.samples.numel() * self.samples.element_size())


Listener = Callable[[EmittedLatent], None]


class LatentChannels:
    """Listeners by (prompt id, channel) and the latents nobody listened to. Safe from any thread."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[tuple[str, str], Listener] = {}
        self._kept: OrderedDict[tuple[str, str], EmittedLatent] = OrderedDict()
        self._kept_bytes = 0
        self._budget_bytes = kept_bytes

    def listen(self, prompt_id: str, channel: str, deliver: Listener) -> None:
        """Calls `deliver` in the emitting thread for each latent of that channel, instead of keeping it."""
        with self._lock:
            self._listeners[(prompt_id, channel)] = deliver

    def forget(self, prompt_id: str, channel: str) -> None:
        """Ends listening; unknown channels are fine."""
        with self._lock:
            self._listeners.pop((prompt_id, channel), None)

    def emit(self, latent: EmittedLatent) -> None:
        """Delivers a latent to its listener, or keeps it."""
        key = (latent.prompt_id, latent.channel)
        with self._lock:
            listener = self._listeners.get(key)
            if listener is None:
                self._keep(key, latent)
        if listener is not None:
            listener(latent)

    def kept(self, prompt_id: str, channel: str = "default") -> EmittedLatent | None:
        """The last latent of a channel that nobody listened to, if the budget still holds it."""
        with self._lock:
            return self._kept.get((prompt_id, channel))

    def _keep(self, key: tuple[str, str], latent: EmittedLatent) -> None:
        previous = self._kept.pop(key, None)
        if previous is not None:
            self._kept_bytes -= previous.size_bytes
        self._kept[key] = latent
        self._kept_bytes += latent.size_bytes
        while self._kept_bytes > self._budget_bytes and self._kept:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= oldest.size_bytes


channels = LatentChannels()
"""The process's channels: nodes are made by class and cannot be handed an instance."""
