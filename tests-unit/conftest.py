"""Options and fixtures that every part of the suite shares."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--vectors", default=None, help="folder of golden vector families")
