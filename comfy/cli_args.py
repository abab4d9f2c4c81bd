"""The command line: upstream's flags as a table, ours beside them, and the `args` namespace that packs read.

Only `main.py` reads `args`; every other module gets a config record. Flags that only tune hardware paths we
do not have are accepted and kept in `args`, because launchers pass them. Unknown flags are reported and
ignored.
"""

from __future__ import annotations

import argparse
import enum
import os
import sys
from collections.abc import Collection, Sequence
from typing import Any

from comfy import options

DEFAULT_VERSION_STRING = "comfyanonymous/ComfyUI@latest"


class LatentPreviewMethod(enum.Enum):
    """How previews of a running sampler are made."""

    NoPreviews = "none"
    Auto = "auto"
    Latent2RGB = "latent2rgb"
    TAESD = "taesd"

    @classmethod
    def from_string(cls, value: str) -> LatentPreviewMethod | None:
        """The member of that value, or None."""
        return next((member for member in cls if member.value == value), None)


class PerformanceFeature(enum.Enum):
    """Names that `--fast` takes."""

    Fp16Accumulation = "fp16_accumulation"
    Fp8MatrixMultiplication = "fp8_matrix_mult"
    CublasOps = "cublas_ops"
    AutoTune = "autotune"


def _existing_directory(path: str) -> str:
    if not os.path.isdir(path):
        raise argparse.ArgumentTypeError(f"{path!r} is not an existing directory")
    return os.path.abspath(path)


# name -> keywords of add_argument; a bare list of names further down are plain switches
_VALUES: dict[str, dict[str, Any]] = {
    "--listen": {"default": "127.0.0.1", "nargs": "?", "const": "0.0.0.0,::", "metavar": "IP"},
    "--port": {"type": int, "default": 8188},
    "--tls-keyfile": {},
    "--tls-certfile": {},
    "--enable-cors-header": {"nargs": "?", "const": "*", "metavar": "ORIGIN"},
    "--max-upload-size": {"type": float, "default": 100, "help": "MB"},
    "--base-directory": {"help": "holds models, custom_nodes, input, output, temp and user"},
    "--extra-model-paths-config": {"nargs": "+", "action": "append", "metavar": "YAML"},
    "--output-directory": {},
    "--temp-directory": {},
    "--input-directory": {},
    "--user-directory": {"type": _existing_directory},
    "--models-directory": {"type": _existing_directory},
    "--cuda-device": {},
    "--default-device": {"type": int},
    "--directml": {"type": int, "nargs": "?", "const": -1},
    "--oneapi-device-selector": {},
    "--preview-method": {
        "type": LatentPreviewMethod,
        "choices": list(LatentPreviewMethod),
        "default": LatentPreviewMethod.NoPreviews,
    },
    "--preview-size": {"type": int, "default": 512},
    "--cache-lru": {"type": int, "default": 0},
    "--cache-ram": {"type": float, "nargs": "*", "default": []},
    "--reserve-vram": {"type": float},
    "--vram-headroom": {"type": float, "default": 0},
    "--async-offload": {"nargs": "?", "type": int, "const": 2, "default": False},
    "--default-hashing-function": {"choices": ["md5", "sha1", "sha256", "sha512"], "default": "sha256"},
    "--fast": {"nargs": "*", "type": PerformanceFeature},
    "--whitelist-custom-nodes": {"nargs": "+", "default": []},
    "--disabled-nodes-config": {},
    "--verbose": {"nargs": "*", "action": "append", "metavar": "LEVEL [FILE]"},
    "--front-end-version": {"default": DEFAULT_VERSION_STRING},
    "--front-end-root": {"type": _existing_directory},
    "--comfy-api-base": {"default": "https://api.comfy.org"},
    "--database-url": {},
    "--date-output-format": {"default": "%Y-%m-%d"},
    "--feature-flag": {"action": "append", "default": [], "metavar": "KEY[=VALUE]"},
    "--history-size": {"type": int, "default": 10000, "help": "finished prompts kept"},
    "--auth": {
        "choices": ["off", "on", "auto"],
        "help": "callers need a key; auto: only beyond loopback",
    },
    "--stream": {
        "choices": ["auto", "always", "never"],
        "default": "auto",
        "help": "whether ordinary nodes hand frames on one chunk at a time; auto: where batches exceed the budget",
    },
    "--stream-budget": {"type": float, "default": 1.0, "metavar": "GIB"},
    "--log-format": {"choices": ["text", "json"], "default": "text"},
    "--initial-model": {"metavar": "NAME", "help": "checkpoint that answers the generation endpoints"},
    "--codec-maps-directory": {"metavar": "DIR", "help": "latent maps, scales and dictionaries of your own"},
}

_SWITCHES = """
--auto-launch --disable-auto-launch --cuda-malloc --disable-cuda-malloc --force-fp32 --force-fp16
--fp32-unet --fp64-unet --bf16-unet --fp16-unet --fp8_e4m3fn-unet --fp8_e5m2-unet --fp8_e8m0fnu-unet
--fp16-vae --fp32-vae --bf16-vae --cpu-vae --fp8_e4m3fn-text-enc --fp8_e5m2-text-enc --fp16-text-enc
--fp32-text-enc --bf16-text-enc --force-channels-last --disable-ipex-optimize --supports-fp8-compute
--cache-classic --cache-none --use-split-cross-attention --use-quad-cross-attention
--use-pytorch-cross-attention --use-sage-attention --use-flash-attention --disable-xformers
--force-upcast-attention --dont-upcast-attention --gpu-only --highvram --normalvram --lowvram --novram --cpu
--force-non-blocking --disable-smart-memory --deterministic --mmap-torch-files --disable-mmap
--dont-print-server --quick-test-for-ci --windows-standalone-build --disable-metadata
--disable-all-custom-nodes --disable-api-nodes --multi-user --log-stdout --enable-compress-response-body
--date-based-output --enable-triton-backend --disable-triton-backend --fp16-intermediates --high-ram
--use-ck-attention --enable-manager --disable-manager-ui --enable-manager-legacy-ui --disable-nvml-pressure
--disable-async-offload --disable-dynamic-vram --enable-dynamic-vram --fast-disk --disable-fast-disk
--disable-cuda-graphs --disable-comfy-compiler --assert-graph-breaks --debug-hang --disable-pinned-memory
--disable-partner-nodes --offline --disable-assets --enable-assets --enable-asset-hashing
--stream-check --depth-first-lists
--list-feature-flags --queue-memory --queue-resume --webhook-allow-private
""".split()

_EXCLUSIVE = (
    ("--cuda-malloc", "--disable-cuda-malloc"),
    ("--force-fp32", "--force-fp16"),
    tuple(f"--{kind}-unet" for kind in "fp32 fp64 bf16 fp16 fp8_e4m3fn fp8_e5m2 fp8_e8m0fnu".split()),
    ("--fp16-vae", "--fp32-vae", "--bf16-vae"),
    tuple(f"--{kind}-text-enc" for kind in ("fp8_e4m3fn", "fp8_e5m2", "fp16", "fp32", "bf16")),
    ("--cache-classic", "--cache-lru", "--cache-none", "--cache-ram"),
    tuple(f"--use-{kind}-attention" for kind in "split-cross quad-cross pytorch-cross sage flash".split()),
    ("--force-upcast-attention", "--dont-upcast-attention"),
    ("--gpu-only", "--highvram", "--normalvram", "--lowvram", "--novram", "--cpu"),
)

_HANDLED_HERE = {"windows_standalone_build", "disable_auto_launch", "help"}
_IN_EFFECT_ANYWAY = {
    "disable_xformers", "disable_manager_ui", "disable_assets", "disable_triton_backend", "disable_ipex_optimize",
    "disable_fast_disk", "disable_partner_nodes", "disable_api_nodes", "normalvram", "use_pytorch_cross_attention",
    "disable_cuda_graphs", "disable_comfy_compiler", "disable_nvml_pressure", "default_hashing_function",
    "disable_dynamic_vram", "comfy_api_base",
}  # fmt: skip
"""They turn off, or choose, what is so here in any case."""


def without_effect(parsed: argparse.Namespace, read: Collection[str]) -> list[str]:
    """The flags that were given and change nothing here; `read` are the names that the caller honours."""
    known = _HANDLED_HERE | _IN_EFFECT_ANYWAY | set(read)
    return sorted(
        action.option_strings[0]
        for action in parser._actions
        if action.dest not in known
        and getattr(parsed, action.dest, None) != getattr(_DEFAULTS, action.dest, None)
    )


def build_parser() -> argparse.ArgumentParser:
    """The parser of every flag known here. Building it has no side effect."""
    built = argparse.ArgumentParser(prog="main.py", allow_abbrev=False)
    group_of = {
        name: group
        for names in _EXCLUSIVE
        for group in [built.add_mutually_exclusive_group()]
        for name in names
    }
    for name, keywords in _VALUES.items():
        group_of.get(name, built).add_argument(name, **keywords)
    for name in _SWITCHES:
        group_of.get(name, built).add_argument(name, action="store_true")
    return built


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The namespace for a command line, and the flags nobody here knows (with their values).

    Raises: SystemExit with a usage text for a known flag with an impossible value.
    """
    parsed, unknown = parser.parse_known_args(list(arguments))
    if parsed.windows_standalone_build:
        parsed.auto_launch = True
    if parsed.disable_auto_launch:
        parsed.auto_launch = False
    if parsed.disable_api_nodes:
        parsed.offline = True
    if parsed.force_fp16:
        parsed.fp16_unet = True
    parsed.fast = set() if parsed.fast is None else set(parsed.fast) or set(PerformanceFeature)
    levels = [entry[0] for entry in parsed.verbose or [] if entry]
    parsed.verbose = (levels[-1] if levels else "DEBUG" if parsed.verbose else "INFO").upper()
    return parsed, unknown


parser = build_parser()
_DEFAULTS, _ = parse([])
args, unknown_arguments = parse(sys.argv[1:] if options.args_parsing else [])
