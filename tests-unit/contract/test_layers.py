"""The layer table: imports point down, neighbours are blind to each other, and there is no cycle.

Lazy imports inside functions count. Imports for type checkers count for the table, not for cycles. The one
exception is the package door of the wire (`codec_transport/__init__.py`), which re-exports names from
several rooms by PEP 562.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Longest prefix wins. Groups of one row do not import each other; modules of one group may.
LAYERS: list[tuple[int, str, tuple[str, ...]]] = [
    (9, "main", ("main",)),
    (8, "server", ("server",)),
    (7, "app handlers", ("app.routes", "app.middleware")),
    (7, "codec handlers", ("codec_transport.endpoints",)),
    (6, "doors", ("nodes", "execution")),
    (5, "nodes", ("comfy_extras",)),
    (4, "node doors", ("node_helpers", "latent_preview")),
    (4, "latents on the wire", ("codec_transport",)),
    (4, "application", ("app",)),
    (3, "node api", ("comfy_api",)),
    (2, "models", ("comfy",)),
    (2, "engine", ("comfy_execution",)),
    (2, "wire", ("codec_transport.wire", "codec_transport.errors")),
    (2, "folders", ("folder_paths",)),
    (1, "process", ("comfy.cli_args", "comfy.interruption", "comfy._facade", "comfyui_version", "protocol")),
    (0, "ground", ("comfy.options", "comfy.errors")),
]
TOP_LEVEL = {prefix.split(".")[0] for _, _, prefixes in LAYERS for prefix in prefixes}
FORBIDDEN = {
    "comfy_execution": ("torch", "numpy", "aiohttp", "PIL"),
    "codec_transport.wire": ("torch", "numpy", "aiohttp", "asyncio", "logging"),
    "comfy": ("aiohttp",),
}
LAZY_DOORS = {"codec_transport"}


def module_name(path: Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    module_name(path): path
    for top in sorted(TOP_LEVEL)
    for path in [ROOT / f"{top}.py", *sorted((ROOT / top).rglob("*.py"))]
    if path.exists()
}


def layer_of(module: str) -> tuple[int, str]:
    best = max(
        (
            (len(prefix), row, group)
            for row, group, prefixes in LAYERS
            for prefix in prefixes
            if module == prefix or module.startswith(prefix + ".")
        ),
        default=None,
    )
    assert best is not None, f"{module} has no layer"
    return best[1], best[2]


def imported(tree: ast.AST, module: str, is_package: bool) -> Iterator[tuple[str, bool]]:
    """Every imported module with whether it is for type checkers only."""
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for part in block.body
        for node in ast.walk(part)
    }
    for node in ast.walk(tree):
        for_types = id(node) in typing_only
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, for_types
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                anchor = module.split(".")
                anchor = anchor[: len(anchor) - node.level + (1 if is_package else 0)]
                base = ".".join([*anchor, base]) if base else ".".join(anchor)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield (inner if inner in MODULES else base), for_types


EDGES = {
    name: sorted(set(imported(ast.parse(path.read_text(encoding="utf-8")), name, path.name == "__init__.py")))
    for name, path in MODULES.items()
}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_down(module: str) -> None:
    row, group = layer_of(module)
    wrong = []
    for target, _ in EDGES[module]:
        if target.split(".")[0] not in TOP_LEVEL or module in LAZY_DOORS or target not in MODULES:
            continue
        target_row, target_group = layer_of(target)
        if target in ("comfy", "codec_transport", "app"):
            continue
        if target_row > row or (target_row == row and target_group != group):
            wrong.append(f"{module} (row {row}) imports {target} (row {target_row})")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("prefix", sorted(FORBIDDEN))
def test_pure_rooms_stay_free_of_heavy_packages(prefix: str) -> None:
    wrong = [
        f"{module} imports {target}"
        for module in MODULES
        if module == prefix or module.startswith(prefix + ".")
        for target, _ in EDGES[module]
        if target.split(".")[0] in FORBIDDEN[prefix]
    ]
    assert not wrong, "\n".join(wrong)


def test_there_is_no_import_cycle() -> None:
    graph = {
        name: [
            target for target, for_types in targets if target in MODULES and target != name and not for_types
        ]
        for name, targets in EDGES.items()
        if name not in LAZY_DOORS
    }
    done: set[str] = set()
    path: list[str] = []

    def visit(name: str) -> None:
        if name in done or name not in graph:
            return
        assert name not in path, "cycle: " + " -> ".join([*path[path.index(name) :], name])
        path.append(name)
        for target in graph[name]:
            visit(target)
        path.pop()
        done.add(name)

    for name in graph:
        visit(name)


def test_only_main_reads_the_arguments() -> None:
    readers = [
        name
        for name, targets in EDGES.items()
        if any(target == "comfy.cli_args" for target, _ in targets) and name not in ("main", "comfy.cli_args")
    ]
    assert not readers, f"take a config record instead of args: {readers}"
