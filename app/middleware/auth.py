"""Asks every request for what its route needs; pages of browsers are sent to the login page instead."""

from __future__ import annotations

import logging
from urllib.parse import quote

from aiohttp import web

from app.auth.cookies import COOKIE_NAME
from app.auth.gate import Caller, Gate
from app.auth.scopes import Scope, required_scope
from app.auth.store import KeyFileError
from app.context import CALLER, context_of
from app.errors import AppError, error_body
from app.middleware.errors import Handler
from app.middleware.origin import same_origin

logger = logging.getLogger(__name__)

LOGIN_PATH = "/login"


class AuthError(AppError, PermissionError):
    """A caller without the proof that a route asks for. Fields: `status`, `type`, `message`, `field`."""

    def __init__(self, status: int, type_: str, message: str, field: str = "Authorization") -> None:
        self.status, self.type, self.message, self.field = status, type_, message, field
        super().__init__(message)


@web.middleware
async def check_key(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lets a request through when its key reaches the scope of its route."""
    gate = context_of(request).gate
    if gate is None:
        return await handler(request)
    needed = scope_of(request)
    if needed is Scope.PUBLIC:
        return await handler(request)
    try:
        _admit(request, gate, needed)
    except KeyFileError as error:
        body = error_body("key_file_unusable", "the server's key file cannot be used; its log says why")
        logger.error("no key can be checked: %s", error)  # noqa: TRY400 - the text names file and reason
        return web.json_response(body, status=503)
    except AuthError as error:
        return _refusal(request, error)
    return await handler(request)


def scope_of(request: web.Request) -> Scope:
    """What a request's route asks for."""
    route = request.match_info.route
    resource = route.resource
    if resource is None:  # nothing there, or another method: not told to strangers
        return Scope.READ
    return required_scope(request.method, resource.canonical, route.handler)


def _admit(request: web.Request, gate: Gate, needed: Scope) -> None:
    caller = gate.identify(request.headers.get("Authorization"), request.cookies.get(COOKIE_NAME))
    if caller is None:
        raise AuthError(401, "unauthorized", "this server asks for a key: `Authorization: Bearer <key>`")
    if caller.by_cookie:
        _check_cookie_origin(request)
    if caller.level < needed:
        raise AuthError(403, "insufficient_scope", _too_little(caller, needed))
    request[CALLER] = caller


def _check_cookie_origin(request: web.Request) -> None:
    """Browsers send cookies by themselves: whatever changes something must come from our own page."""
    origin = request.headers.get("Origin")
    is_socket = request.headers.get("Upgrade", "").lower() == "websocket"
    if origin is None or (request.method in ("GET", "HEAD") and not is_socket):
        return
    allowed = context_of(request).config.cors_origin
    if same_origin(request.headers.get("Host", ""), origin) or (
        allowed not in (None, "*") and origin == allowed
    ):
        return
    raise AuthError(403, "origin_refused", "a page of another site sent this request", "Origin")


def _too_little(caller: Caller, needed: Scope) -> str:
    have = caller.level.name.lower()
    return f"this route asks for the scope {needed.name.lower()}; the key {caller.key.name!r} has {have}"


def _refusal(request: web.Request, error: AuthError) -> web.StreamResponse:
    is_page = request.method == "GET" and "text/html" in request.headers.get("Accept", "")
    if error.status == 401 and is_page:
        wanted = quote(request.path_qs, safe="/?=&%")
        return web.Response(status=303, headers={"Location": f"{LOGIN_PATH}?next={quote(wanted, safe='/')}"})
    headers = {"Cache-Control": "no-store"}
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="codec-comfyui"'
    body = error_body(error.type, error.message, field=error.field)
    return web.json_response(body, status=error.status, headers=headers)
