"""Sockets that the server listens on: TLS, addresses and how they are written."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

from aiohttp import web

from app.config import ServerConfig


def tls_context(config: ServerConfig) -> ssl.SSLContext | None:
    """The TLS context when both files are given, else None. Raises: OSError for unreadable files."""
    if config.tls_certfile is None or config.tls_keyfile is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certfile=config.tls_certfile, keyfile=config.tls_keyfile)
    return context


async def listen(
    runner: web.AppRunner, addresses: Sequence[tuple[str, int]], context: ssl.SSLContext | None
) -> list[tuple[str, int]]:
    """Binds every address; the pairs with the real port where 0 asked for a free one.

    Raises: OSError when an address cannot be bound.
    """
    bound = []
    for address, port in addresses:
        await web.TCPSite(runner, address, port, ssl_context=context).start()
        bound.append((address, int(runner.addresses[-1][1])))
    return bound


def host_port(address: str, port: int) -> str:
    """As in a URL: IPv6 addresses in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
