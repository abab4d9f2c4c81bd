"""Draws the README's grid from the shipped file: picture i has seed i, 20 steps of Euler at CFG 3."""

import argparse
from pathlib import Path

import torch
from torch import Tensor

from training.demo_model.checkpoint import load_checkpoint
from training.demo_model.design import SD1_SCALE_FACTOR
from training.demo_model.drawing import draw, sheet
from training.demo_model.export import SHIPPED_FILE
from training.demo_model.setting import add_arguments, open_setting

PROMPTS = (
    "fox on a cyan background",
    "a photo of a panda",
    "red apple",
    "mushroom on a yellow background",
    "cute owl on a pink background",
    "rocket on a black background",
    "red heart, orange background",
    "a penguin on a blue background",
    "hamburger",
    "christmas tree on a red background",
    "a drawing of a ghost on a purple background",
    "snowman on a green background",
    "cat on a green background",
    "a castle on a gray background",
    "sunflower on a brown background",
    "car on a yellow background",
    "small frog on the left",
    "tiger, white background",
    "pizza on a cyan background",
    "smiling face on a blue background",
)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--file", type=Path, default=SHIPPED_FILE)
    parser.add_argument("--out", type=Path, default=Path("docs/images/demo-grid.png"))
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--columns", type=int, default=5)
    args = parser.parse_args()
    setting = open_setting(args)
    parts = load_checkpoint(args.file, setting.captions.row_map.used_tokens)

    @torch.no_grad()
    def decode(latents: Tensor) -> Tensor:
        return parts.vae.decode(latents / SD1_SCALE_FACTOR)

    pictures = draw(parts.unet, parts.text, decode, setting.captions, PROMPTS, args.side, seed=args.seed)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    sheet(pictures, PROMPTS, args.columns, font_size=max(11, args.side // 18)).save(args.out, optimize=True)


if __name__ == "__main__":
    main()
