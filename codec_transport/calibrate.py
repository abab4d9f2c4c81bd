"""Measures the static scales of a latent space on real latents and rewrites its map.

python -m codec_transport.calibrate --checkpoint FILE (--images DIR | --prompts FILE) [--maps-directory DIR]

Two thirds of the latents make the block, the last third says how many values it clamps that it has not seen.
Start the server with the same `--codec-maps-directory` to serve it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from codec_transport.calibration import (
    DEFAULT_MARGIN,
    DEFAULT_PERCENTILE,
    Calibration,
    calibrate,
    clamp_rate,
)
from codec_transport.errors import CodecError
from codec_transport.real_latents import LatentSource, SamplingChoice, read_prompts
from codec_transport.spaces.builtin import builtin_spaces
from codec_transport.spaces.map_writing import write_map
from codec_transport.spaces.maps_directory import spaces_with
from codec_transport.spaces.space import LatentSpace, ScalesOrigin, StaticScales
from comfy.errors import WeightsError

DEFAULT_DIRECTORY = Path("models/codec_maps")
HELD_OUT = 3  # one latent in so many is not calibrated on


def parser() -> argparse.ArgumentParser:
    """The command line."""
    built = argparse.ArgumentParser(prog="python -m codec_transport.calibrate", description=__doc__)
    built.add_argument("--checkpoint", type=Path, required=True)
    source = built.add_mutually_exclusive_group(required=True)
    source.add_argument("--images", type=Path, metavar="DIR", help="pictures to encode")
    source.add_argument("--prompts", type=Path, metavar="FILE", help="one prompt a line, to sample from")
    built.add_argument("--maps-directory", type=Path, default=DEFAULT_DIRECTORY, help="read and written")
    built.add_argument("--space", help="latent space id; the checkpoint's own without it")
    built.add_argument("--percentile", type=float, default=DEFAULT_PERCENTILE, help="of per-picture maxima")
    built.add_argument("--margin", type=float, default=DEFAULT_MARGIN, help="factor on it")
    built.add_argument("--steps", type=int, default=20)
    built.add_argument("--size", type=int, help="pixels along one side; the model's own without it")
    built.add_argument("--seed", type=int, default=0, help="of the first prompt")
    return built


def known_space(space_id: str, directory: Path) -> LatentSpace:
    """The space as the server with this maps directory would know it. Raises: CodecError."""
    spaces = builtin_spaces()
    if directory.is_dir():
        spaces = spaces_with(directory, spaces)
    for space in spaces:
        if space.id == space_id:
            return space
    raise CodecError(f"latent space {space_id!r} is not known; put a map of it into {directory} first")


def recalibrated(space: LatentSpace, found: Calibration, source: str) -> LatentSpace:
    """The space with the measured block; its version grows when the block is another one."""
    is_new = space.static_scales is None or space.static_scales.block != found.block
    version = str(int(space.version) + 1) if is_new and space.version.isdigit() else space.version
    scales = StaticScales(found.block, ScalesOrigin.CALIBRATED, source)
    return replace(space, static_scales=scales, version=version, document=None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; the exit status."""
    args = parser().parse_args(arguments)
    try:
        source = LatentSource(args.checkpoint)
        space = known_space(args.space or source.space_id, args.maps_directory)
        if args.images is not None:
            latents = list(source.from_pictures(args.images, space))
        else:
            choice = SamplingChoice(side=args.size, steps=args.steps, seed=args.seed)
            latents = list(source.from_prompts(read_prompts(args.prompts), space, choice))
        kept = [latent for i, latent in enumerate(latents) if i % HELD_OUT != HELD_OUT - 1]
        held_out = [latent for i, latent in enumerate(latents) if i % HELD_OUT == HELD_OUT - 1]
        found = calibrate(kept, percentile=args.percentile, margin=args.margin)
    except (CodecError, WeightsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    kind = "pictures" if args.images is not None else "prompts"
    rate = clamp_rate(held_out, found.block) if held_out else found.clamp_rate
    source_text = (
        f"{args.percentile:g}th percentile of channel maxima of {len(kept)} {kind}, times {args.margin:g}; "
        f"clamps {found.clamp_rate:.2e} of their values, {rate:.2e} of those of {len(held_out)} others"
    )
    path = write_map(recalibrated(space, found, source_text), args.maps_directory)
    scales = ", ".join(f"{scale:g}" for scale in found.scales.tolist())
    sys.stdout.write(f"{space.id}: scales {scales}\n{source_text}\n{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
