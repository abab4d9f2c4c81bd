"""GET /extensions and /workflow_templates: what the page should load from packs."""

from __future__ import annotations

from aiohttp import web

import folder_paths
from app.context import context_of
from app.frontend import extension_scripts
from app.packs import example_workflows


async def get_extensions(request: web.Request) -> web.Response:
    """URL paths of every script the page imports."""
    context = context_of(request)
    return web.json_response(extension_scripts(context.roots.page, context.engine.web_directories))


async def get_workflow_templates(request: web.Request) -> web.Response:
    """Pack name -> names of its example workflows."""
    return web.json_response(example_workflows(folder_paths.get_folder_paths("custom_nodes")))


ROUTES = (
    web.get("/extensions", get_extensions),
    web.get("/workflow_templates", get_workflow_templates),
)
