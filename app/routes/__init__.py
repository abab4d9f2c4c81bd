"""Handlers, one route group per file. Each file ends in `ROUTES`; `all_routes` gathers them in order.

A handler parses the request, calls one function and answers; errors are raised and translated by
`app.middleware.errors`. Every route here also exists below /api (added by `PromptServer.add_routes`).
"""

from __future__ import annotations

from collections.abc import Iterator

from aiohttp import web

from app.routes import (
    assets,
    events_ws,
    extensions,
    features,
    global_subgraphs,
    history,
    i18n,
    jobs,
    model_previews,
    models,
    node_replacements,
    object_info,
    prompt,
    queue,
    settings,
    system,
    upload,
    userdata,
    users,
    view,
    workflow_runs,
)


def all_routes() -> Iterator[web.RouteDef]:
    """Every route that has an /api alias."""
    for group in (
        events_ws, prompt, queue, history, jobs, object_info, models, model_previews, view, upload, system,
        features, extensions, i18n, users, userdata, settings, node_replacements, global_subgraphs, assets,
        workflow_runs,
    ):  # fmt: skip
        yield from group.ROUTES
