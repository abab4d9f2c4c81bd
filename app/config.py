"""What the server was told at start, resolved: one frozen record.

Only `main.py` reads command line arguments; it builds this record. Tests build it directly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.auth.gate import AuthMode, asks_for_keys

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """Everything routes and middleware need to know. Paths of data folders come from `folder_paths`.

    `listen` is one address or several joined by commas. `argv` is shown in /system_stats: a list of strings,
    because the web page's top bar does not come up without it.
    """

    listen: str = "127.0.0.1"
    port: int = 8188
    max_upload_mb: float = 100
    """Largest request body, in MiB. An int stays an int in /features."""
    cors_origin: str | None = None
    """Origin for CORS headers; None turns the host and origin check on instead."""
    tls_keyfile: Path | None = None
    tls_certfile: Path | None = None
    front_end_root: Path | None = None
    """Folder of the web page; None means the installed comfyui-frontend-package."""
    plain_cpu: bool = False
    """Known without asking torch: there is no accelerator, or it is not to be used."""
    multi_user: bool = False
    compress_responses: bool = False
    preview_size: int = 512
    """Longest side of previews in pixels, used by /system_stats readers and the samplers' previews."""
    offline: bool = False
    """Forbid the page, by Content-Security-Policy, to call anything but this server."""
    feature_flags: Mapping[str, object] = field(default_factory=dict)
    """Extra entries for /features; core flags win."""
    argv: tuple[str, ...] = ("main.py",)
    version: str = "0.3.64"
    """ComfyUI version whose interface is served; clients compare it."""
    log_level: str = "INFO"
    webhook_allow_private: bool = False
    """Webhooks may go to this machine and its network."""
    auth: AuthMode = AuthMode.AUTO
    """Whether callers need a key; AUTO: as soon as one address to listen on is no loopback address."""

    @property
    def max_upload_bytes(self) -> int | float:
        """Limit of a request body in bytes; int when `max_upload_mb` is one."""
        return self.max_upload_mb * MEBIBYTE

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses to bind, in the order given."""
        return tuple(part.strip() for part in self.listen.split(",") if part.strip())

    @property
    def asks_for_keys(self) -> bool:
        """Whether callers need a key."""
        return asks_for_keys(self.auth, self.addresses)
