"""Where a graph hands its latents over: the channel between `EmitLatents` and whoever listens.

The engine's thread emits, the server's loop listens. A whole latent is one `EmittedLatent`; a stream is
several, in order, of which only the last says `is_last`. A listener may make the emitter of a stream wait
(that is the back-pressure of a slow socket) and raises `ListenerGoneError` when nobody reads any more.

A whole latent is also kept for `GET /codec/latents/{prompt_id}` within a byte budget, oldest dropped
first, whether somebody listened or not; a stream only when nobody listened, because whoever streams wants
memory to stay flat. Samples stay in ComfyUI's convention (after `process_out`); the endpoint applies the
space's own scale before encoding (wire spec 7.1).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

KEPT_BYTES = 256 * 1024 * 1024
"""Latents of finished prompts kept for later encoding: 4096 pictures of 4x64x64 in float32."""

MAX_KEPT = 10_000
"""Entries, whatever their size: as many as the history holds."""

DEFAULT_CHANNEL = "default"


@dataclass(frozen=True, slots=True)
class EmittedLatent:
    """One LATENT that a graph emitted, or one part of a stream of them.

    `samples`: tensor (B,C,H,W) or (B,C,T,H,W), float, as LATENT dicts hold it; never written to after it was
    emitted. `latent_space` is "" when the graph left it to the model family. `frame_rate` in frames per
    second, 0 = a picture. `is_last`: False while further parts of the same stream follow. Whoever does not
    know the end in advance holds one part back, because the last frame on the wire has to say so.
    """

    prompt_id: str
    channel: str
    samples: Any
    latent_space: str
    pipeline: str
    frame_rate: float
    is_last: bool = True

    @property
    def size_bytes(self) -> int:
        """Memory that the samples hold."""
        return int(self.samples.numel() * self.samples.element_size())


Listener = Callable[[EmittedLatent], None]
"""Called in the emitting thread. May block while its own buffer is full. Raises: ListenerGoneError."""

_Key = tuple[str, str]


@dataclass(slots=True)
class _Kept:
    """What one channel emitted last. is_open: more parts follow. is_whole: nothing of it was left out."""

    parts: list[EmittedLatent] = field(default_factory=list)
    is_open: bool = False
    is_whole: bool = True


class LatentChannels:
    """Listeners by (prompt id, channel), and what was emitted last on each. Safe from any thread."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[_Key, Listener] = {}
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._kept_bytes = 0
        self._budget_bytes = kept_bytes

    def listen(self, prompt_id: str, channel: str, deliver: Listener) -> None:
        """Calls `deliver` in the emitting thread for each latent of that channel."""
        with self._lock:
            self._listeners[(prompt_id, channel)] = deliver

    def forget(self, prompt_id: str, channel: str) -> None:
        """Ends listening; unknown channels are fine."""
        with self._lock:
            self._listeners.pop((prompt_id, channel), None)

    def emit(self, latent: EmittedLatent) -> None:
        """Keeps a latent and delivers it to its listener. Raises: ListenerGoneError for a stream nobody reads."""
        key = (latent.prompt_id, latent.channel)
        with self._lock:
            listener = self._listeners.get(key)
            self._keep(key, latent, is_heard=listener is not None)
        if listener is not None:
            listener(latent)

    def kept(self, prompt_id: str, channel: str = DEFAULT_CHANNEL) -> tuple[EmittedLatent, ...]:
        """The parts of what a channel emitted last, in order; empty unless all of them are there."""
        with self._lock:
            entry = self._kept.get((prompt_id, channel))
            return tuple(entry.parts) if entry is not None and _is_usable(entry) else ()

    def kept_channels(self, prompt_id: str) -> tuple[str, ...]:
        """Names of the channels of a prompt whose latents are at hand, oldest first."""
        with self._lock:
            return tuple(
                key[1] for key, entry in self._kept.items() if key[0] == prompt_id and _is_usable(entry)
            )

    def _keep(self, key: _Key, latent: EmittedLatent, *, is_heard: bool) -> None:
        entry = self._kept.get(key)
        if entry is None or not entry.is_open:
            self._drop(key)
            entry = self._kept[key] = _Kept()
        if is_heard and (entry.is_open or not latent.is_last):
            self._empty(entry)
        entry.is_open = not latent.is_last
        if entry.is_whole:
            entry.parts.append(latent)
            self._kept_bytes += latent.size_bytes
        self._make_room()

    def _make_room(self) -> None:
        while self._kept_bytes > self._budget_bytes or len(self._kept) > MAX_KEPT:
            oldest = next((key for key, entry in self._kept.items() if entry.parts), next(iter(self._kept)))
            if self._kept[oldest].is_open and len(self._kept) <= MAX_KEPT:
                self._empty(self._kept[oldest])  # what follows would be a stream without its beginning
            else:
                self._drop(oldest)

    def _empty(self, entry: _Kept) -> None:
        self._kept_bytes -= sum(part.size_bytes for part in entry.parts)
        entry.parts, entry.is_whole = [], False

    def _drop(self, key: _Key) -> None:
        entry = self._kept.pop(key, None)
        if entry is not None:
            self._empty(entry)


def _is_usable(entry: _Kept) -> bool:
    return entry.is_whole and not entry.is_open


channels = LatentChannels()
"""The process's channels: nodes are made by class and cannot be handed an instance."""
