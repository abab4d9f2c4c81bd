"""Numbers of the binary websocket frames. Packs import this module by name."""

from __future__ import annotations

from enum import IntEnum


class BinaryEventTypes(IntEnum):
    """First four bytes of a binary frame, unsigned big-endian.

    UNENCODED_PREVIEW_IMAGE never goes on the wire: it is the event with a picture that the server encodes.
    """

    PREVIEW_IMAGE = 1
    UNENCODED_PREVIEW_IMAGE = 2
    TEXT = 3
    PREVIEW_IMAGE_WITH_METADATA = 4
