"""Errors of nodes, each naming the input at fault.

NodeInputError(ValueError)         an input's value cannot be used
+-- InputFileError                 a file named by an input is missing, of another kind, or out of bounds
+-- OutputFileError                a file named by an input cannot be written
+-- SizeError                      an input asks for more than this machine has
"""

from __future__ import annotations


class NodeInputError(ValueError):
    """An input's value cannot be used. Fields: `input_name`, `value`, `reason`."""

    def __init__(self, input_name: str, value: object, reason: str) -> None:
        self.input_name, self.value, self.reason = input_name, value, reason
        super().__init__(f"{input_name} - {value!r} {reason}")


class InputFileError(NodeInputError):
    """A file named by an input is missing, is of another kind, or lies outside of its folder."""


class OutputFileError(NodeInputError):
    """A file named by an input cannot be written: the folder, the disk, its limits. Field: `errno`, or None."""

    def __init__(self, input_name: str, value: object, reason: str, errno: int | None = None) -> None:
        self.errno = errno
        super().__init__(input_name, value, reason)


class SizeError(NodeInputError):
    """An input asks for a tensor larger than this machine's memory."""
