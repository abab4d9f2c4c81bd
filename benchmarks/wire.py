"""The wire, measured: `python benchmarks/wire.py [--json FILE] [--markdown FILE] [--only speed pictures gaussian]`.

Speed side by side with the reference encoder (`pip install codecai==0.4.1`, used here and nowhere else), copies and
memory; bytes and picture quality of every pipeline on latents of the demo model beside JPEG, WebP and H.264 of the same
pictures; what codings save. Ratios are of one run; absolute times are of the machine it ran on.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch

from benchmarks import wire_quality, wire_speed

PROMPTS = Path(__file__).with_name("demo_prompts.txt")
BEGIN, END = "<!-- wire: begin -->", "<!-- wire: end -->"


def measure(only: list[str], rounds: int, num_prompts: int, side: int) -> dict[str, Any]:
    """All sections that were asked for."""
    found: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"numpy {np.__version__}, torch {torch.__version__}, load {os.getloadavg()[0]:.0f} when it began"
    }
    if "speed" in only:
        found["speed"] = wire_speed.measure_speed(rounds)
        found["copies"] = wire_speed.measure_copies()
        found["memory"] = wire_speed.measure_memory()
    if "pictures" in only:
        prompts = PROMPTS.read_text("utf-8").splitlines()
        chosen = prompts[:: max(1, len(prompts) // num_prompts)][:num_prompts]
        pairs = list(zip(chosen[0::2], chosen[1::2], strict=False))[: max(1, num_prompts // 4)]
        found["quality"] = wire_quality.measure_pictures(chosen, pairs, side)
    if "gaussian" in only:
        found["gaussian"] = wire_quality.measure_gaussian()
    return found


def table(columns: list[str], rows: list[list[Any]]) -> str:
    """A markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def markdown(found: dict[str, Any]) -> str:
    """The section of docs/benchmarks.md."""
    parts = ["## The wire\n", f"`python benchmarks/wire.py`; {found['machine']}; one thread.\n"]
    if "speed" in found:
        parts += _speed_text(found)
    if "quality" in found:
        parts += _quality_text(found["quality"])
    if "gaussian" in found:
        codings = ["gzip", "br", "zstd"]
        parts += [
            "### What codings save on unit Gaussian latents (4x64x64, msgpack)\n",
            table(
                ["pipeline", "bytes", *codings],
                [
                    [row["pipeline"], row["bytes"], *(f"{row['saved'][coding]:.1%}" for coding in codings)]
                    for row in found["gaussian"]
                ],
            ),
            "zstd with a 4 KiB dictionary trained on other such bodies. Values that do not depend on each other "
            "cannot be coded below their entropy, which these figures reach.\n",
        ]
    return "\n".join(parts)


def _speed_text(found: dict[str, Any]) -> list[str]:
    names = [name for name in ("reference", "numpy", "torch") if name in found["speed"][0]]
    rows = []
    for row in found["speed"]:
        if row["kind"] == "first frame" and row["shape"] != [16, 60, 104]:
            continue  # set-up costs the same everywhere; the JSON has them all
        cells = ["x".join(map(str, row["shape"])), row["pipeline"], row["kind"]]
        for name in names:
            cell = f"{row[name]['us']} us, {row[name]['mb_per_s']} MB/s"
            if name != "reference" and "reference" in row:
                cell += f" (**{row[name]['times_reference']}x**)"
            cells.append(cell)
        rows.append(cells)
    copies, memory = found["copies"], found["memory"]
    peaks = ", ".join(f"{name} {copies[name]['peak_of_one_message_in_payloads']}" for name in names)
    grown = ", ".join(f"{name} {memory[name]['peak_extra_frames']}" for name in ("numpy", "torch"))
    return [
        "### Encoding, per frame\n",
        "fp16 latents to msgpack messages, against the reference encoder `codecai` 0.4.1 (numpy). Same bytes.\n",
        table(["shape", "pipeline", "kind", *names], rows),
        f"Memory that one message takes at its peak, in payloads: {peaks}. Copies of the payload after "
        "quantising: none in the server (its buffer goes to the socket), one in `LatentStreamEncoder.frame()`, which "
        "gives `bytes`.\n",
        f"A stream of {memory['frames']} frames grows its process by (in frames): {grown}.\n",
    ]


def _quality_text(quality: dict[str, Any]) -> list[str]:
    parts = [
        f"### Bytes and pictures: {quality['checkpoint']}, {quality['side']}x{quality['side']}\n",
        f"Mean of {quality['num_pictures']} pictures and {quality['num_clips']} clips of {quality['frames_per_clip']} "
        "frames; PSNR and SSIM against the decode of the sampler's own float32 latent. 100 dB stands for equal.\n",
    ]
    for key, title in (("pictures", "One picture"), ("clips", "One clip")):
        rows = []
        for row in quality[key]:
            sizes = row["bytes"]
            rows.append(
                [
                    row["name"],
                    *(sizes.get(coding, "") for coding in ("identity", "gzip", "br", "zstd")),
                    row["psnr_db"],
                    row["ssim"],
                ]
            )
        columns = [title, "bytes", "gzip", "br", "zstd + dictionary", "PSNR dB", "SSIM"]
        parts.append(table(columns, rows))
    return parts


def put_section(path: Path, section: str) -> None:
    """Replaces the section between its marks, or adds it; the rest of the file is not touched."""
    text = path.read_text("utf-8") if path.is_file() else "# Benchmarks\n"
    block = f"{BEGIN}\n{section}\n{END}\n"
    if BEGIN in text and END in text:
        before, _, rest = text.partition(BEGIN)
        _, _, after = rest.partition(END)
        text = before + block + after.lstrip("\n")
    else:
        text = text.rstrip("\n") + "\n\n" + block
    path.write_text(text, "utf-8")


def main() -> None:
    """Command line."""
    sections = ["speed", "pictures", "gaussian"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the numbers here (else standard output)")
    parser.add_argument("--markdown", type=Path, help="put the tables into this file")
    parser.add_argument("--only", nargs="+", choices=sections, default=sections)
    parser.add_argument("--rounds", type=int, default=40, help="clips per shape, pipeline and encoder")
    parser.add_argument("--prompts", type=int, default=24, help="pictures of the demo model")
    parser.add_argument("--side", type=int, default=128, help="pixels of those")
    args = parser.parse_args()
    found = measure(args.only, args.rounds, args.prompts, args.side)
    text = json.dumps(found, indent=1)
    if args.json:
        args.json.write_text(text + "\n", "utf-8")
    else:
        print(text)
    if args.markdown:
        put_section(args.markdown, markdown(found))


if __name__ == "__main__":
    main()
