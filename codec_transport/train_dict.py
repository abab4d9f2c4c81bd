"""Trains zstd dictionaries for latent streams and says what each gains on bodies it has not seen.

python -m codec_transport.train_dict --bodies DIR [--output DIR]
python -m codec_transport.train_dict --checkpoint FILE --prompts FILE [--output DIR]

`--bodies` holds captured identity bodies, one stream a file (`curl ... -o body` without `--compressed`); they are
sorted by space, format and pipeline. With a checkpoint the bodies are made from prompts instead. The files are
named so that a server with the same `--codec-maps-directory` finds them.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from codec_transport.calibrate import DEFAULT_DIRECTORY, known_space
from codec_transport.dictionary_training import TrainedDictionary, describe_body, train
from codec_transport.errors import CodecError
from codec_transport.pipelines.encoder import LatentStreamEncoder
from codec_transport.pipelines.stream import LatentStreamWriter
from codec_transport.real_latents import LatentSource, SamplingChoice, read_prompts
from codec_transport.spaces.map_writing import write_dictionary
from codec_transport.spaces.space import LatentSpace
from codec_transport.wire.encoder import STREAM_FORMATS
from codec_transport.wire.layouts import PIPELINE_LAYOUTS, PIPELINES, Scales
from comfy.errors import WeightsError

DEFAULT_PIPELINES = ("int8", "int8-adaptive", "delta+int8")
MAX_BODY_BYTES = 64 * 1024 * 1024
CLIP_FRAMES = 6
Kind = tuple[str, str, str]  # space id, stream format, pipeline


def parser() -> argparse.ArgumentParser:
    """The command line."""
    built = argparse.ArgumentParser(prog="python -m codec_transport.train_dict", description=__doc__)
    built.add_argument("--bodies", type=Path, metavar="DIR", help="captured identity bodies")
    built.add_argument("--checkpoint", type=Path, help="make bodies from this checkpoint instead")
    built.add_argument("--prompts", type=Path, metavar="FILE", help="one prompt a line, with --checkpoint")
    built.add_argument("--pipelines", nargs="+", choices=PIPELINES, default=list(DEFAULT_PIPELINES))
    built.add_argument("--output", type=Path, default=DEFAULT_DIRECTORY, help="maps directory to write into")
    built.add_argument("--steps", type=int, default=20)
    built.add_argument("--size", type=int, help="pixels along one side; the model's own without it")
    built.add_argument("--seed", type=int, default=0, help="of the first prompt")
    return built


def captured(directory: Path) -> dict[Kind, list[bytes]]:
    """The bodies of a directory by kind; files that are no latent stream are named on stderr and left out."""
    found: dict[Kind, list[bytes]] = defaultdict(list)
    for path in sorted(path for path in directory.iterdir() if path.is_file()):
        if path.stat().st_size > MAX_BODY_BYTES:
            sys.stderr.write(f"{path}: over {MAX_BODY_BYTES} bytes, left out\n")
            continue
        body = path.read_bytes()
        try:
            header, stream_format = describe_body(body)
        except CodecError as error:
            sys.stderr.write(f"{path}: {error}\n")
            continue
        found[header.latent_space_id, stream_format, header.pipeline].append(body)
    return found


def body_of(space: LatentSpace, stream_format: str, pipeline: str, frames: Sequence[Any]) -> bytes:
    """One stream as the server sends it. frames: latents (C,h,w) in model space."""
    is_static = PIPELINE_LAYOUTS[pipeline].scales is Scales.HEADER
    encoder = LatentStreamEncoder(
        space.id,
        tuple(frames[0].shape),
        space.dtype,
        pipeline,
        stream_format=stream_format,
        static_scales=space.static_scales.block if is_static and space.static_scales is not None else None,
        fps=24 if len(frames) > 1 else None,
        total_frames=len(frames),
        vae_scale_factor=space.vae_scale_factor,
    )
    writer = LatentStreamWriter(encoder, keyframe_interval=space.keyframe_interval)
    parts = [*writer.header()]
    for i, frame in enumerate(frames):
        parts += writer.frame(frame, last=i == len(frames) - 1)
    return b"".join(parts)


def made(
    source: LatentSource,
    space: LatentSpace,
    prompts: Sequence[str],
    choice: SamplingChoice,
    names: Iterable[str],
) -> dict[Kind, list[bytes]]:
    """Bodies of sampled latents: pictures for every pipeline but the delta ones, which get clips."""
    found: dict[Kind, list[bytes]] = defaultdict(list)
    pictures = [[latent] for latent in source.from_prompts(prompts, space, choice)]
    pairs = zip(prompts[0::2], prompts[1::2], strict=False)
    wants_clips = any(PIPELINE_LAYOUTS[name].is_delta for name in names)
    clips = list(source.clips(pairs, space, choice, CLIP_FRAMES)) if wants_clips else []
    for stream_format in STREAM_FORMATS:
        for name in names:
            for frames in clips if PIPELINE_LAYOUTS[name].is_delta else pictures:
                found[space.id, stream_format, name].append(body_of(space, stream_format, name, frames))
    return found


def report(kind: Kind, trained: TrainedDictionary, path: Path) -> str:
    """What a user wants to know of one dictionary."""
    tried = ", ".join(f"{entry.size_bytes} B {1 - entry.share:.1%}" for entry in trained.tried)
    return (
        f"{path}: {kind[1]} {kind[2]}, {len(trained.content)} B from {trained.num_bodies} bodies; "
        f"saves {1 - trained.share:.1%} of {trained.num_held_out} held-out ones (gzip {1 - trained.gzip_share:.1%}; "
        f"tried {tried})\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; the exit status."""
    args = parser().parse_args(arguments)
    if (args.bodies is None) == (args.checkpoint is None) or (args.checkpoint is None) != (
        args.prompts is None
    ):
        sys.stderr.write("give either --bodies, or --checkpoint and --prompts\n")
        return 2
    try:
        if args.bodies is not None:
            kinds = captured(args.bodies)
        else:
            source = LatentSource(args.checkpoint)
            space = known_space(source.space_id, args.output)
            choice = SamplingChoice(side=args.size, steps=args.steps, seed=args.seed)
            kinds = made(source, space, read_prompts(args.prompts), choice, args.pipelines)
        for kind in sorted(kind for kind in kinds if kind[2] in args.pipelines):
            trained = train(kinds[kind], kind[1])
            if trained.share >= trained.gzip_share:
                sys.stdout.write(f"{' '.join(kind)}: not written, gzip saves as much without a dictionary\n")
                continue
            path = write_dictionary(args.output, *kind, trained.content)
            sys.stdout.write(report(kind, trained, path))
    except (CodecError, WeightsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
