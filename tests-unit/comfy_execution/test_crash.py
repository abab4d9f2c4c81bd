"""A process that is killed at any moment loses no prompt it accepted, and reports none twice."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from app.store import SqliteQueueStore

CHILD = Path(__file__).parents[1] / "support" / "crash_child.py"
NUM_KILLS = 50
PROMPTS_PER_LIFE = 40
LIFE_LIMIT_S = 60.0
"""A child that neither dies nor ends within a minute hangs."""


def live_once(store: Path, first: int, kill_after: int | None) -> list[str]:
    """Starts the child, kills it after so many accepted prompts; what it said it accepted."""
    child = subprocess.Popen(
        [sys.executable, str(CHILD), str(store), str(first), str(PROMPTS_PER_LIFE)],
        stdout=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(LIFE_LIMIT_S, child.kill)
    watchdog.start()
    accepted: list[str] = []
    try:
        assert child.stdout is not None
        for line in child.stdout:
            if not line.endswith("\n"):
                break  # the kill came in the middle of the line: nothing was promised yet
            accepted.append(line.split()[1])
            if len(accepted) == kill_after:
                child.kill()
        code = child.wait()
        assert code == (0 if kill_after is None else -9)
    finally:
        watchdog.cancel()
        child.stdout.close()
    return accepted


def test_every_accepted_prompt_is_waiting_finished_or_failed_exactly_once(tmp_path: Path) -> None:
    store_path = tmp_path / "queue.sqlite3"
    rng = random.Random(20261120)
    accepted: list[str] = []
    for life in range(NUM_KILLS):
        accepted += live_once(store_path, life * PROMPTS_PER_LIFE, rng.randint(1, PROMPTS_PER_LIFE))
        store = SqliteQueueStore(store_path, max_history=10_000)
        left = store.restore()
        store.close()
        places = Counter(
            [item[1] for item in left.waiting]
            + [item[1] for item in left.interrupted]
            + [prompt_id for prompt_id, _ in left.history]
        )
        assert len(left.interrupted) <= 1
        assert set(places.values()) <= {1}
        assert set(accepted) <= set(places)

    accepted += live_once(store_path, NUM_KILLS * PROMPTS_PER_LIFE, None)
    store = SqliteQueueStore(store_path, max_history=10_000)
    left = store.restore()
    store.close()
    assert (left.waiting, left.interrupted) == ([], [])
    ends = {prompt_id: entry["status"] for prompt_id, entry in left.history}
    assert set(accepted) <= set(ends)
    failed = [status for status in ends.values() if not status["completed"]]
    assert all(status["messages"][-1][0] == "execution_interrupted" for status in failed)
    assert len(failed) <= NUM_KILLS
