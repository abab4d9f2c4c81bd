"""Keeps other web sites from driving a server on this machine, or, when asked, lets named ones in.

Without a CORS origin, a request that carries Host and Origin while Host is a loopback address must have both
equal: a page of another site cannot reach the server through a name that resolves to this machine.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from urllib.parse import urlsplit

from aiohttp import web

from app.errors import error_body
from app.middleware.errors import Handler

logger = logging.getLogger(__name__)


def is_loopback(host: str | None) -> bool:
    """Whether a host is a loopback address or a name that resolves only to such."""
    if host is None:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    addresses = set()
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            addresses |= {info[4][0] for info in socket.getaddrinfo(host, None, family, socket.SOCK_STREAM)}
        except (socket.gaierror, UnicodeError):
            continue
    return bool(addresses) and all(ipaddress.ip_address(str(address)).is_loopback for address in addresses)


def same_origin(host: str, origin: str) -> bool:
    """Whether the Origin header names the Host, comparing ports only when both have one."""
    try:
        ours, theirs = urlsplit(f"//{host.lower()}"), urlsplit(origin.lower())
        our_port, their_port = ours.port, theirs.port
    except ValueError:
        return False
    if our_port is not None and their_port is not None and our_port != their_port:
        return False
    return bool(theirs.hostname) and ours.hostname == theirs.hostname


@web.middleware
async def check_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses cross-origin requests to a loopback host; answers OPTIONS."""
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and request.method not in ("GET", "HEAD"):
        return _refused(request, "a page of another site sent this request")
    host, origin = request.headers.get("Host"), request.headers.get("Origin")
    if (
        host is not None
        and origin is not None
        and not same_origin(host, origin)
        and await asyncio.to_thread(is_loopback, _name_of(host))
    ):
        return _refused(request, f"Origin {origin[:100]!r} is not Host {host[:100]!r}")
    if request.method == "OPTIONS":
        return web.Response()
    return await handler(request)


@web.middleware
async def answer_options(request: web.Request, handler: Handler) -> web.StreamResponse:
    """With CORS on: preflight requests are answered here; the headers come from `app.middleware.headers`."""
    if request.method == "OPTIONS":
        return web.Response()
    return await handler(request)


def _name_of(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _refused(request: web.Request, reason: str) -> web.Response:
    logger.warning("refused %s %s: %s", request.method, request.path, reason)
    return web.json_response(error_body("origin_refused", reason, field="Origin"), status=403)
