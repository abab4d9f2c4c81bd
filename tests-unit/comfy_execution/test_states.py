"""The transition table: closed, ending, and the same as its drawing in the docs."""

from __future__ import annotations

import re
from pathlib import Path

from comfy_execution.states import TRANSITIONS, NodeState

DRAWING = Path(__file__).parents[2] / "docs" / "engine.md"
TERMINAL = {NodeState.FINISHED, NodeState.FAILED}


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(NodeState)


def test_only_terminal_states_have_no_way_out() -> None:
    assert {state for state, moves in TRANSITIONS.items() if not moves} == TERMINAL


def test_every_state_is_reached_from_the_first_and_leads_to_an_end() -> None:
    reached, stack = {NodeState.WAITING}, [NodeState.WAITING]
    while stack:
        for after in TRANSITIONS[stack.pop()].values():
            if after not in reached:
                reached.add(after)
                stack.append(after)
    assert reached == set(NodeState)
    for state in set(NodeState) - TERMINAL:
        assert TERMINAL & set(TRANSITIONS[state].values()) or any(
            TRANSITIONS[after] for after in TRANSITIONS[state].values()
        )


def test_the_drawing_in_the_docs_is_the_table() -> None:
    text = DRAWING.read_text(encoding="utf-8")
    drawn = set(re.findall(r"^    (\w+) --> (\w+): (.+)$", text, re.MULTILINE))
    table = {
        (before.value, after.value, move.value)
        for before, moves in TRANSITIONS.items()
        for move, after in moves.items()
    }
    assert drawn == table
