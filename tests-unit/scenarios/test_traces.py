"""Recorded conversations with the peer, replayed against a whole server: every message and answer is equal.

The node pack, the recordings and the tool that compares are data (`tests-unit/data/traces`). The tool runs over all
cases, in their order and on a fresh server, because file counters go on from case to case. It does so with two seeds
of Python's hashes: no message may depend on the order of a set.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TRACES = Path(__file__).parents[1] / "data" / "traces"
CASES = [case["name"] for case in json.loads((TRACES / "cases.json").read_text())]

ON_PURPOSE = {
    "30_err_no_class_type": "a 2026 server says missing_node_type",
    "31_err_unknown_node": "a 2026 server says missing_node_type",
    "34_err_cycle": "a 2026 server reports dependency_cycle",
    "49_v3_node": "a 2026 server refuses a V3 choice that is not on the list",
}


@pytest.fixture(scope="module", params=["1", "20261120"])
def verdicts(start_server: Any, request: pytest.FixtureRequest) -> dict[str, str]:
    """Case name -> the tool's line about it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONHASHSEED", request.param)
        server = start_server("--cache-classic", "--queue-memory", packs=(TRACES / "contract_nodes",))
    cases = [name for name in CASES if name not in ON_PURPOSE]
    command = [sys.executable, str(TRACES / "trace_tool.py"), "check", "--url", server.url, *cases]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert server.is_alive, server.log.read_text()[-3000:]
    assert "IMPORT FAILED" not in server.log.read_text()
    found = {line.split()[1]: line for line in ran.stdout.splitlines() if line.strip()}
    assert set(found) == set(cases), ran.stderr[-2000:]
    return found


@pytest.mark.parametrize("case", [name for name in CASES if name not in ON_PURPOSE])
def test_conversation_equals_the_recording(verdicts: dict[str, str], case: str) -> None:
    assert verdicts[case].startswith("ok "), verdicts[case]
