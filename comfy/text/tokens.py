"""Weighted tokens, and how they are laid out in chunks of fixed length.

A token is an id of the vocabulary or the row of a textual-inversion embedding. What belongs together (a
stretch of text of one weight, or one embedding) is a word: short words move to the next chunk as a whole,
long ones are cut.
Source: measured: vectors text_prompts (sd1_tokens, embedding_tokens, word_ids).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

Token = int | Tensor
"""An id of the vocabulary, or one embedding row (width,) float."""

TokenChunks = list[list[tuple[Any, ...]]]
"""Chunks of (token, weight) pairs, or (token, weight, word number) triples; 0 is the number of no word."""


class WeightedToken(NamedTuple):
    """One slot of a chunk."""

    token: Token
    weight: float
    word: int = 0


@dataclass(frozen=True, slots=True)
class ChunkLayout:
    """How a text encoder wants its input: length, and the ids that frame and fill a chunk."""

    start: int
    end: int
    pad: int
    length: int = 77
    long_word: int = 8
    """Words of at least so many tokens may be cut at a chunk border."""

    def __post_init__(self) -> None:
        if self.length - 2 < self.long_word - 1:
            raise ValueError(
                f"a chunk of {self.length} cannot hold an uncut word of {self.long_word - 1} tokens"
            )

    def empty(self) -> list[int]:
        """The ids of an empty prompt: one chunk."""
        return [self.start, self.end, *[self.pad] * (self.length - 2)]


def lay_out(words: Iterable[Sequence[WeightedToken]], layout: ChunkLayout) -> list[list[WeightedToken]]:
    """Chunks of exactly `layout.length` slots, at least one, each framed and padded by itself."""
    start, end = WeightedToken(layout.start, 1.0), WeightedToken(layout.end, 1.0)
    chunks = [[start]]
    for word in words:
        may_be_cut = len(word) >= layout.long_word
        at = 0
        while at < len(word):
            chunk = chunks[-1]
            room = layout.length - 1 - len(chunk)
            if len(word) - at <= room or may_be_cut:
                chunk += word[at : at + room]
                at += room
            if at < len(word):
                chunks.append([start])
    for chunk in chunks:
        chunk.append(end)
        chunk += [WeightedToken(layout.pad, 1.0)] * (layout.length - len(chunk))
    return chunks
