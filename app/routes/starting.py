"""The door that opens before the house is furnished: sockets listen at once, torch and node packs come later.

Until `open` is called, requests for the early application are answered by it, and all others wait. Packs add
routes and middleware to the whole application until then, which is why it cannot listen by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from aiohttp import web
from yarl import URL

from app.middleware.errors import translate_errors


class FrontDoor(web.AbstractResource):
    """One route for every path of an outer application: the early application, then the whole one."""

    def __init__(self, early: web.Application, whole: web.Application) -> None:
        super().__init__()
        self._early, self._whole = early, whole
        self._open = asyncio.Event()
        early.freeze()

    @property
    def is_open(self) -> bool:
        """Whether requests reach the whole application."""
        return self._open.is_set()

    def application(self, **options: Any) -> web.Application:
        """The outer application, with this door as its only route."""
        outer = web.Application(middlewares=[translate_errors], **options)
        outer.router.register_resource(self)
        return outer

    async def open(self) -> None:
        """Starts the whole application and lets the waiting requests in. Once."""
        self._whole.on_startup.freeze()  # a handler of this signal may still add routes
        await self._whole.startup()
        self._whole.freeze()
        self._open.set()

    async def close(self) -> None:
        """Ends the whole application, if it was started."""
        if self.is_open:
            await self._whole.shutdown()
            await self._whole.cleanup()

    async def resolve(self, request: web.Request) -> tuple[Any, set[str]]:
        """The handler of a request, in the application whose turn it is."""
        if not self.is_open:
            found = await self._early.router.resolve(request)
            if found.http_exception is None:
                found.add_app(self._early)
                return found, set()
            await self._open.wait()
        found = await self._whole.router.resolve(request)
        found.add_app(self._whole)
        return found, set()

    # -- what the interface of aiohttp asks of every resource; nothing here has a path or routes of its own ---

    @property
    def canonical(self) -> str:
        """Indexed at the root, which every look-up reaches."""
        return "/"

    def url_for(self, **kwargs: str) -> URL:
        """There is no one URL behind a door."""
        raise LookupError("the front door has no URL of its own")

    def add_prefix(self, prefix: str) -> None:
        """The door stands at the root."""
        raise LookupError("the front door cannot be moved below a prefix")

    def get_info(self) -> Any:
        """For aiohttp's introspection."""
        return {"app": self._whole}

    def raw_match(self, path: str) -> bool:
        """No second resource shares this one's path."""
        return False

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[web.AbstractRoute]:
        return iter(())
