"""Measures a shipped file: picture quality of its autoencoder, things and backgrounds as asked.

Every thing is asked for six times, twice by name alone (white background) and four times on a named background.
"""

import argparse
import json
import random
import time
from collections import Counter
from pathlib import Path

import torch
from torch import Tensor

from training.demo_model.checkpoint import Parts, load_checkpoint
from training.demo_model.classify import NearestConcept
from training.demo_model.concepts import Vocabulary
from training.demo_model.design import SD1_SCALE_FACTOR
from training.demo_model.drawing import draw
from training.demo_model.emoji import load_bitmaps
from training.demo_model.export import SHIPPED_FILE
from training.demo_model.scenes import WHITE, Renderer, with_article
from training.demo_model.setting import Setting, add_arguments, open_setting
from training.demo_model.train_vae import HELD_OUT_SEED, psnr_db
from training.demo_model.vae_scenes import draw_free, draw_own

NUM_PLAIN, NUM_NAMED = 2, 4
#: Coprime to 12: walks through all backgrounds, so that each thing meets four of them.
BACKGROUND_STRIDE = 5


def questions(vocabulary: Vocabulary) -> list[tuple[str, int, int]]:
    """Prompt, index of the thing, index of the background (white where none is named)."""
    asked, turn = [], 0
    for index, name in enumerate(vocabulary.names):
        asked += [(name, index, WHITE)] * NUM_PLAIN
        for _ in range(NUM_NAMED):
            background = turn * BACKGROUND_STRIDE % len(vocabulary.background_names)
            tail = with_article(f" on a {vocabulary.background_names[background]} background")
            asked.append((name + tail, index, background))
            turn += 1
    return asked


@torch.no_grad()
def autoencoder_psnr(parts: Parts, setting: Setting, num: int, side: int) -> dict[str, float]:
    """PSNR in dB through encoder and decoder: own scenes of a held-out seed, and free scenes of all emoji."""
    rng = random.Random(HELD_OUT_SEED)
    every = Renderer(setting.vocabulary, list(load_bitmaps(setting.state / "emoji.npz").values()))
    sets = {
        "own": draw_own(setting.vocabulary, setting.renderer, num, side, rng),
        "free": draw_free(every, num, side, rng),
    }
    found = {}
    for name, pictures in sets.items():
        drawn = torch.cat([parts.vae.decode(parts.vae.encode(x)[0]) for x in pictures.split(8)])
        found[f"vae_psnr_{name}_db"] = round(psnr_db(drawn, pictures), 2)
    return found


def as_asked(
    parts: Parts, setting: Setting, side: int, num_steps: int, cfg: float, seed: int
) -> dict[str, object]:
    """Shares of things and backgrounds that came out as asked, and which things did not."""
    asked = questions(setting.vocabulary)
    judge = NearestConcept(setting.vocabulary, setting.renderer)

    def decode(latents: Tensor) -> Tensor:
        return parts.vae.decode(latents / SD1_SCALE_FACTOR)

    prompts = [prompt for prompt, _, _ in asked]
    pictures = draw(parts.unet, parts.text, decode, setting.captions, prompts, side, num_steps, cfg, seed)
    right = judge.concepts(pictures) == torch.tensor([concept for _, concept, _ in asked])
    right_background = judge.backgrounds(pictures) == torch.tensor([background for _, _, background in asked])
    is_named = torch.tensor(["background" in prompt for prompt in prompts])
    missed = Counter(
        setting.vocabulary.names[concept] for (_, concept, _), ok in zip(asked, right, strict=True) if not ok
    )
    return {
        "num_pictures": len(asked),
        "object_as_asked": round(right.float().mean().item(), 3),
        "background_as_asked": round(right_background[is_named].float().mean().item(), 3),
        "unnamed_background_white": round(right_background[~is_named].float().mean().item(), 3),
        "objects_missed": dict(missed.most_common()),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--file", type=Path, default=SHIPPED_FILE)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--cfg", type=float, default=3.0)
    parser.add_argument("--num-psnr", type=int, default=96)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    setting, started = open_setting(args), time.monotonic()
    parts = load_checkpoint(args.file, setting.captions.row_map.used_tokens)
    results: dict[str, object] = {"side": args.side, "steps": args.steps, "cfg": args.cfg, "seed": args.seed}
    results |= autoencoder_psnr(parts, setting, args.num_psnr, args.side)
    results |= as_asked(parts, setting, args.side, args.steps, args.cfg, args.seed)
    results["seconds"] = round(time.monotonic() - started, 1)
    text = json.dumps(results, indent=1)
    print(text)
    if args.json:
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
