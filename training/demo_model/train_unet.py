"""Second training: UNet (and text layers) on latents of fresh scenes; eps-prediction on SD1's schedule.

Resumable: state is saved every few minutes; `--resume-from-checkpoint FILE` starts from shipped weights instead, with
fresh optimisers.
"""

import argparse
import copy
import random
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from training.demo_model.checkpoint import load_checkpoint
from training.demo_model.design import DESIGN
from training.demo_model.linear_latents import LinearLatents, load_linear
from training.demo_model.nets.text import TextEncoder
from training.demo_model.nets.unet import Unet
from training.demo_model.optim import Muon
from training.demo_model.scenes import draw_scene
from training.demo_model.schedule import NUM_TIMESTEPS, alphas_cumprod
from training.demo_model.setting import Setting, add_arguments, open_setting, parse_sizes

#: At low noise the loss is worth at most this in units of the clean latent's error (min-SNR, arXiv 2303.09556) ...
MAX_SNR_WEIGHT = 6.0
#: ... and at high noise the eps error counts at most this often (at 128 pixels): there the text alone decides, and
#: plain eps loss would hardly notice.
MAX_EPS_WEIGHT = 20.0
MIN_EPS_WEIGHT = 0.02
#: Every channel's mean moves by this much noise, so that the noise's mean says little about the background.
OFFSET_NOISE = 0.1
#: Below `JITTER_END` the noise is up to so much (one std, at t = 0) stronger or weaker than the timestep says, and the
#: net has to name it in full. A sampler's noise never has just the nominal level either; without this, noise that a
#: step left behind was kept as texture (after Ning et al. 2023, arXiv 2301.11706).
LEVEL_JITTER, JITTER_END = 0.12, 600
SAVE_EVERY_S = 120.0


class Pair(nn.Module):
    """What is trained together."""

    def __init__(self, unet: Unet, text: TextEncoder) -> None:
        super().__init__()
        self.unet, self.text = unet, text
        self.text.embeddings.token_embedding.requires_grad_(False)


@dataclass
class Run:
    """A training in progress."""

    pair: Pair
    average: Pair
    optimizers: list[torch.optim.Optimizer]
    step: int = 0
    samples: int = 0
    cpu_s: float = 0.0

    def save(self, path: Path) -> None:
        """Writes everything needed to go on."""
        partial = path.with_suffix(".partial")
        torch.save(
            {
                "pair": self.pair.state_dict(),
                "average": self.average.state_dict(),
                "optimizers": [o.state_dict() for o in self.optimizers],
                "counts": (self.step, self.samples, self.cpu_s),
            },
            partial,
        )
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Reads what `save` wrote."""
        saved = torch.load(path)
        self.pair.load_state_dict(saved["pair"])
        self.average.load_state_dict(saved["average"])
        for optimizer, state in zip(self.optimizers, saved["optimizers"], strict=True):
            rates = [group["base_lr"] for group in optimizer.param_groups]
            optimizer.load_state_dict(state)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["base_lr"] = rate
        self.step, self.samples, self.cpu_s = saved["counts"]


def start_run(setting: Setting, args: argparse.Namespace) -> Run:
    """Fresh nets (or shipped ones), the trained text encoder, new optimisers; then the saved state, if any."""
    if args.resume_from_checkpoint:
        parts = load_checkpoint(args.resume_from_checkpoint, setting.captions.row_map.used_tokens)
        unet, text = parts.unet, parts.text
    else:
        unet = Unet(DESIGN.unet, DESIGN.text.width)
        text = TextEncoder(DESIGN.text, len(setting.captions.row_map.used_tokens) + 1)
        text.load_state_dict(torch.load(setting.state / "text.pt")["text"])
    pair = Pair(unet, text)
    ends = (unet.input_blocks[0], unet.out, unet.time_embed)
    end_ids = {id(p) for end in ends for p in end.parameters()}
    matrices = [p for p in unet.parameters() if p.dim() > 1 and id(p) not in end_ids]
    matrix_ids = {id(p) for p in matrices}
    others = [p for p in pair.parameters() if p.requires_grad and id(p) not in matrix_ids]
    optimizers: list[torch.optim.Optimizer] = []
    if args.optimizer == "muon":
        optimizers.append(Muon(matrices, lr=args.muon_lr, weight_decay=0.01))
    else:
        others += matrices
    optimizers.append(torch.optim.AdamW(others, lr=args.lr, betas=(0.9, 0.98), weight_decay=1e-3, fused=True))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["base_lr"] = group["lr"]
    run = Run(pair, copy.deepcopy(pair).eval().requires_grad_(False), optimizers)
    if (setting.state / args.name).exists():
        run.load(setting.state / args.name)
    return run


class Noiser:
    """Draws timesteps and noise, and weighs the errors."""

    def __init__(self) -> None:
        self.power = alphas_cumprod()

    def weights(self, t: Tensor, side: int) -> Tensor:
        """How often each eps error counts. Large pictures take shape at higher noise. Shape: (b,) -> (b,)."""
        snr = self.power[t] / (1 - self.power[t])
        clean_weight = (snr + 1).clamp(max=MAX_SNR_WEIGHT)
        return (clean_weight / snr).clamp(MIN_EPS_WEIGHT, MAX_EPS_WEIGHT * side / 128)

    def timesteps(self, num: int, side: int) -> Tensor:
        """Spread over 0..999, in random order; larger pictures lean to more noise. Shape: (num,), int64."""
        spread = ((torch.randperm(num) + torch.rand(num)) / num) ** (128 / side)
        return (spread * NUM_TIMESTEPS).long().clamp(max=NUM_TIMESTEPS - 1)

    def add(self, latents: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The noisy latents and the noise in them. Shape: (b,4,h,w)."""
        noise = torch.randn_like(latents) + OFFSET_NOISE * torch.randn(len(latents), 4, 1, 1)
        jitter = LEVEL_JITTER * torch.randn(len(latents)) * (1 - t / JITTER_END).clamp(min=0.0)
        noise = noise * (1 + jitter)[:, None, None, None]
        power = self.power[t][:, None, None, None]
        return power.sqrt() * latents + (1 - power).sqrt() * noise, noise


def train(run: Run, setting: Setting, space: LinearLatents, args: argparse.Namespace) -> None:
    """Trains up to `args.until` samples or for `args.seconds`; with `args.cooldown` the rate falls to zero."""
    rng, noiser = random.Random(args.seed + run.step + 17), Noiser()
    torch.manual_seed(args.seed + run.step)
    sizes = parse_sizes(args.sizes)
    started, saved, cpu_before = time.monotonic(), time.monotonic(), time.process_time()
    log: list[tuple[float, float]] = []
    first = run.samples
    while (passed_s := time.monotonic() - started) < args.seconds and run.samples < args.until:
        done = max(passed_s / args.seconds, (run.samples - first) / (args.until - first))
        _set_rates(run, done, args.cooldown)
        side, num, _ = rng.choices(sizes, [weight for _, _, weight in sizes])[0]
        scenes = [draw_scene(setting.vocabulary, rng) for _ in range(num)]
        latents = space.encode(setting.renderer(scenes, side, side))
        rows = setting.captions.roughened([s.caption for s in scenes], rng, may_drop=True)
        t = noiser.timesteps(num, side)
        noisy, noise = noiser.add(latents, t)
        with torch.autocast("cpu", torch.bfloat16):
            predicted = run.pair.unet(noisy, t, run.pair.text(rows))
        errors = (predicted.float() - noise).pow(2).mean((1, 2, 3))
        loss = (errors * noiser.weights(t, side)).mean()
        for optimizer in run.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(run.pair.parameters(), 1.0)
        for optimizer in run.optimizers:
            optimizer.step()
        run.step, run.samples = run.step + 1, run.samples + num
        _average(run, args.ema)
        log.append((loss.item(), errors.mean().item()))
        if run.step % args.log_every == 0:
            cpu_s, mean = time.process_time() - cpu_before, torch.tensor(log[-args.log_every :]).mean(0)
            rate = (run.samples - first) / cpu_s
            print(
                f"{passed_s:6.0f} s ({run.cpu_s + cpu_s:.0f} cpu s) step {run.step} samples {run.samples} "
                f"loss {mean[0]:.4f} eps {mean[1]:.4f} {rate:.0f}/cpu s",
                flush=True,
            )
        if time.monotonic() - saved > SAVE_EVERY_S:
            saved = time.monotonic()
            before, run.cpu_s = run.cpu_s, run.cpu_s + time.process_time() - cpu_before
            run.save(setting.state / args.name)
            run.cpu_s = before
    run.cpu_s += time.process_time() - cpu_before
    run.save(setting.state / args.name)


def _set_rates(run: Run, done: float, cooldown: bool) -> None:
    factor = min(1.0, (run.step + 1) / 100) * (max(0.02, 1 - done) if cooldown else 1.0)
    for optimizer in run.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["base_lr"] * factor


@torch.no_grad()
def _average(run: Run, ema: float) -> None:
    keep = min(ema, (run.step + 1) / (run.step + 10))
    torch._foreach_lerp_(list(run.average.parameters()), list(run.pair.parameters()), 1 - keep)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--name", default="unet.pt", help="state file inside the state folder")
    parser.add_argument("--until", type=int, default=10**9, help="stop at so many samples, all runs together")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so much wall time")
    parser.add_argument("--sizes", default="128:64:1", help="side:batch:weight, comma separated")
    parser.add_argument("--optimizer", choices=("muon", "adamw"), default="muon")
    parser.add_argument("--muon-lr", type=float, default=0.02)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--ema", type=float, default=0.998)
    parser.add_argument("--log-every", type=int, default=50)
    parser.add_argument("--cooldown", action="store_true")
    parser.add_argument("--resume-from-checkpoint", type=Path)
    args = parser.parse_args()
    setting = open_setting(args)
    run = start_run(setting, args)
    train(run, setting, load_linear(setting.state), args)


if __name__ == "__main__":
    main()
