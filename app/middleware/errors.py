"""Exceptions become answers here and only here: JSON that says field and reason, never a traceback."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from app.errors import AppError, error_body
from folder_paths import PathEscapeError

logger = logging.getLogger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_KEPT_HEADERS = ("Allow", "Location", "Content-Range", "WWW-Authenticate", "Upgrade")


@web.middleware
async def translate_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Runs the handler; what it raises is answered with status and JSON body."""
    try:
        response = await handler(request)
    except AppError as error:
        return web.json_response(error.to_body(), status=error.status)
    except PathEscapeError as error:
        return web.json_response(error_body("path_refused", str(error), field="path"), status=403)
    except web.HTTPException as error:
        return _http_error(request, error)
    except ConnectionError:
        raise
    except Exception:
        logger.exception("%s %s ended with an error", request.method, request.path)
        body = error_body("internal_error", "the server could not finish this request; its log says why")
        return web.json_response(body, status=500)
    return response


def _http_error(request: web.Request, error: web.HTTPException) -> web.Response:
    if error.status < 400:
        raise error
    kept = {name: error.headers[name] for name in _KEPT_HEADERS if name in error.headers}
    body = _body_of(request, error)
    return web.json_response(body, status=error.status, headers=kept)


def _body_of(request: web.Request, error: web.HTTPException) -> dict[str, Any]:
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        limit = f"the limit of {int(request.client_max_size)} bytes (--max-upload-size)"
        return error_body("body_too_large", f"is larger than {limit}", field="body")
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        message = f"{request.path} takes {allowed}, not {request.method}"
        return error_body("method_not_allowed", message, field="method")
    if isinstance(error, web.HTTPNotFound):
        return error_body("not_found", f"nothing at {request.path}", field="path")
    return error_body(error.reason.lower().replace(" ", "_"), error.text or error.reason, field="request")
