"""Brings node classes into the registry: built-in node files first, then custom node packs.

A pack that raises while it loads is logged with its traceback and named in the list of import times; the
server goes on without it. Names that are registered before packs load stay as they are; between packs the
last one wins. Packs may also change `nodes.NODE_CLASS_MAPPINGS` themselves: that is the registry's own dict.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import inspect
import logging
import os
import sys
import time
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from comfy_api.errors import SchemaError
from comfy_api.schema.extension import ComfyExtension
from comfy_api.schema.node import ComfyNode
from comfy_execution.registry import Registry
from comfy_extras.builtin import builtin_modules
from comfy_extras.catalogue import EXTENSION_WEB_DIRS, LOADED_MODULE_DIRS
from comfy_extras.checks import find_problems
from comfy_extras.pack_files import PackPath, find_packs, project_web_folder

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PackReport:
    """How loading one pack or node file went. `error` is None when its nodes are registered."""

    name: str
    path: str
    seconds: float
    nodes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    error: BaseException | None = None

    @property
    def is_loaded(self) -> bool:
        """The pack's code ran and its nodes are there."""
        return self.error is None


class PackError(ImportError):
    """A pack's code ran, but it offers nothing that can be loaded. Fields: `pack`, `reason`."""

    def __init__(self, pack: str, reason: str) -> None:
        self.pack, self.reason = pack, reason
        super().__init__(f"{pack}: {reason}")


async def load_builtin_nodes(registry: Registry) -> list[PackReport]:
    """Imports every file of `builtin` and registers its nodes. A finding of `checks` fails the file."""
    reports = []
    for module_name, python_module in builtin_modules():
        start = time.perf_counter()
        try:
            module = importlib.import_module(module_name)
            offered, _ = await _offered_nodes(module, module_name)
            _require_sound(offered)
            nodes = _register(registry, module, offered, python_module, frozenset())
        except (Exception, SystemExit) as error:  # one broken file must not take the server down
            logger.exception("Node file %s cannot be used", module_name)
            reports.append(PackReport(module_name, module_name, time.perf_counter() - start, error=error))
            continue
        seconds = time.perf_counter() - start
        reports.append(PackReport(module_name, str(module.__file__), seconds, tuple(nodes)))
    return reports


def _require_sound(offered: Mapping[str, Any]) -> None:
    for class_type, node_class in offered.items():
        for problem in find_problems(node_class, read_inputs=True):
            raise SchemaError(problem, node_id=class_type)


async def load_packs(
    roots: Iterable[str],
    registry: Registry,
    disable_all: bool = False,
    whitelist: Collection[str] = (),
) -> list[PackReport]:
    """Loads every pack below the roots and logs the list of import times. One report per pack."""
    kept = frozenset(registry)
    reports = [
        await load_pack(pack, registry, keep=kept)
        for pack in find_packs(roots, disable_all=disable_all, whitelist=whitelist)
    ]
    if reports:
        logger.info("Import times of custom nodes:")
        for report in sorted(reports, key=lambda found: found.seconds):
            failed = "" if report.is_loaded else " (IMPORT FAILED)"
            logger.info("%6.1f seconds%s: %s", report.seconds, failed, report.path)
    return reports


async def load_pack(
    pack: PackPath,
    registry: Registry,
    *,
    keep: Collection[str] = frozenset(),
    parent: str = "custom_nodes",
) -> PackReport:
    """Runs one pack's code and registers what it offers; names in `keep` are not replaced.

    Whatever the pack raises is in the report.
    """
    start = time.perf_counter()
    try:
        module = _execute(pack)
        LOADED_MODULE_DIRS[pack.name] = pack.folder
        offered, warnings = await _offered_nodes(module, pack.name)
        _add_web_folders(pack, module)
        warnings += _findings(offered)
        nodes = _register(registry, module, offered, f"{parent}.{pack.name}", keep)
    except BaseException as error:  # foreign code: one bad pack stops nobody, sys.exit() included
        if _is_stop_of_ours(error):
            raise
        logger.exception("Cannot import %s for custom nodes", pack.path)
        sys.modules.pop(pack.import_name, None)
        return PackReport(pack.name, pack.path, time.perf_counter() - start, error=error)
    for warning in warnings:
        logger.warning("Custom nodes %s: %s", pack.name, warning)
    seconds = time.perf_counter() - start
    return PackReport(pack.name, pack.path, seconds, tuple(nodes), tuple(warnings))


def _is_stop_of_ours(error: BaseException) -> bool:
    """Ctrl-C, or the server's own task being cancelled: never a pack's fault."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    return isinstance(error, KeyboardInterrupt)


def _findings(offered: Mapping[str, Any]) -> list[str]:
    found = []
    for class_type, node_class in offered.items():
        try:
            found += [f"{class_type}: {problem}" for problem in find_problems(node_class)]
        except Exception as error:  # foreign code: attributes and signatures of any kind
            found.append(f"{class_type}: looking at it raised {type(error).__name__}: {error}")
    return found


def _execute(pack: PackPath) -> ModuleType:
    search = None if pack.is_file else [pack.path]
    spec = importlib.util.spec_from_file_location(
        pack.import_name, pack.code, submodule_search_locations=search
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[pack.import_name] = module
    spec.loader.exec_module(module)
    return module


async def _offered_nodes(module: ModuleType, name: str) -> tuple[dict[str, Any], list[str]]:
    """Class type -> class as the module offers them, and what to warn of. Raises: PackError."""
    mappings = getattr(module, "NODE_CLASS_MAPPINGS", None)
    if mappings is not None:
        if not isinstance(mappings, Mapping):
            raise PackError(name, f"NODE_CLASS_MAPPINGS must be a dict, not {mappings!r}")
        named = {name: found for name, found in mappings.items() if isinstance(name, str)}
        return named, [f"{key!r} is no class name" for key in mappings if not isinstance(key, str)]
    entrypoint = getattr(module, "comfy_entrypoint", None)
    if entrypoint is not None:
        return await _extension_nodes(entrypoint, name)
    if getattr(module, "WEB_DIRECTORY", None) is not None:
        return {}, []
    raise PackError(name, "offers neither NODE_CLASS_MAPPINGS nor comfy_entrypoint()")


async def _extension_nodes(entrypoint: Any, name: str) -> tuple[dict[str, Any], list[str]]:
    if not callable(entrypoint):
        raise PackError(name, "comfy_entrypoint is no function")
    extension = entrypoint()
    if inspect.isawaitable(extension):
        extension = await extension
    if not isinstance(extension, ComfyExtension):
        raise PackError(name, f"comfy_entrypoint() must return a ComfyExtension, not {extension!r}")
    await extension.on_load()
    listed = await extension.get_node_list()
    if not isinstance(listed, (list, tuple)):
        raise PackError(name, f"get_node_list() must return a list, not {listed!r}")
    offered: dict[str, Any] = {}
    warnings = []
    for node_class in listed:
        if not (isinstance(node_class, type) and issubclass(node_class, ComfyNode)):
            raise PackError(name, f"get_node_list() must hold ComfyNode classes, not {node_class!r}")
        try:
            offered[node_class.GET_SCHEMA().node_id] = node_class
        except Exception as error:  # foreign code: one bad node leaves the others usable
            warnings.append(f"{node_class.__name__} is left out: {type(error).__name__}: {error}")
    return offered, warnings


def _register(
    registry: Registry,
    module: ModuleType,
    offered: Mapping[str, Any],
    python_module: str,
    keep: Collection[str],
) -> list[str]:
    names = []
    for class_type, node_class in offered.items():
        if class_type in keep:
            logger.debug("%s of %s is a core name and is ignored", class_type, python_module)
            continue
        registry.classes[class_type] = node_class
        with contextlib.suppress(AttributeError, TypeError):  # not a class: `checks` has warned
            node_class.RELATIVE_PYTHON_MODULE = python_module
        names.append(class_type)
        if isinstance(node_class, type) and issubclass(node_class, ComfyNode):
            with contextlib.suppress(Exception):  # `checks` has warned of its schema
                registry.display_names[class_type] = node_class.GET_SCHEMA().display_name or class_type
    titles = getattr(module, "NODE_DISPLAY_NAME_MAPPINGS", None)
    if isinstance(titles, Mapping):
        registry.display_names.update({key: title for key, title in titles.items() if key not in keep})
    return names


def _add_web_folders(pack: PackPath, module: ModuleType) -> None:
    web = getattr(module, "WEB_DIRECTORY", None)
    if isinstance(web, str) and os.path.isdir(os.path.join(pack.folder, web)):
        EXTENSION_WEB_DIRS[pack.name] = os.path.abspath(os.path.join(pack.folder, web))
    if pack.is_file:
        return
    try:
        named = project_web_folder(pack.folder)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        logger.warning("pyproject.toml of %s is ignored: %s", pack.name, error)
        return
    if named is not None and os.path.isdir(named[1]):
        EXTENSION_WEB_DIRS[named[0]] = os.path.abspath(named[1])
