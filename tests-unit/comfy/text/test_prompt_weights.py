"""What the golden tables of prompts do not cover: escapes, depth, length."""

from __future__ import annotations

import time

import pytest

from comfy.text.prompt_weights import (
    MAX_NESTING,
    escape_important,
    parse_parentheses,
    parse_prompt,
    unescape_important,
)


def test_escaping_and_unescaping_drop_only_the_backslashes():
    assert unescape_important(escape_important(r"a \(b\) (c) \d")) == r"a (b) (c) \d"


@pytest.mark.parametrize("text", ["", "a(b)c", "((a)", "a))b", "(a)(b)", "((a)(b", ")(", "a (b (c) d) e"])
def test_pieces_joined_are_the_text(text):
    assert "".join(parse_parentheses(text)) == text


def test_weights_switched_off_leave_the_text_alone():
    assert parse_prompt(r"(a:1.3) \(b\)", weights_enabled=False) == [(r"(a:1.3) \(b\)", 1.0)]


def test_parentheses_beyond_any_use_stay_text_instead_of_exhausting_the_stack():
    depth = 20_000
    ((text, weight),) = parse_prompt("(" * depth + "a" + ")" * depth)
    assert text.count("(") == depth - MAX_NESTING
    assert weight == pytest.approx(1.1**MAX_NESTING)


def test_a_megabyte_of_open_parentheses_is_read_quickly():
    start = time.perf_counter()
    assert parse_prompt("(" * 1_000_000) == [("(" * 1_000_000, 1.0)]
    assert time.perf_counter() - start < 5
