"""Prestartup scripts run early, each on its own."""

from __future__ import annotations

import subprocess
import sys

from comfy_extras.prestartup import run_prestartup_scripts


def test_each_script_runs_and_a_bad_one_is_reported(tmp_path):
    for name, code in (
        ("a", "raise RuntimeError('early')"),
        ("b", "import os, pathlib; pathlib.Path(__file__).with_name('ran').touch()"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "prestartup_script.py").write_text(code)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "__init__.py").touch()
    report = run_prestartup_scripts([str(tmp_path)])
    assert [isinstance(error, RuntimeError) for _, _, error in report] == [True, False]
    assert (tmp_path / "b" / "ran").exists()


def test_disabled_packs_do_not_run(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "__init__.py").touch()
    (tmp_path / "a" / "prestartup_script.py").write_text("raise RuntimeError")
    assert run_prestartup_scripts([str(tmp_path)], disable_all=True) == []


def test_nothing_here_imports_torch():
    code = "import sys, comfy_extras.prestartup; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
