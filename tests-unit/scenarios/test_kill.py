"""kill -9 at random moments of a running queue: no accepted prompt is lost, none runs twice."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

PROGRAM = Path(__file__).parents[1] / "support" / "killed_engine.py"
NUM_KILLS = 50
LONGEST_LIFE_S = 0.25


def killed_after(folder: Path, delay_s: float) -> None:
    """One life of the process, ended without warning `delay_s` after it began to serve."""
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(folder), "run"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    timer = threading.Timer(delay_s, process.send_signal, [signal.SIGKILL])
    timer.start()
    process.wait()
    timer.join()
    process.stdout.close()


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def test_every_accepted_prompt_is_pending_finished_or_reported_exactly_once(tmp_path: Path) -> None:
    moments = random.Random(20261120)
    for _ in range(NUM_KILLS):
        killed_after(tmp_path, moments.uniform(0, LONGEST_LIFE_S))
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(tmp_path), "report"], capture_output=True, text=True, check=True
    )
    state = json.loads(done.stdout)
    places = Counter(state["waiting"] + state["succeeded"] + state["interrupted"])
    accepted, ran = lines(tmp_path / "accepted"), Counter(lines(tmp_path / "ran"))
    assert len(accepted) > NUM_KILLS, "the processes lived too short to prove anything"
    assert set(accepted) <= set(places), "an accepted prompt was lost"
    assert max(places.values()) == 1, "a prompt is in two places"
    assert max(ran.values()) == 1, "a prompt ran twice"
    assert not set(ran) & set(state["waiting"]), "a prompt that ran is waiting again"
    assert set(state["succeeded"]) <= set(ran)
