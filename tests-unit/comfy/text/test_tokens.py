"""Laying words out in chunks: frames, padding, what is cut and what moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfy.text.tokens import ChunkLayout, WeightedToken, lay_out

LAYOUT = ChunkLayout(start=1, end=2, pad=0, length=12, long_word=8)


def _word(length, first=100):
    return [WeightedToken(first + i, 1.0, 1) for i in range(length)]


def _ids(chunks):
    return [[slot.token for slot in chunk] for chunk in chunks]


def test_no_words_give_one_framed_empty_chunk():
    assert _ids(lay_out([], LAYOUT)) == [LAYOUT.empty()]


def test_a_short_word_that_does_not_fit_moves_as_a_whole():
    first, second = _ids(lay_out([_word(8), _word(4, 200)], LAYOUT))
    assert first == [1, *range(100, 108), 2, 0, 0]
    assert second == [1, 200, 201, 202, 203, 2, 0, 0, 0, 0, 0, 0]


def test_a_long_word_is_cut_at_the_border():
    first, second = _ids(lay_out([_word(4), _word(8, 200)], LAYOUT))
    assert first == [1, 100, 101, 102, 103, *range(200, 206), 2]
    assert second[:4] == [1, 206, 207, 2]


def test_padding_has_weight_one_and_no_word():
    (chunk,) = lay_out([[WeightedToken(5, 1.4, 1)]], LAYOUT)
    assert chunk[1] == WeightedToken(5, 1.4, 1)
    assert all(slot.weight == 1.0 and slot.word == 0 for slot in chunk[2:])


@given(st.lists(st.integers(min_value=0, max_value=30), max_size=12))
def test_every_token_survives_in_order_and_every_chunk_is_full(lengths):
    words = [_word(length, 100 * (i + 1)) for i, length in enumerate(lengths)]
    chunks = lay_out(words, LAYOUT)
    assert all(len(chunk) == LAYOUT.length and chunk[0].token == 1 for chunk in chunks)
    kept = [token for chunk in _ids(chunks) for token in chunk if token >= 100]
    assert kept == [slot.token for word in words for slot in word]


@pytest.mark.parametrize("length", [10, 11, 20, 21])
def test_a_word_that_fills_chunks_exactly_adds_no_empty_one(length):
    assert len(lay_out([_word(length)], LAYOUT)) == -(-length // 10)


def test_a_layout_that_cannot_hold_an_uncut_word_is_refused():
    with pytest.raises(ValueError, match="uncut"):
        ChunkLayout(start=1, end=2, pad=0, length=8, long_word=8)
