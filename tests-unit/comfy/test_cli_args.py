"""The command line: every flag that launchers pass is taken, the ones nobody knows are reported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from comfy.cli_args import LatentPreviewMethod, PerformanceFeature, args, parse

ROOT = Path(__file__).parents[2]


def test_imported_as_a_library_every_flag_has_its_default() -> None:
    assert (args.listen, args.port, args.cpu, args.verbose) == ("127.0.0.1", 8188, False, "INFO")


def test_imported_as_a_library_the_host_programs_arguments_are_not_read() -> None:
    code = "import sys; sys.argv[1:] = ['--port', '1']; from comfy.cli_args import args; sys.exit(args.port != 8188)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_unknown_flags_and_their_values_are_told_apart_from_known_ones() -> None:
    parsed, unknown = parse(["--port", "9", "--new-flag", "value", "--other", "--cpu"])
    assert (parsed.port, parsed.cpu) == (9, True)
    assert unknown == ["--new-flag", "value", "--other"]


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("--listen", "listen", "0.0.0.0,::"),
        ("--listen 1.2.3.4", "listen", "1.2.3.4"),
        ("--enable-cors-header", "enable_cors_header", "*"),
        ("--fast", "fast", set(PerformanceFeature)),
        ("--fast autotune", "fast", {PerformanceFeature.AutoTune}),
        ("", "fast", set()),
        ("--preview-method auto", "preview_method", LatentPreviewMethod.Auto),
        ("--verbose", "verbose", "DEBUG"),
        ("--verbose warning", "verbose", "WARNING"),
        ("--verbose ERROR run.log --verbose INFO", "verbose", "INFO"),
        ("--windows-standalone-build", "auto_launch", True),
        ("--windows-standalone-build --disable-auto-launch", "auto_launch", False),
        ("--force-fp16", "fp16_unet", True),
        ("--extra-model-paths-config a b", "extra_model_paths_config", [["a", "b"]]),
        ("--cache-ram 4 8", "cache_ram", [4.0, 8.0]),
        ("--feature-flag a=1 --feature-flag b", "feature_flag", ["a=1", "b"]),
        ("--cuda-device 0,1", "cuda_device", "0,1"),
        ("--normalvram --disable-ipex-optimize", "normalvram", True),
    ],
)
def test_a_flag_means_what_it_means_upstream(line: str, name: str, value: object) -> None:
    assert getattr(parse(line.split())[0], name) == value


@pytest.mark.parametrize(
    "line",
    [
        "--cache-classic --cache-none",
        "--cpu --lowvram",
        "--fp16-vae --bf16-vae",
        "--port many",
        "--preview-method sometimes",
        "--user-directory /no/such/folder",
    ],
)
def test_impossible_values_end_with_a_usage_text(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(line.split())
    assert "usage:" in capsys.readouterr().err
