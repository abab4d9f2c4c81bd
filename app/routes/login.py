"""/login and /logout: the page asks once for a key and keeps a cookie."""

from __future__ import annotations

import html
from urllib.parse import urlsplit

from aiohttp import web

from app.auth.cookies import COOKIE_NAME, LIFETIME_S
from app.auth.store import KeyFileError
from app.bodies import read_form
from app.context import context_of
from app.errors import AppError
from app.middleware.origin import same_origin

MAX_FORM_BYTES = 8 * 1024
"""A key and an address to return to."""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Key needed</title>
<style>
  body {{ font: 16px/1.5 system-ui, sans-serif; background: #202020; color: #eee;
         display: grid; place-items: center; min-height: 90vh; margin: 0; }}
  form {{ width: min(26rem, 90vw); display: grid; gap: .8rem; }}
  input, button {{ font: inherit; padding: .6rem .8rem; border-radius: .4rem; border: 1px solid #555; }}
  input {{ background: #111; color: #eee; }}
  button {{ background: #2f6fed; color: #fff; border: 0; cursor: pointer; }}
  .wrong {{ color: #ff9b8f; min-height: 1.5em; margin: 0; }}
  small {{ color: #aaa; }}
</style>
<form method="post" action="/login">
  <h1>Key needed</h1>
  <label for="key">This server asks for a key.</label>
  <input id="key" name="key" type="password" autocomplete="current-password" required autofocus>
  <input type="hidden" name="next" value="{next}">
  <p class="wrong" role="alert">{message}</p>
  <button>Open</button>
  <small>The first start printed one; <code>python -m app.keys add NAME</code> makes another.</small>
</form>
"""


class LoginError(AppError):
    """A login that another site's page sent."""

    status = 403


async def get_login(request: web.Request) -> web.Response:
    """The form; who needs no key is sent on."""
    target = local_target(request.query.get("next"))
    if context_of(request).gate is None:
        return web.Response(status=303, headers={"Location": target})
    return _page(target, "", 200)


async def post_login(request: web.Request) -> web.Response:
    """Sets the cookie for a right key and goes on to the page that was asked for."""
    origin = request.headers.get("Origin")
    if origin not in (None, "null") and not same_origin(request.headers.get("Host", ""), origin):
        raise LoginError("a page of another site sent this form")
    if (request.content_length or 0) > MAX_FORM_BYTES:
        return _page("/", "That is not a key.", 413)
    form = await read_form(request)
    target = local_target(form.get("next"))
    gate = context_of(request).gate
    if gate is None:
        return web.Response(status=303, headers={"Location": target})
    shown = form.get("key")
    try:
        cookie = gate.cookie_for(shown.strip()) if isinstance(shown, str) else None
    except KeyFileError:
        return _page(target, "The server's key file cannot be used.", 503)
    if cookie is None:
        return _page(target, "This key is not known here.", 401)
    response = web.Response(status=303, headers={"Location": target, "Cache-Control": "no-store"})
    response.set_cookie(
        COOKIE_NAME,
        cookie,
        max_age=LIFETIME_S,
        httponly=True,
        samesite="Lax",
        secure=request.secure,
        path="/",
    )
    return response


async def post_logout(request: web.Request) -> web.Response:
    """Forgets the cookie."""
    response = web.Response(status=303, headers={"Location": "/login", "Cache-Control": "no-store"})
    response.del_cookie(COOKIE_NAME, path="/")
    return response


def local_target(wanted: object) -> str:
    """A path of this server to go on to; anything that could lead elsewhere becomes "/"."""
    if not isinstance(wanted, str) or not wanted.startswith("/") or wanted.startswith(("//", "/\\")):
        return "/"
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return "/"
    is_plain = wanted.isascii() and wanted.isprintable() and not any(char in wanted for char in ' \\"<>')
    return wanted if is_plain and not parts.scheme and not parts.netloc else "/"


def _page(target: str, message: str, status: int) -> web.Response:
    text = _PAGE.format(next=html.escape(target, quote=True), message=html.escape(message))
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store", "X-Frame-Options": "DENY"}
    return web.Response(text=text, content_type="text/html", status=status, headers=headers)


ROUTES = (web.get("/login", get_login), web.post("/login", post_login), web.post("/logout", post_logout))
