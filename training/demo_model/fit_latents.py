"""Fits the closed-form latent space on rendered scenes and writes it into the state folder."""

import argparse
import random

from training.demo_model.linear_latents import FILE_NAME, fit
from training.demo_model.scenes import draw_scene
from training.demo_model.setting import add_arguments, open_setting

NUM_BATCHES, BATCH = 24, 48


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    args = parser.parse_args()
    setting = open_setting(args)
    rng = random.Random(args.seed + 3)
    scenes = [[draw_scene(setting.vocabulary, rng) for _ in range(BATCH)] for _ in range(NUM_BATCHES)]
    space, quality = fit([setting.renderer(batch, 128, 128) for batch in scenes], rng)
    space.save(setting.state / FILE_NAME)
    print(", ".join(f"{name} {value:.3f}" for name, value in quality.items()))


if __name__ == "__main__":
    main()
