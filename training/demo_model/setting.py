"""What every training script opens first: the list, the bitmaps, the renderer, the caption encoder, the paths."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch

from training.demo_model.captions import CaptionEncoder
from training.demo_model.concepts import Vocabulary, load_vocabulary
from training.demo_model.emoji import load_bitmaps
from training.demo_model.scenes import Renderer
from training.demo_model.tokens import Tokenizer, read_merges

STATE_DIR = Path("training/demo_model/state")


@dataclass(frozen=True)
class Setting:
    """The fixed things of a run."""

    vocabulary: Vocabulary
    renderer: Renderer
    captions: CaptionEncoder
    state: Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that `open_setting` reads."""
    parser.add_argument("--state", type=Path, default=STATE_DIR, help="folder of training state")
    parser.add_argument(
        "--merges", type=Path, help="CLIP merges table (.txt.gz) or the open-clip-torch wheel"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)


def find_merges(state: Path) -> Path:
    """The project's own copy of the merges table, else the wheel in the state folder."""
    for found in [*Path("comfy/text/clip").glob("*.txt.gz"), *state.glob("open_clip_torch-*.whl")]:
        return found
    raise FileNotFoundError(f"no CLIP merges table under comfy/text/clip or {state}; give --merges FILE")


def open_setting(args: argparse.Namespace) -> Setting:
    """Opens everything and sets seed and threads."""
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    vocabulary = load_vocabulary()
    bitmaps = load_bitmaps(args.state / "emoji.npz")
    renderer = Renderer(vocabulary, [bitmaps[concept.code_points] for concept in vocabulary.concepts])
    tokenizer = Tokenizer(read_merges(args.merges or find_merges(args.state)))
    return Setting(vocabulary, renderer, CaptionEncoder(vocabulary, tokenizer), args.state)


def parse_sizes(text: str) -> list[tuple[int, int, float]]:
    """`128:64:1,256:16:0.5` -> (side in pixels, batch, weight)."""
    sizes = []
    for part in text.split(","):
        side, batch, weight = part.split(":")
        sizes.append((int(side), int(batch), float(weight)))
    return sizes
