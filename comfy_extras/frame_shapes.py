"""What frame-wise nodes say of the size of their frames, so that the engine knows memory before anything runs.

Shape of a frame: (H,W,C) of images, (H,W) of masks; only the first two numbers are looked at.
"""

from __future__ import annotations

Shape = tuple[int, ...]


class KeepsFrameShape:
    """Frames come out as large as they go in."""

    def stream_shape(self, shape: Shape) -> Shape:
        """The same."""
        return shape
