"""The weight syntax of prompts: `(text)` is 1.1 times as strong, `(text:1.3)` has strength 1.3.

Text in, segments with weights out; no tokens here. A number replaces the weight that surrounding
parentheses gave, bare parentheses multiply it. `\\(` and `\\)` stand for the characters themselves.
Source: measured: vectors text_prompts/weights.
"""

from __future__ import annotations

import re

PARENTHESIS_FACTOR = 1.1
"""What one pair of parentheses without a number multiplies."""

MAX_NESTING = 128
"""Deeper parentheses stay text. 1.1 ** 128 is beyond 100,000, no prompt means that; the limit bounds the
recursion."""

_ESCAPED_CLOSE = "\0\1"
_ESCAPED_OPEN = "\0\2"
_PARENTHESIS = re.compile(r"[()]")

Segment = tuple[str, float]


def escape_important(text: str) -> str:
    """Hides escaped parentheses from the parser, behind characters that no prompt has."""
    return text.replace("\\)", _ESCAPED_CLOSE).replace("\\(", _ESCAPED_OPEN)


def unescape_important(text: str) -> str:
    """Brings the hidden parentheses back, without their backslashes."""
    return text.replace(_ESCAPED_CLOSE, ")").replace(_ESCAPED_OPEN, "(")


def parse_parentheses(text: str) -> list[str]:
    """Cuts text into pieces outside of parentheses and whole `(...)` groups, in order; joined they are the
    text.

    A group that is never closed is one piece up to the end; a lone `)` stays in its piece.
    """
    pieces: list[str] = []
    depth = 0
    start = 0
    for match in _PARENTHESIS.finditer(text):
        at = match.start()
        if match.group() == "(":
            if depth == 0 and at > start:
                pieces.append(text[start:at])
                start = at
            depth += 1
        elif depth > 0:
            depth -= 1
            if depth == 0:
                pieces.append(text[start : at + 1])
                start = at + 1
    if start < len(text):
        pieces.append(text[start:])
    return pieces


def token_weights(text: str, current_weight: float, depth: int = 0) -> list[Segment]:
    """Segments of escaped text with their weights; `current_weight` is what surrounds the text."""
    segments: list[Segment] = []
    for piece in parse_parentheses(text):
        is_group = len(piece) >= 2 and piece[0] == "(" and piece[-1] == ")"
        if not is_group or depth >= MAX_NESTING:
            segments.append((piece, current_weight))
            continue
        inside, weight = _split_number(piece[1:-1], current_weight * PARENTHESIS_FACTOR)
        segments += token_weights(inside, weight, depth + 1)
    return segments


def parse_prompt(text: str, *, weights_enabled: bool = True) -> list[Segment]:
    """Segments of a prompt with their weights, escapes resolved. Switched off, the text is one segment of
    weight 1."""
    if not weights_enabled:
        return [(text, 1.0)]
    return [
        (unescape_important(piece), weight) for piece, weight in token_weights(escape_important(text), 1.0)
    ]


def _split_number(inside: str, weight: float) -> Segment:
    """`a:1.3` -> (a, 1.3); what has no number behind its last colon keeps the given weight."""
    colon = inside.rfind(":")
    if colon <= 0:
        return inside, weight
    try:
        return inside[:colon], float(inside[colon + 1 :])
    except ValueError:
        return inside, weight
