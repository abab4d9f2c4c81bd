"""Runs `prestartup_script.py` of every pack: before torch and the model code are imported.

`main` calls this first. Nothing here or imported here touches torch.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import time
from collections.abc import Collection, Iterable

from comfy_extras.pack_files import find_packs

logger = logging.getLogger(__name__)

SCRIPT_NAME = "prestartup_script.py"


def run_prestartup_scripts(
    roots: Iterable[str], *, disable_all: bool = False, whitelist: Collection[str] = ()
) -> list[tuple[str, float, BaseException | None]]:
    """Executes each script once. Gives (pack path, seconds, what it raised or None) per script."""
    report: list[tuple[str, float, BaseException | None]] = []
    for pack in find_packs(roots, disable_all=disable_all, whitelist=whitelist):
        script = os.path.join(pack.path, SCRIPT_NAME)
        if pack.is_file or not os.path.isfile(script):
            continue
        start = time.perf_counter()
        error = _run(script)
        report.append((pack.path, time.perf_counter() - start, error))
    if report:
        logger.info("Prestartup times of custom nodes:")
        for path, seconds, error in sorted(report, key=lambda entry: entry[1]):
            logger.info("%6.1f seconds%s: %s", seconds, " (PRESTARTUP FAILED)" if error else "", path)
    return report


def _run(script: str) -> BaseException | None:
    name = os.path.splitext(script)[0]
    spec = importlib.util.spec_from_file_location(name, script)
    assert spec is not None and spec.loader is not None
    try:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    except (Exception, SystemExit) as error:  # foreign code: one bad script stops nobody
        logger.exception("Prestartup script %s raised", script)
        return error
    return None
