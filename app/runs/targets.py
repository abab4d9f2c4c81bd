"""Where webhooks may go: http and https, and no address of this machine or its network unless allowed.

The check of the text refuses early; the one that counts is `PublicResolver`, which looks at the very addresses
that the connection is then made to, so that a name cannot answer differently the second time.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from app.errors import RequestError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class PrivateTargetError(OSError):
    """A name that leads into this machine or its network. Field: `host`."""

    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__(f"{host} leads to an address that is not public")


def check_target(url: str, *, allow_private: bool, field: str = "webhook.url") -> None:
    """Refuses what can never be called. Raises: RequestError."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise RequestError("invalid_url", f"is no address: {error}", field=field) from error
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise RequestError("invalid_url", "must be an http or https address with a host", field=field)
    if parts.username is not None or parts.password is not None:
        raise RequestError("invalid_url", "must not hold a user or password", field=field)
    if not url.isascii() or not url.isprintable() or " " in url:
        raise RequestError("invalid_url", "must be plain ASCII without spaces", field=field)
    if not allow_private and not may_be_public(host):
        text = "leads into this machine or its network; --webhook-allow-private permits that"
        raise RequestError("private_target", text, field=field)


def may_be_public(host: str) -> bool:
    """False for names and addresses that are certainly not public. Looks nothing up."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith((".localhost", ".local", ".internal", ".home.arpa")):
        return False
    try:
        return is_public(ipaddress.ip_address(name.partition("%")[0]))
    except ValueError:
        pass
    try:  # 127.1, 0x7f000001, 2130706433: what the system's resolver reads as an address
        return is_public(ipaddress.ip_address(socket.inet_aton(name)))
    except (OSError, ValueError):
        return True


def is_public(address: Address) -> bool:
    """Whether an address, or the one that it carries inside, is of the open internet."""
    if isinstance(address, ipaddress.IPv6Address):
        carried = address.ipv4_mapped or address.sixtofour or _translated(address)
        if carried is not None:
            return is_public(carried)
        if address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _translated(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address inside of 64:ff9b::/96 (RFC 6052)."""
    if address in ipaddress.IPv6Network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


class PublicResolver(AbstractResolver):
    """Looks names up and keeps only public addresses."""

    def __init__(self, inner: AbstractResolver | None = None) -> None:
        self._inner = inner or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises: PrivateTargetError when no public address is left."""
        found = await self._inner.resolve(host, port, family)
        public = [
            entry for entry in found if is_public(ipaddress.ip_address(entry["host"].partition("%")[0]))
        ]
        if not public:
            raise PrivateTargetError(host)
        return public

    async def close(self) -> None:
        """Ends the inner resolver."""
        await self._inner.close()
