"""Telling somebody's server that a run ended: signed, tried again with growing pauses, never into this network.

The signature follows the Standard Webhooks scheme: headers `webhook-id`, `webhook-timestamp` and
`webhook-signature: v1,<base64 HMAC-SHA256 of "id.timestamp.body">`. Waiting calls live in memory: they end with the
process, and a receiver that must know asks GET /v1/workflows/runs/{id}.
Source: Standard Webhooks specification 1.0, section "Signature scheme".
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from app.runs.shapes import Run
from app.runs.targets import PrivateTargetError, PublicResolver

logger = logging.getLogger(__name__)

RETRY_DELAYS_S = (1.0, 5.0, 30.0, 120.0, 600.0)
"""About a quarter of an hour: a receiver that is being deployed comes back in that time."""
ATTEMPT_TIMEOUT_S = 15.0
MAX_IN_FLIGHT = 256
GIVES_UP = frozenset({400, 401, 403, 404, 405, 410, 413, 422})
"""Answers that will not change by asking again."""


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` value. `secret`: `whsec_` and base64, or any text."""
    raw = secret.removeprefix("whsec_")
    try:
        key = base64.b64decode(raw, validate=True)
    except (ValueError, binascii.Error):
        key = secret.encode()
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def body_of(run: Run) -> bytes:
    """What is sent: the kind of event and the run, files as URLs."""
    return json.dumps({"type": f"workflow.run.{run['status']}", "data": run}).encode()


class Webhooks:
    """Sends in the background. Made on the loop; `close` ends what is on its way."""

    def __init__(
        self,
        secret: Callable[[], str],
        *,
        allow_private: bool = False,
        delays_s: Sequence[float] = RETRY_DELAYS_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._secret, self._allow_private = secret, allow_private
        self._delays_s, self._clock = tuple(delays_s), clock
        self._session: ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, url: str, run: Run) -> None:
        """Starts telling; over the limit the oldest wish is kept and this one is logged and dropped."""
        if len(self._tasks) >= MAX_IN_FLIGHT:
            logger.warning("the webhook of run %s is dropped: %d wait already", run["id"], MAX_IN_FLIGHT)
            return
        task = asyncio.create_task(self._deliver(url, f"msg_{run['id']}", body_of(run)), name="webhook")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Drops what was not delivered."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _deliver(self, url: str, message_id: str, body: bytes) -> None:
        for delay_s in (*self._delays_s, None):
            reason, is_final = await self._attempt(url, self._headers(message_id, body), body)
            if reason is None:
                return
            if is_final or delay_s is None:
                logger.warning("webhook %s was not delivered: %s", message_id, reason)
                return
            logger.info("webhook %s will be tried again: %s", message_id, reason)
            await asyncio.sleep(delay_s * random.uniform(0.8, 1.2))

    def _headers(self, message_id: str, body: bytes) -> Mapping[str, str]:
        timestamp = int(self._clock())
        return {
            "Content-Type": "application/json",
            "User-Agent": "codec-comfyui",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(self._secret(), message_id, timestamp, body),
        }

    async def _attempt(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[str | None, bool]:
        """(why it did not arrive or None, whether trying again is of no use)."""
        try:
            session = self._open_session()
            async with session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                if 200 <= answer.status < 300:
                    return None, True
                return f"the receiver answered {answer.status}", answer.status in GIVES_UP
        except (ClientError, TimeoutError, OSError) as error:
            is_private = isinstance(getattr(error, "os_error", None), PrivateTargetError)
            return f"{type(error).__name__}: {error}", is_private

    def _open_session(self) -> ClientSession:
        if self._session is None:
            resolver = None if self._allow_private else PublicResolver()
            self._session = ClientSession(
                connector=TCPConnector(resolver=resolver, limit=16),
                timeout=ClientTimeout(total=ATTEMPT_TIMEOUT_S),
                trust_env=False,
            )
        return self._session
