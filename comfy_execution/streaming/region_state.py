"""Whose turn it is: the pure half of a region's drive. No frames, no clock, no await.

A sink is ready, busy (an async step runs), parked (it waits for the world), returned or gone. `choose` says who is
stepped next: the sink that lags at the tee that holds most, so that little is held; round robin where nothing is held.
A sink that steps without pulling gives way. With the budget full only lagging sinks are stepped, until they prove idle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from comfy_execution.errors import InvariantError

IDLE_STEPS_AT_BUDGET = 64
"""So often a lagging sink may step without pulling before the others go on at the cost of a file."""


class SinkState(Enum):
    """Where a sink stands."""

    READY = "ready"
    BUSY = "busy"
    PARKED = "parked"
    RETURNED = "returned"
    GONE = "gone"


class SinkMove(Enum):
    """What happens to a sink."""

    STEP_STARTED = "step started"
    STEPPED = "stepped"
    PARKED = "parked"
    WOKEN = "woken"
    RETURNED = "returned"
    LOST = "lost"


TRANSITIONS: dict[SinkState, dict[SinkMove, SinkState]] = {
    SinkState.READY: {SinkMove.STEP_STARTED: SinkState.BUSY},
    SinkState.BUSY: {
        SinkMove.STEPPED: SinkState.READY,
        SinkMove.PARKED: SinkState.PARKED,
        SinkMove.RETURNED: SinkState.RETURNED,
        SinkMove.LOST: SinkState.GONE,
    },
    SinkState.PARKED: {SinkMove.WOKEN: SinkState.READY},
    SinkState.RETURNED: {},
    SinkState.GONE: {},
}


class Turn(Enum):
    """What to do when no sink is to be stepped."""

    WAIT = "wait"
    """Until a parked or busy sink can go on."""
    DONE = "done"
    """No sink is left."""


@dataclass(slots=True)
class _Entry:
    state: SinkState = SinkState.READY
    turn: int = 0
    idle_steps: int = 0


@dataclass(frozen=True, slots=True)
class Lag:
    """A tee whose readers are apart: what it holds, and the sinks behind its last reader."""

    held: int
    sinks: Sequence[int]


class RegionState:
    """The sinks of one region."""

    def __init__(self, num_sinks: int) -> None:
        self._sinks = [_Entry(turn=i) for i in range(num_sinks)]
        self._clock = num_sinks

    def add_sink(self) -> int:
        """One more sink (a saver that goes on alone); gives its number."""
        self._sinks.append(_Entry(turn=self._clock))
        return len(self._sinks) - 1

    def state(self, sink: int) -> SinkState:
        """Where a sink stands."""
        return self._sinks[sink].state

    def move(self, sink: int, move: SinkMove, *, pulled: bool = True) -> None:
        """Takes one report. `pulled`: whether the step took frames. Raises: InvariantError for an unknown move."""
        entry = self._sinks[sink]
        state = TRANSITIONS[entry.state].get(move)
        if state is None:
            raise InvariantError(f"sink {sink}", entry.state.value, move.value)
        entry.state = state
        if move is SinkMove.STEP_STARTED:
            self._clock += 1
            entry.turn = self._clock
        elif move is SinkMove.STEPPED:
            entry.idle_steps = 0 if pulled else entry.idle_steps + 1

    def choose(self, lags: Sequence[Lag], *, is_full: bool) -> int | Turn:
        """The sink to step next. `lags` in any order."""
        ready = [i for i, entry in enumerate(self._sinks) if entry.state is SinkState.READY]
        if not ready:
            waits = any(entry.state in (SinkState.BUSY, SinkState.PARKED) for entry in self._sinks)
            return Turn.WAIT if waits else Turn.DONE
        longest_waiting = min(ready, key=self._turn)
        for lag in sorted(lags, key=lambda lag: -lag.held):
            behind = [self._sinks[i] for i in lag.sinks]
            moving = [i for i in lag.sinks if self._is_ready(i) and not self._gives_way(i, longest_waiting)]
            if moving:
                return min(moving, key=self._turn)
            if not is_full:
                continue
            patient = [
                i
                for i in lag.sinks
                if self._is_ready(i) and self._sinks[i].idle_steps % IDLE_STEPS_AT_BUDGET > 0
            ]
            if patient:
                return min(patient, key=self._turn)
            if behind and all(entry.state in (SinkState.PARKED, SinkState.BUSY) for entry in behind):
                return Turn.WAIT
        return longest_waiting

    def _gives_way(self, sink: int, longest_waiting: int) -> bool:
        """After a step without a pull all others that are ready come first, once."""
        return self._sinks[sink].idle_steps > 0 and sink != longest_waiting

    def _is_ready(self, sink: int) -> bool:
        return self._sinks[sink].state is SinkState.READY

    def _turn(self, sink: int) -> int:
        return self._sinks[sink].turn
