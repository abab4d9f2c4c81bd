"""The host application around the engine: HTTP routes, websocket, users, static files.

Layers: `app.routes` and `app.middleware` are the rim (aiohttp handlers, one group per file); the rest of the
package is what they call and stands below them. Nothing here imports torch, nodes or the executor: the
engine is handed in as an `app.engine.Engine`. Read `app/context.py` first.
"""
