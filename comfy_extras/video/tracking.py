"""Draining a stream by hand and telling how far it is, for packs that were written so."""

from __future__ import annotations

from typing import Any

from comfy.progress import ProgressBar
from comfy_api.streams import ImageStreamInput


class FrameProgressTracker:
    """Tells the running node's progress in frames; the same number twice is told once."""

    def __init__(self, total: int | None = None) -> None:
        self._total, self._told = total, -1

    def emit(self, frames_processed: int) -> None:
        """Sets the number of frames done. Raises: InterruptProcessingException when the prompt was asked to stop."""
        if frames_processed == self._told:
            return
        self._told = frames_processed
        total = max(frames_processed, self._total or 0, 1)
        ProgressBar(total).update_absolute(frames_processed, total)


def drain_image_stream(
    stream: ImageStreamInput, chunk_size: int, progress: FrameProgressTracker | Any = None
) -> int:
    """Pulls a stream from its start to its end and forgets the frames; returns how many there were."""
    stream.reset()
    total = 0
    for chunk in stream.chunks(chunk_size):
        total += len(chunk)
        if progress is not None:
            progress.emit(total)
    return total
