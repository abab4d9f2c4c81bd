"""The restart demo of docs/engine.md: what it prints is what the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_restart_demo_prints_what_the_page_says() -> None:
    page = (ROOT / "docs" / "engine.md").read_text(encoding="utf-8")
    shown = re.search(r"\$ python docs/examples/queue_survives.py\n(.*?)```", page, re.DOTALL)
    assert shown is not None
    ran = subprocess.run(
        [sys.executable, "docs/examples/queue_survives.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert ran.stdout == shown.group(1)
