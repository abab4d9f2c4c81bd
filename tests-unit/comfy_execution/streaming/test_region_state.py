"""Whose turn it is: the pure half of a region's drive."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from comfy_execution.errors import InvariantError
from comfy_execution.streaming.region_state import (
    IDLE_STEPS_AT_BUDGET,
    TRANSITIONS,
    Lag,
    RegionState,
    SinkMove,
    SinkState,
    Turn,
)

PAGE = Path(__file__).parents[3] / "docs" / "streaming.md"


def stepped(state: RegionState, sink: int, *, pulled: bool = True) -> None:
    state.move(sink, SinkMove.STEP_STARTED)
    state.move(sink, SinkMove.STEPPED, pulled=pulled)


def order(state: RegionState, steps: int, lags: tuple[Lag, ...] = (), *, is_full: bool = False) -> list[int]:
    found = []
    for _ in range(steps):
        turn = state.choose(lags, is_full=is_full)
        assert isinstance(turn, int)
        found.append(turn)
        stepped(state, turn)
    return found


def test_round_robin_where_nothing_is_held():
    assert order(RegionState(3), 7) == [0, 1, 2, 0, 1, 2, 0]


def test_the_sink_that_lags_at_the_fullest_tee_is_stepped():
    lags = (Lag(8, [0]), Lag(24, [2]), Lag(16, [1]))
    assert order(RegionState(3), 2, lags) == [2, 2]


def test_a_sink_that_did_not_pull_gives_way_once():
    state = RegionState(2)
    lags = (Lag(8, [0]),)
    assert state.choose(lags, is_full=False) == 0
    stepped(state, 0, pulled=False)
    assert state.choose(lags, is_full=False) == 1
    stepped(state, 1)
    assert state.choose(lags, is_full=False) == 0


def test_at_the_budget_only_lagging_sinks_are_stepped_until_they_prove_idle():
    state, lags, turns = RegionState(2), (Lag(8, [0]),), []
    for _ in range(3 * IDLE_STEPS_AT_BUDGET):
        turn = state.choose(lags, is_full=True)
        turns.append(turn)
        stepped(state, turn, pulled=turn == 1)
    assert 1 not in turns[2 : IDLE_STEPS_AT_BUDGET - 2]
    assert 2 <= turns.count(1) <= 8


def test_at_the_budget_a_parked_sink_is_waited_for():
    state = RegionState(2)
    state.move(0, SinkMove.STEP_STARTED)
    state.move(0, SinkMove.PARKED)
    assert state.choose((Lag(8, [0]),), is_full=False) == 1
    assert state.choose((Lag(8, [0]),), is_full=True) is Turn.WAIT
    state.move(0, SinkMove.WOKEN)
    assert state.choose((Lag(8, [0]),), is_full=True) == 0


def test_done_and_wait():
    state = RegionState(1)
    state.move(0, SinkMove.STEP_STARTED)
    assert state.choose((), is_full=False) is Turn.WAIT
    state.move(0, SinkMove.RETURNED)
    assert state.choose((), is_full=False) is Turn.DONE
    assert state.choose((), is_full=True) is Turn.DONE
    assert state.add_sink() == 1
    assert state.choose((), is_full=False) == 1


@pytest.mark.parametrize("state", list(SinkState))
@pytest.mark.parametrize("move", list(SinkMove))
def test_moves_that_the_table_does_not_know_are_our_bug(state, move):
    region = RegionState(1)
    region._sinks[0].state = state
    if move in TRANSITIONS[state]:
        region.move(0, move)
        assert region.state(0) is TRANSITIONS[state][move]
    else:
        with pytest.raises(InvariantError):
            region.move(0, move)


def test_the_drawing_in_the_docs_is_the_table():
    drawn = set(re.findall(r"^    (\w+) --> (\w+): (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    table = {
        (before.value, after.value, move.value)
        for before, moves in TRANSITIONS.items()
        for move, after in moves.items()
    }
    assert drawn == table
