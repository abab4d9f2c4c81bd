"""What this server says it can do: GET /features and the websocket handshake give the same object.

Flags tell the web page which calls to make, so each one here is true only when its routes work.
"""

from __future__ import annotations

from typing import Any

from app.config import ServerConfig


def server_features(config: ServerConfig) -> dict[str, Any]:
    """The flags: those of the command line, and over them the core ones, which cannot be replaced."""
    return {
        **config.feature_flags,
        "supports_preview_metadata": True,
        "max_upload_size": config.max_upload_bytes,
        "assets": False,
        "node_replacements": True,
        "supports_sequence_numbers": True,
    }
