"""The recorded traces, played straight against queue, worker and executor: what clients would see, message by message.

Cases that need routes (uploads, reconnects, raw HTTP) or core nodes are checked by the tool over HTTP elsewhere; those
that contradict the interface of 2026 are answered in `test_validation.py`.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from engine_harness import TRACES, CaseRun, load_contract_pack, load_trace_tool, new_registry, recorded

import comfy.progress

TOOL = load_trace_tool()
CASES = {case["name"]: case for case in json.loads((TRACES / "cases.json").read_text(encoding="utf-8"))}
OTHERWISE_IN_2026 = {"30", "31", "34", "49", "60"}
NEEDS_ROUTES = {"32", "58"}
PLAYED = [
    name
    for name, case in CASES.items()
    if case["needs"] == "contract_nodes" and name[:2] not in OTHERWISE_IN_2026 | NEEDS_ROUTES
]


def play(name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], dict[str, Any]]:
    registry = new_registry({})
    run = CaseRun(TOOL, CASES[name], registry)
    registry.classes.update(load_contract_pack(run.sink))
    monkeypatch.setattr(comfy.progress, "PROGRESS_BAR_HOOK", run.bench.hook)
    return run.play(), recorded(name, run.run.ids)


def kinds(messages: list[dict[str, Any]]) -> set[str]:
    return {message.get("type", "binary") for message in messages}


def without_outputs(answers: list[Any]) -> list[Any]:
    return json.loads(json.dumps(answers, sort_keys=True), object_hook=_cut)


def _cut(fields: dict[str, Any]) -> dict[str, Any]:
    fields.pop("dependent_outputs", None)
    return fields


@pytest.mark.parametrize("name", PLAYED)
def test_case_gives_the_recorded_messages_answers_and_history(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    got, reference = play(name, monkeypatch)
    if CASES[name].get("order") == "loose":
        assert kinds(got["ws"]) == kinds(reference["ws"])
        assert without_outputs(got["answers"]) == without_outputs(reference["answers"])
    else:
        assert got["ws"] == reference["ws"]
        assert got["answers"] == reference["answers"]
    assert got["history"] == reference["history"]
