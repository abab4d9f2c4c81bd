"""First training: the text encoder learns to say what a caption asks for (thing, background, place).

The mean of its 77 outputs is what a fresh cross-attention sees, so that mean is what must tell captions apart. One
minute of this replaces the slowest part of the UNet's training. The token table is then rounded to fp8 and fixed.
"""

import argparse
import random
import time

import torch
import torch.nn.functional as F
from torch import nn

from training.demo_model.design import DESIGN
from training.demo_model.nets.text import TextEncoder
from training.demo_model.scenes import PLACES, Scene, draw_scene
from training.demo_model.setting import Setting, add_arguments, open_setting

BATCH = 64


class Questions(nn.Module):
    """Three linear answers on the mean output; thrown away afterwards."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        width = DESIGN.text.width
        self.concept = nn.Linear(width, len(setting.vocabulary.concepts))
        self.background = nn.Linear(width, len(setting.vocabulary.background_names))
        self.place = nn.Linear(width, len(PLACES) + 2)


def train(setting: Setting, num_steps: int, rng: random.Random) -> TextEncoder:
    """The trained encoder."""
    text = TextEncoder(DESIGN.text, len(setting.captions.row_map.used_tokens) + 1)
    with torch.no_grad():
        text.embeddings.token_embedding.weight[0].zero_()
    questions = Questions(setting)
    optimizer = torch.optim.AdamW([*text.parameters(), *questions.parameters()], lr=2e-3, weight_decay=1e-3)
    started = time.monotonic()
    for step in range(num_steps):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1.0, (step + 1) / 50, 1.05 - step / num_steps)
        scenes = [draw_scene(setting.vocabulary, rng) for _ in range(BATCH)]
        pooled = text(setting.captions.roughened([s.caption for s in scenes], rng, may_drop=False)).mean(
            dim=1
        )
        losses, right = _answers(questions, pooled, scenes)
        optimizer.zero_grad(set_to_none=True)
        losses.backward()
        if (grad := text.embeddings.token_embedding.weight.grad) is not None:
            grad[0].zero_()
        nn.utils.clip_grad_norm_(text.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % 100 == 0:
            passed_s = time.monotonic() - started
            print(f"{passed_s:5.0f} s step {step + 1} loss {losses.item():.3f} right {right}", flush=True)
    with torch.no_grad():
        table = text.embeddings.token_embedding.weight
        table[0].zero_()
        table.copy_(table.to(torch.float8_e4m3fn).float())
    return text


def _answers(questions: Questions, pooled: torch.Tensor, scenes: list[Scene]) -> tuple[torch.Tensor, str]:
    total, right = torch.zeros(()), []
    for name in ("concept", "background", "place"):
        wanted = torch.tensor([getattr(s, name) for s in scenes])
        answer = getattr(questions, name)(pooled)
        total = total + F.cross_entropy(answer, wanted)
        right.append(f"{name} {(answer.argmax(1) == wanted).float().mean():.2f}")
    return total, ", ".join(right)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--steps", type=int, default=300)
    args = parser.parse_args()
    setting = open_setting(args)
    text = train(setting, args.steps, random.Random(args.seed + 11))
    torch.save(
        {"text": text.state_dict(), "used_tokens": setting.captions.row_map.used_tokens},
        args.state / "text.pt",
    )


if __name__ == "__main__":
    main()
