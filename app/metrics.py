"""Numbers for Prometheus: requests, prompts, the queue, event sockets. One registry per server.

Prompts are counted from what the queue and the history show, so those of every entrance are in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from app.engine import PromptQueue

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_REQUEST_BUCKETS = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0)
_PROMPT_BUCKETS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)


class Metrics:
    """The numbers of one server."""

    def __init__(
        self, now_values: Callable[[], dict[str, float]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """now_values: name -> what is true at this moment, asked at every scrape."""
        self._clock = clock
        self.registry = CollectorRegistry()
        self.registry.register(_NowValues(now_values))
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "codec_http_requests", "Answered requests.", ["method", "route", "status"], registry=self.registry
        )
        self.request_seconds = Histogram(
            "codec_http_request_duration_seconds",
            "From the head of a request to the end of its answer, event sockets and streams excepted.",
            ["route"],
            buckets=_REQUEST_BUCKETS,
            registry=self.registry,
        )
        self.prompts = Counter("codec_prompts", "Prompts that ended.", ["status"], registry=self.registry)
        self.prompt_seconds = Histogram(
            "codec_prompt_duration_seconds",
            "From the start of a prompt to its end.",
            buckets=_PROMPT_BUCKETS,
            registry=self.registry,
        )
        for status in ("success", "error", "interrupted"):
            self.prompts.labels(status)
        self._running: dict[str, float] = {}

    def request_answered(self, method: str, route: str, status: int, seconds: float | None) -> None:
        """One request is through. route: the template, never the path: paths are endless. seconds: None for streams."""
        self.requests.labels(method, route, str(status)).inc()
        if seconds is not None:
            self.request_seconds.labels(route).observe(seconds)

    def queue_changed(self, queue: PromptQueue) -> None:
        """Counts the prompts that ended since the last call. Called at every change, from the thread that made it."""
        now = self._clock()
        running = set(queue.running_ids())
        for prompt_id in [name for name in self._running if name not in running]:
            seconds = now - self._running.pop(prompt_id)
            entry = queue.get_history(prompt_id, map_function=_as_it_is).get(prompt_id) or {}
            status = _status_of(entry)
            self.prompts.labels(status).inc()
            self.prompt_seconds.observe(seconds)
        for prompt_id in running:
            self._running.setdefault(prompt_id, now)

    def text(self) -> bytes:
        """What a scrape gets."""
        return generate_latest(self.registry)


class _NowValues(Collector):
    """Gauges that are asked for when they are read."""

    def __init__(self, values: Callable[[], dict[str, float]]) -> None:
        self._values = values

    def collect(self) -> Iterator[Metric]:
        for name, value in self._values().items():
            yield GaugeMetricFamily(f"codec_{name}", name.replace("_", " ").capitalize() + ".", value=value)

    def describe(self) -> list[Metric]:
        return []


def _as_it_is(entry: dict[str, Any]) -> dict[str, Any]:
    """Spares the queue a deep copy."""
    return entry


def _status_of(entry: dict[str, Any]) -> str:
    status = entry.get("status") or {}
    if status.get("completed"):
        return "success"
    messages = [event for event, _ in status.get("messages") or []]
    return "interrupted" if "execution_interrupted" in messages else "error"
