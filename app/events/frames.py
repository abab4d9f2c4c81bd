"""One event as the message that goes into outboxes: text, binary, or a preview that is encoded here."""

from __future__ import annotations

from typing import Any

from app.events.binary import encode_binary, encode_json, encode_preview, encode_preview_with_metadata
from app.events.outbox import DROPPABLE_BINARY, DROPPABLE_JSON, Message
from protocol import BinaryEventTypes


def event_message(event: int | str, data: Any) -> Message:
    """The message of one event.

    `event` is a text with JSON data, or a number with bytes, or a preview: (format, picture, max size) for
    UNENCODED_PREVIEW_IMAGE, that and a metadata dict for PREVIEW_IMAGE_WITH_METADATA.
    Raises: TypeError or ValueError for data that cannot be encoded.
    """
    if isinstance(event, str):
        prompt_id = data.get("prompt_id") if isinstance(data, dict) else None
        told_of = prompt_id if isinstance(prompt_id, str) else None
        return Message(encode_json(event, data), event, event in DROPPABLE_JSON, told_of)
    if event == BinaryEventTypes.UNENCODED_PREVIEW_IMAGE:
        image_type, image, max_size = data
        event, data = BinaryEventTypes.PREVIEW_IMAGE, encode_preview(image_type, image, max_size)
    elif event == BinaryEventTypes.PREVIEW_IMAGE_WITH_METADATA and isinstance(data, tuple):
        (image_type, image, max_size), metadata = data
        data = encode_preview_with_metadata(image_type, image, max_size, metadata)
    return Message(encode_binary(event, data), f"binary {int(event)}", int(event) in DROPPABLE_BINARY)
