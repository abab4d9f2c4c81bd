"""The engine imports on a machine without torch, numpy, Pillow and aiohttp."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCKED = ("torch", "numpy", "PIL", "aiohttp")
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "comfy_execution").rglob("*.py")
)
PROGRAM = """
import importlib, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
for module in {modules}:
    importlib.import_module(module)
"""


@pytest.mark.parametrize("extra", [[], ["execution", "comfy_api.adapters"]])
def test_every_module_of_the_engine_imports_without_the_heavy_libraries(extra: list[str]) -> None:
    program = PROGRAM.format(blocked=set(BLOCKED), modules=[*MODULES, *extra])
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
