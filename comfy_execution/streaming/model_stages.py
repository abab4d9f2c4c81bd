"""Models of a region: loaded together once; where they do not fit, the region is cut between them.

At a cut the frames of the first model are all made (what is beyond the budget goes to a file) before the second model
sees one, so that each model is brought to the device once and not once per chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from comfy_execution.streaming.member import Member


def cut_between_models(members: Sequence[Member], hold_models: Callable[[Sequence[Any]], bool]) -> int:
    """Marks the tees where the region is cut; their number. `members` sources first."""
    own = {member: _models_of(member) for member in members}
    everything = list(dict.fromkeys(model for models in own.values() for model in models))
    if len(everything) == 0 or hold_models(everything) or len(everything) == 1:
        return 0
    cuts = 0
    above: dict[Member, frozenset[Any]] = {}
    for member in members:
        sources = [branch.lane.tee for branch in member.inputs]
        inherited = frozenset().union(*(above.get(tee.member, frozenset()) for tee in sources))
        mine = frozenset(own[member])
        if mine and inherited - mine:
            for tee in sources:
                if above.get(tee.member, frozenset()) - mine and not tee.is_cut:
                    tee.is_cut = True
                    cuts += 1
            inherited = frozenset()
        above[member] = inherited | mine
    return cuts


def _models_of(member: Member) -> list[Any]:
    streams = [lane.stream for tee in member.tees for lane in tee.lanes]
    return [model for stream in streams for model in getattr(stream, "models", ())]
