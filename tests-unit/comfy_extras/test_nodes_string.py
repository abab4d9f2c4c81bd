"""String nodes."""

from __future__ import annotations

import pytest

from comfy_extras import nodes_string as strings


@pytest.mark.parametrize(
    ("node", "arguments", "result"),
    [
        (strings.StringConcatenate, ("a", "b", ", "), "a, b"),
        (strings.StringSubstring, ("hello", 1, 3), "el"),
        (strings.StringSubstring, ("hello", -3, 99), "llo"),
        (strings.StringLength, ("猫 cat",), 5),
        (strings.CaseConverter, ("a cat SAT", "UPPERCASE"), "A CAT SAT"),
        (strings.CaseConverter, ("a cat SAT", "lowercase"), "a cat sat"),
        (strings.CaseConverter, ("a cat SAT", "Capitalize"), "A cat sat"),
        (strings.CaseConverter, ("a cat SAT", "Title Case"), "A Cat Sat"),
        (strings.StringTrim, (" a ", "Both"), "a"),
        (strings.StringTrim, (" a ", "Left"), "a "),
        (strings.StringTrim, (" a ", "Right"), " a"),
        (strings.StringReplace, ("a.b.c", ".", "-"), "a-b-c"),
        (strings.StringContains, ("A cat", "a C", True), False),
        (strings.StringContains, ("A cat", "a C", False), True),
        (strings.StringCompare, ("Cat", "ca", "Starts With", False), True),
        (strings.StringCompare, ("Cat", "at", "Ends With", True), True),
        (strings.StringCompare, ("Cat", "cat", "Equal", True), False),
    ],
)
def test_a_node_gives_the_text_or_the_answer(node, arguments, result):
    assert node.execute(*arguments).result == (result,)


async def test_every_node_of_the_file_is_offered():
    listed = await (await strings.comfy_entrypoint()).get_node_list()
    assert len(listed) == 8 == len({node.GET_SCHEMA().node_id for node in listed})
