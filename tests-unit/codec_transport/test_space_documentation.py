"""The operator's page of the wire: its table is the registry's, its command lines are understood."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from codec_transport import calibrate, train_dict
from codec_transport.spaces.builtin import builtin_spaces

PAGE = (Path(__file__).parents[2] / "docs" / "latent_spaces.md").read_text("utf-8")
COMMANDS = re.findall(r"^python -m codec_transport\.(\w+) (.+)$", PAGE, re.MULTILINE)


def test_table_of_spaces_is_what_ships():
    rows = re.findall(r"^\| `([^`]+)`[^|]*\| (\d+) \| (\d+) \| (\d+) \| (\w+) \|$", PAGE, re.MULTILINE)
    expected = [
        (
            space.id,
            str(space.shape[0]),
            str(space.spatial_stride),
            str(space.temporal_stride),
            space.static_scales.origin.value,
        )
        for space in builtin_spaces()
    ]
    assert rows == expected


@pytest.mark.parametrize(("module", "arguments"), COMMANDS)
def test_command_lines_are_understood(module, arguments):
    {"calibrate": calibrate, "train_dict": train_dict}[module].parser().parse_args(shlex.split(arguments))


def test_both_commands_are_documented():
    assert {module for module, _ in COMMANDS} == {"calibrate", "train_dict"}
