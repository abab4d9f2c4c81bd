"""What the layers of one run remember between pieces."""

from __future__ import annotations

from collections.abc import Hashable

from torch import Tensor


class Memory:
    """Tensors by layer; one object per run, so that two runs may share a network.

    What is kept is a copy that owns its storage: a view of two frames would hold the whole piece.
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, Tensor] = {}
        self._seen: set[Hashable] = set()

    def get(self, layer: Hashable) -> Tensor | None:
        """The frames that a layer kept."""
        return self._kept.get(layer)

    def keep(self, layer: Hashable, frames: Tensor) -> None:
        """Keeps frames for a layer, in place of what was there."""
        self._kept[layer] = frames.clone()

    def is_first(self, layer: Hashable) -> bool:
        """Whether a layer asks for the first time."""
        first = layer not in self._seen
        self._seen.add(layer)
        return first

    def clear(self) -> None:
        """Forgets everything."""
        self._kept.clear()
        self._seen.clear()

    def size_bytes(self) -> int:
        """Storage really held."""
        return sum(frames.untyped_storage().nbytes() for frames in self._kept.values())
