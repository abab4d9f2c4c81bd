"""Golden vectors: where they are, and how a family's runner finds its cases.

`--vectors DIR` or the environment's VECTORS_DIR names a folder of family folders (`<family>/config.json`,
...); without them the copies under tests-unit/data/vectors run. A family folder without a runner is
reported as not covered.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

DEFAULT_DIRECTORY = Path(__file__).parent.parent / "data" / "vectors"


def vectors_directory(config: pytest.Config) -> Path:
    """The folder of family folders that this run compares with."""
    given = config.getoption("--vectors", default=None) or os.environ.get("VECTORS_DIR")
    return Path(given) if given else DEFAULT_DIRECTORY


class Family:
    """One family's files: config, tensors, JSON tables."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self.path = root / name

    @property
    def exists(self) -> bool:
        return self.path.is_dir()

    def json(self, name: str = "config.json") -> Any:
        return json.loads((self.path / name).read_text(encoding="utf-8"))

    def tensors(self, name: str = "io.safetensors") -> dict[str, Any]:
        from safetensors.torch import load_file

        return load_file(str(self.path / name))


def family_of(config: pytest.Config, name: str) -> Family:
    """For `pytest_generate_tests`: the family's files before any fixture exists."""
    return Family(vectors_directory(config), name)


@pytest.fixture(scope="session")
def vectors_dir(pytestconfig: pytest.Config) -> Path:
    """The folder of family folders."""
    return vectors_directory(pytestconfig)


@pytest.fixture(scope="session")
def family(vectors_dir: Path):
    """`family("unet_sd15")` gives that family's files, or skips when this folder has none."""

    def get(name: str) -> Family:
        found = Family(vectors_dir, name)
        if not found.exists:
            pytest.skip(f"no vectors of family {name} in {vectors_dir}")
        return found

    return get
