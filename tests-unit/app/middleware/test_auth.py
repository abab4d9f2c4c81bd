"""A server that asks for keys, over real sockets: every route, the socket, the page, and what browsers do."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web
from served_app import Serve, Served

from app.auth.gate import AuthMode
from app.auth.scopes import ROUTE_SCOPES, Scope, scope_in_table
from codec_transport.endpoints.routes import add_routes as add_codec_routes


@pytest.fixture
async def locked(serve: Serve) -> Served:
    """A server that asks for keys, with a pack's route."""

    def add_pack(server: Any) -> None:
        @server.routes.get("/my_pack/state")
        async def state(_request: web.Request) -> web.Response:
            return web.json_response({"pack": True})

        @server.routes.get("/my_pack/public")
        async def public(_request: web.Request) -> web.Response:
            return web.json_response({"pack": True})

        public.required_scope = "read"  # type: ignore[attr-defined]

    return await serve(before_routes=add_pack, auth=AuthMode.ON)


def bearer(served: Served, scope: Scope) -> dict[str, str]:
    assert served.server.context.gate is not None
    _, token = served.server.context.gate.store.add(f"test {scope.name}", scope)
    return {"Authorization": f"Bearer {token}"}


def registered(served: Served) -> list[tuple[str, str]]:
    """Every (method, path template) of the application that is not a pack's."""
    found = []
    for resource in served.server.app.router.resources():
        for route in resource:
            path = route.resource.canonical
            if "/my_pack/" not in path:
                found.append((route.method, path))
    return found


def codec_routes() -> list[tuple[str, str]]:
    """Those of the latent transport, which main.py puts in."""
    table = web.RouteTableDef()
    add_codec_routes(web.Application(), table, None)  # type: ignore[arg-type]  # routes need no context
    return [(route.method, route.path) for route in table if isinstance(route, web.RouteDef)]


async def test_every_route_of_ours_has_its_scope_in_the_table(locked: Served) -> None:
    ours = registered(locked)
    ours += codec_routes()
    missing = [
        (method, path)
        for method, path in ours
        if method != "OPTIONS" and scope_in_table(method, path) is None
    ]
    assert not missing


async def test_the_table_names_no_route_that_is_gone(locked: Served) -> None:
    def bare(path: str) -> str:
        return bare(path.removeprefix("/api")) if path.startswith("/api/") else path

    ours = {(method, bare(path)) for method, path in registered(locked)}
    ours |= {(method, re.sub(r"\{(\w+):[^}]*\}", r"{\1}", path)) for method, path in codec_routes()}
    stale = [key for key in ROUTE_SCOPES if key not in ours and not key[1].endswith("/*")]
    assert not stale


async def test_without_a_key_no_route_but_the_public_ones_answers(locked: Served) -> None:
    for method, template in registered(locked):
        method = "GET" if method == "*" else method
        if method == "OPTIONS" or scope_in_table(method, template) is Scope.PUBLIC:
            continue
        path = re.sub(r"\{[^}]*\}", "x", template)
        async with locked.http.request(method, locked.url + path, allow_redirects=False) as answer:
            assert answer.status == 401, (method, path)
            if method != "HEAD":
                body = await answer.json()
                assert body["error"]["extra_info"]["field"] == "Authorization"
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_each_scope_opens_what_it_includes_and_nothing_more(locked: Served) -> None:
    calls = [
        (Scope.READ, "GET", "/queue"),
        (Scope.READ, "GET", "/my_pack/public"),
        (Scope.RUN, "POST", "/interrupt"),
        (Scope.ADMIN, "GET", "/internal/logs"),
        (Scope.ADMIN, "GET", "/my_pack/state"),
        (Scope.ADMIN, "GET", "/api/my_pack/state"),
    ]
    for have in (Scope.READ, Scope.RUN, Scope.ADMIN):
        headers = bearer(locked, have)
        for needed, method, path in calls:
            status, body = await locked.json(method, path, headers=headers)
            assert status == (200 if have >= needed else 403), (have, path)
            if status == 403:
                assert body["error"]["type"] == "insufficient_scope"
                assert needed.name.lower() in body["error"]["message"]


async def test_the_event_socket_asks_too(locked: Served) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await locked.connect("me")
    assert refused.value.status == 401
    socket = await locked.connect("me", headers=bearer(locked, Scope.READ))
    assert (await socket.receive_json())["data"]["sid"] == "me"
    await socket.close()


async def test_a_revoked_key_stops_working_at_once(locked: Served) -> None:
    headers = bearer(locked, Scope.READ)
    assert (await locked.json("GET", "/queue", headers=headers))[0] == 200
    assert locked.server.context.gate is not None
    locked.server.context.gate.store.revoke("test READ")
    assert (await locked.json("GET", "/queue", headers=headers))[0] == 401


async def test_a_browser_is_asked_once_and_then_has_a_cookie_for_page_and_socket(locked: Served) -> None:
    token = bearer(locked, Scope.RUN)["Authorization"].split()[1]
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as browser:
        page = {"Accept": "text/html"}
        async with browser.get(f"{locked.url}/?a=1", headers=page, allow_redirects=False) as answer:
            assert answer.status == 303
            target = urlsplit(answer.headers["Location"])
        assert (target.path, parse_qs(target.query)["next"]) == ("/login", ["/?a=1"])
        async with browser.get(f"{locked.url}{answer.headers['Location']}") as form:
            text = await form.text()
            assert form.status == 200 and 'name="key"' in text and 'value="/?a=1"' in text
        wrong = {"key": "codec_no", "next": "/?a=1"}
        async with browser.post(f"{locked.url}/login", data=wrong) as answer:
            assert answer.status == 401 and "not known" in await answer.text()
        right = {"key": f" {token}\n", "next": "/?a=1"}
        async with browser.post(f"{locked.url}/login", data=right, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/?a=1")
            cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and token not in cookie
        async with browser.get(f"{locked.url}/", headers=page) as answer:
            assert answer.status == 200
        socket = await browser.ws_connect(f"{locked.url}/ws", headers={"Origin": locked.url})
        await socket.close()
        async with browser.post(f"{locked.url}/logout", allow_redirects=False) as answer:
            assert answer.status == 303
        async with browser.get(f"{locked.url}/queue") as answer:
            assert answer.status == 401


async def test_another_sites_page_cannot_use_the_cookie(locked: Served) -> None:
    assert locked.server.context.gate is not None
    _, token = locked.server.context.gate.store.add("c", Scope.ADMIN)
    cookie = {"Cookie": f"codec_session={locked.server.context.gate.cookie_for(token)}"}
    foreign = {**cookie, "Origin": "http://evil.example", "Host": "studio.example"}
    assert (await locked.json("POST", "/interrupt", headers=foreign))[0] == 403
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await locked.http.ws_connect(f"{locked.url}/ws", headers=foreign)
    assert refused.value.status == 403
    own = {**cookie, "Origin": "http://studio.example", "Host": "studio.example"}
    assert (await locked.json("POST", "/interrupt", headers=own))[0] == 200


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "",
        "\t//e",
        "/a\nb",
    ],
)
async def test_login_never_leads_to_another_site(locked: Served, target: str) -> None:
    token = bearer(locked, Scope.READ)["Authorization"].split()[1]
    form = {"key": token, "next": target}
    async with locked.http.post(f"{locked.url}/login", data=form, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/")


async def test_a_broken_key_file_closes_the_server_with_an_answer(locked: Served) -> None:
    headers = bearer(locked, Scope.READ)
    assert locked.server.context.gate is not None
    locked.server.context.gate.store.path.write_text("{")
    status, body = await locked.json("GET", "/queue", headers=headers)
    assert (status, body["error"]["type"]) == (503, "key_file_unusable")


async def test_on_loopback_nobody_is_asked(served: Served) -> None:
    assert served.server.context.gate is None
    assert (await served.json("GET", "/queue"))[0] == 200
    async with served.http.get(f"{served.url}/login", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/")
