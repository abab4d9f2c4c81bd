"""Every flag of the recorded command line is taken, with its recorded default."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from comfy.cli_args import parse, without_effect

RECORDED = json.loads((Path(__file__).parents[1] / "data/contract/cli.json").read_text(encoding="utf-8"))
MAIN = (Path(__file__).parents[2] / "main.py").read_text(encoding="utf-8")
HONOURED = set(re.search(r'HONOURED = frozenset\(\s*"""(.*?)"""', MAIN, re.DOTALL)[1].split())  # type: ignore[index]
CHANGED_IN_2026 = {"--cuda-device", "--async-offload", "--verbose", "--fast", "--database-url"}
"""Their form changed (several values, optional value), so their old default says nothing."""


def example(flag: dict[str, Any]) -> list[str]:
    """A command line that uses the flag."""
    if flag["kind"] == "flag":
        return [flag["name"]]
    if flag.get("choices"):
        return [flag["name"], str(flag["choices"][-1])]
    values = {"int": "3", "float": "1.5", "float*": "1.5", "existing directory": "/tmp", "KEY[=VALUE]": "a=b"}
    return [flag["name"], values.get(flag["type"], "text")]


@pytest.mark.parametrize("flag", RECORDED["flags"] + RECORDED["added_2026"], ids=lambda flag: flag["name"])
def test_the_flag_is_taken(flag: dict[str, Any]) -> None:
    parsed, unknown = parse(example(flag))
    assert unknown == []
    assert getattr(parsed, flag["name"].lstrip("-").replace("-", "_")) not in (None, False)


@pytest.mark.parametrize(
    "flag",
    [flag for flag in RECORDED["flags"] if flag["name"] not in CHANGED_IN_2026],
    ids=lambda flag: flag["name"],
)
def test_the_default_is_the_recorded_one(flag: dict[str, Any]) -> None:
    value = getattr(parse([])[0], flag["name"].lstrip("-").replace("-", "_"))
    assert getattr(value, "value", value) == flag["default"]


def test_flags_that_are_read_are_listed_as_such() -> None:
    assert set(re.findall(r"\bargs\.([a-z_0-9]+)", MAIN)) == HONOURED


def test_flags_without_effect_are_named() -> None:
    parsed, _ = parse(
        ["--fp16-vae", "--lowvram", "--port", "1", "--disable-xformers", "--async-offload", "3"]
    )
    assert without_effect(parsed, HONOURED) == ["--async-offload", "--fp16-vae", "--lowvram"]
    assert without_effect(parse([])[0], HONOURED) == []


def test_unknown_flags_are_left_out_with_their_values() -> None:
    parsed, unknown = parse(["--speed", "11", "--cpu", "--other=5"])
    assert (parsed.cpu, unknown) == (True, ["--speed", "11", "--other=5"])


def test_refusing_paid_services_means_offline() -> None:
    assert parse(["--disable-api-nodes"])[0].offline is True
