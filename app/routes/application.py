"""The aiohttp application: middleware, signals and routes put together."""

from __future__ import annotations

import time
from collections.abc import Iterable

from aiohttp import web

from app.config import ServerConfig
from app.connections import Guard
from app.context import CONTEXT, Context
from app.middleware.auth import check_key
from app.middleware.compression import compress_texts
from app.middleware.connections import GUARD, tell_watchman
from app.middleware.errors import translate_errors
from app.middleware.headers import cors_headers, set_cache_control, set_offline_policy
from app.middleware.measuring import measure
from app.middleware.origin import answer_options, check_origin
from app.middleware.size_limit import refuse_oversize
from app.patience import Limits
from app.routes import all_routes, internal, login, observing, static, system
from app.routes.reference import add_reference

MAX_HEADER_BYTES = 16 * 1024
"""Browsers send cookies of every local server to each port of this host; 8 KiB is sometimes too little."""


def build_application(config: ServerConfig) -> web.Application:
    """An application with middleware and signals and no routes yet."""
    is_open = config.cors_origin is not None
    middlewares = [
        tell_watchman,
        measure,
        translate_errors,
        answer_options if is_open else check_origin,
        check_key,
        refuse_oversize,
    ]
    if config.compress_responses:
        middlewares.insert(2, compress_texts)
    application = web.Application(
        client_max_size=int(config.max_upload_bytes),
        middlewares=middlewares,
    )
    application[GUARD] = Guard(Limits(), time.monotonic)
    application.on_response_prepare.append(set_cache_control)
    if config.cors_origin is not None:
        application.on_response_prepare.append(cors_headers(config.cors_origin))
    if config.offline:
        application.on_response_prepare.append(set_offline_policy)
    return application


def early_application(context: Context) -> web.Application:
    """What can be answered before torch and the nodes are loaded: facts of a machine without accelerator."""
    application = build_application(context.config)
    application[CONTEXT] = context
    application.add_routes(observing.ROUTES)
    if context.config.plain_cpu:
        for path in ("/system_stats", "/api/system_stats"):
            application.router.add_get(path, system.get_system_stats)
    return application


def add_all_routes(
    application: web.Application, context: Context, pack_routes: Iterable[web.AbstractRouteDef]
) -> None:
    """Our routes and those of packs, each also below /api; then the static folders.

    A pack's route for a path of ours is the second one and not reached.
    """
    application[CONTEXT] = context
    inner = web.Application(client_max_size=int(context.config.max_upload_bytes))
    inner.add_routes(internal.ROUTES)
    application.add_subapp("/internal", inner)
    taken: set[tuple[str, str]] = set()
    for route in (*all_routes(), *pack_routes):
        if not isinstance(route, web.RouteDef):
            application.add_routes([route])
            continue
        for path in (route.path, "/api" + route.path):
            if (route.method, path) not in taken:
                taken.add((route.method, path))
                web.RouteDef(route.method, path, route.handler, route.kwargs).register(application.router)
    application.add_routes(login.ROUTES)
    application.add_routes(observing.ROUTES)
    add_reference(application)
    application.add_routes(static.ROUTES)
