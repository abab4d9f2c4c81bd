"""String nodes: joining, cutting, replacing, comparing text."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import ClassVar

from comfy_api.latest import ComfyExtension, io

CATEGORY = "utils/string"


def _text(name: str) -> io.String.Input:
    return io.String.Input(name, multiline=True)


class StringConcatenate(io.ComfyNode):
    """Two texts with something between them."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StringConcatenate",
            display_name="Concatenate",
            category=CATEGORY,
            inputs=[
                _text("string_a"),
                _text("string_b"),
                io.String.Input("delimiter", multiline=False, default=""),
            ],
            outputs=[io.String.Output()],
        )

    @classmethod
    def execute(cls, string_a: str, string_b: str, delimiter: str) -> io.NodeOutput:
        return io.NodeOutput(delimiter.join((string_a, string_b)))


class StringSubstring(io.ComfyNode):
    """A stretch of a text; negative positions count from the end."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StringSubstring",
            display_name="Substring",
            category=CATEGORY,
            inputs=[_text("string"), io.Int.Input("start"), io.Int.Input("end")],
            outputs=[io.String.Output()],
        )

    @classmethod
    def execute(cls, string: str, start: int, end: int) -> io.NodeOutput:
        return io.NodeOutput(string[start:end])


class StringLength(io.ComfyNode):
    """The number of characters."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StringLength",
            display_name="Length",
            category=CATEGORY,
            inputs=[_text("string")],
            outputs=[io.Int.Output(display_name="length")],
        )

    @classmethod
    def execute(cls, string: str) -> io.NodeOutput:
        return io.NodeOutput(len(string))


class CaseConverter(io.ComfyNode):
    """Upper or lower case."""

    converters = {
        "UPPERCASE": str.upper,
        "lowercase": str.lower,
        "Capitalize": str.capitalize,
        "Title Case": str.title,
    }

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="CaseConverter",
            display_name="Case Converter",
            category=CATEGORY,
            inputs=[_text("string"), io.Combo.Input("mode", options=list(cls.converters))],
            outputs=[io.String.Output()],
        )

    @classmethod
    def execute(cls, string: str, mode: str) -> io.NodeOutput:
        return io.NodeOutput(cls.converters[mode](string))


class StringTrim(io.ComfyNode):
    """Without the white space at one or both ends."""

    trimmers = {"Both": str.strip, "Left": str.lstrip, "Right": str.rstrip}

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StringTrim",
            display_name="Trim",
            category=CATEGORY,
            inputs=[_text("string"), io.Combo.Input("mode", options=list(cls.trimmers))],
            outputs=[io.String.Output()],
        )

    @classmethod
    def execute(cls, string: str, mode: str) -> io.NodeOutput:
        return io.NodeOutput(cls.trimmers[mode](string))


class StringReplace(io.ComfyNode):
    """Every occurrence of one text replaced by another."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StringReplace",
            display_name="Replace",
            category=CATEGORY,
            inputs=[_text("string"), _text("find"), _text("replace")],
            outputs=[io.String.Output()],
        )

    @classmethod
    def execute(cls, string: str, find: str, replace: str) -> io.NodeOutput:
        return io.NodeOutput(string.replace(find, replace))


class StringContains(io.ComfyNode):
    """Whether one text is part of another."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StringContains",
            display_name="Contains",
            category=CATEGORY,
            inputs=[_text("string"), _text("substring"), io.Boolean.Input("case_sensitive", default=True)],
            outputs=[io.Boolean.Output(display_name="contains")],
        )

    @classmethod
    def execute(cls, string: str, substring: str, case_sensitive: bool) -> io.NodeOutput:
        if not case_sensitive:
            string, substring = string.lower(), substring.lower()
        return io.NodeOutput(substring in string)


class StringCompare(io.ComfyNode):
    """Whether two texts are equal, or one begins or ends with the other."""

    comparisons: ClassVar[dict[str, Callable[[str, str], bool]]] = {
        "Starts With": str.startswith,
        "Ends With": str.endswith,
        "Equal": operator.eq,
    }

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StringCompare",
            display_name="Compare",
            category=CATEGORY,
            inputs=[
                _text("string_a"),
                _text("string_b"),
                io.Combo.Input("mode", options=list(cls.comparisons)),
                io.Boolean.Input("case_sensitive", default=True),
            ],
            outputs=[io.Boolean.Output()],
        )

    @classmethod
    def execute(cls, string_a: str, string_b: str, mode: str, case_sensitive: bool) -> io.NodeOutput:
        if not case_sensitive:
            string_a, string_b = string_a.lower(), string_b.lower()
        return io.NodeOutput(cls.comparisons[mode](string_a, string_b))


class StringNodes(ComfyExtension):
    """This file's nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [
            StringConcatenate,
            StringSubstring,
            StringLength,
            CaseConverter,
            StringTrim,
            StringReplace,
            StringContains,
            StringCompare,
        ]


async def comfy_entrypoint() -> StringNodes:
    return StringNodes()
