"""Sockets that the server listens on: TLS, addresses and how they are written."""

from __future__ import annotations

import errno
import logging
import ssl
from collections.abc import Sequence

from aiohttp import web

from app.config import ServerConfig

logger = logging.getLogger(__name__)

_NO_SUCH_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


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

    `--listen` alone means all of IPv4 and of IPv6: on a machine without IPv6 that half is left out with a
    warning. Raises: OSError when another address cannot be bound, or none can.
    """
    bound: list[tuple[str, int]] = []
    for address, port in addresses:
        try:
            await web.TCPSite(runner, address, port, ssl_context=context).start()
        except OSError as error:
            if not bound or ":" not in address or error.errno not in _NO_SUCH_FAMILY:
                raise
            logger.warning("not listening on %s: %s", address, error.strerror)
            continue
        bound.append((address, int(runner.addresses[-1][1])))
    return bound


def host_port(address: str, port: int) -> str:
    """As in a URL: IPv6 addresses in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
