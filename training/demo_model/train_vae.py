"""Third training: the autoencoder. Its encoder learns the closed-form latents, its decoder to draw from them.

Resumable; runs beside or after the UNet's training, which needs only the closed form.
"""

import argparse
import copy
import math
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.demo_model.checkpoint import load_checkpoint
from training.demo_model.design import DESIGN, SD1_SCALE_FACTOR
from training.demo_model.emoji import load_bitmaps
from training.demo_model.linear_latents import LinearLatents, load_linear
from training.demo_model.nets.vae import Vae
from training.demo_model.optim import Muon
from training.demo_model.scenes import Renderer
from training.demo_model.setting import Setting, add_arguments, open_setting, parse_sizes
from training.demo_model.vae_scenes import FREE_SHARE, draw_free, draw_own

#: The decoder sees latents with up to this much noise (in stds), because sampled latents are never exact.
MAX_LATENT_NOISE = 0.12
#: The encoder, cheap to train, steps once for so many steps of the decoder.
ENCODER_EVERY = 4
HELD_OUT_SEED = 990_001
SAVE_EVERY_S = 120.0


def _slopes(a: Tensor, b: Tensor) -> Tensor:
    return (a.diff(dim=-1) - b.diff(dim=-1)).abs().mean() + (a.diff(dim=-2) - b.diff(dim=-2)).abs().mean()


def picture_loss(drawn: Tensor, wanted: Tensor) -> Tensor:
    """Squared and absolute error, absolute error of slopes. Shape: two of (b,3,H,W) -> scalar."""
    error = drawn - wanted
    return 2.0 * error.pow(2).mean() + 0.5 * error.abs().mean() + 0.25 * _slopes(drawn, wanted)


def psnr_db(drawn: Tensor, wanted: Tensor) -> float:
    """Peak signal to noise of pictures in -1..1, over all of them together."""
    return -10 * math.log10(F.mse_loss(drawn.clamp(-1, 1), wanted).item() / 4)


@torch.no_grad()
def held_out_psnr(vae: Vae, setting: Setting, num: int = 32, side: int = 128) -> float:
    """PSNR in dB of encode and decode on scenes drawn from a seed that no training uses."""
    pictures = draw_own(setting.vocabulary, setting.renderer, num, side, random.Random(HELD_OUT_SEED))
    drawn = torch.cat([vae.decode(vae.encode(x)[0]) for x in pictures.split(8)])
    return psnr_db(drawn, pictures)


class VaeRun:
    """A training in progress."""

    def __init__(self, setting: Setting, args: argparse.Namespace) -> None:
        self.vae = (
            load_checkpoint(args.resume_from_checkpoint).vae
            if args.resume_from_checkpoint
            else Vae(DESIGN.vae)
        )
        self.average = copy.deepcopy(self.vae).eval().requires_grad_(False)
        self.step, self.pictures, self.cpu_s = 0, 0, 0.0
        ends = (self.vae.encoder.conv_in, self.vae.decoder.conv_out, self.vae.decoder.conv_in)
        end_ids = {id(p) for end in ends for p in end.parameters()}
        inner = [*self.vae.encoder.parameters(), *self.vae.decoder.parameters()]
        matrices = [p for p in inner if p.dim() > 1 and id(p) not in end_ids]
        matrix_ids = {id(p) for p in matrices}
        others = [p for p in inner if id(p) not in matrix_ids]
        self.optimizers: list[torch.optim.Optimizer] = [
            Muon(matrices, lr=args.muon_lr),
            torch.optim.AdamW(others, lr=args.lr, betas=(0.9, 0.98), weight_decay=1e-4, fused=True),
        ]
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["base_lr"] = group["lr"]
        self.path: Path = setting.state / args.name
        if self.path.exists():
            self._load()

    def _load(self) -> None:
        saved = torch.load(self.path)
        self.vae.load_state_dict(saved["vae"])
        self.average.load_state_dict(saved["average"])
        for optimizer, state in zip(self.optimizers, saved["optimizers"], strict=True):
            rates = [group["base_lr"] for group in optimizer.param_groups]
            optimizer.load_state_dict(state)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["base_lr"] = rate
        self.step, self.pictures, self.cpu_s = saved["counts"]

    def save(self, cpu_s: float) -> None:
        """Writes everything needed to go on."""
        state = {
            "vae": self.vae.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            "counts": (self.step, self.pictures, self.cpu_s + cpu_s),
        }
        partial = self.path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.path)

    def learn(self, pictures: Tensor, target: Tensor) -> tuple[float, float]:
        """One step; gives the picture loss and the encoder's error."""
        encoder_loss = torch.zeros(())
        noise = torch.randn_like(target) * MAX_LATENT_NOISE * torch.rand(len(target), 1, 1, 1)
        with torch.autocast("cpu", torch.bfloat16):
            drawn = self.vae.decode((target + noise) / SD1_SCALE_FACTOR)
            if self.step % ENCODER_EVERY == 0:
                encoder_loss = (self.vae.encode(pictures)[0].float() * SD1_SCALE_FACTOR - target).abs().mean()
        loss = picture_loss(drawn.float(), pictures)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        (loss + encoder_loss).backward()
        nn.utils.clip_grad_norm_(self.vae.decoder.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step, self.pictures = self.step + 1, self.pictures + len(pictures)
        keep = min(0.995, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.vae.parameters()), 1 - keep)
        return loss.item(), encoder_loss.item()


def train(run: VaeRun, setting: Setting, space: LinearLatents, args: argparse.Namespace) -> None:
    """Trains up to `args.until` pictures or for `args.seconds`; with `args.cooldown` the rate falls to zero."""
    bitmaps = load_bitmaps(setting.state / "emoji.npz")
    every = Renderer(setting.vocabulary, list(bitmaps.values()))
    rng = random.Random(args.seed + run.step + 29)
    started, saved, cpu_before = time.monotonic(), time.monotonic(), time.process_time()
    log: list[tuple[float, float]] = []
    first, sizes = run.pictures, parse_sizes(args.sizes)
    while (passed_s := time.monotonic() - started) < args.seconds and run.pictures < args.until:
        done = max(passed_s / args.seconds, (run.pictures - first) / (args.until - first))
        factor = min(1.0, (run.step + 1) / 50) * (max(0.02, 1 - done) if args.cooldown else 1.0)
        for optimizer in run.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["base_lr"] * factor
        side, num, _ = rng.choices(sizes, [weight for _, _, weight in sizes])[0]
        num_free = sum(rng.random() < FREE_SHARE for _ in range(num))
        pictures = draw_own(setting.vocabulary, setting.renderer, num - num_free, side, rng)
        if num_free:
            pictures = torch.cat([pictures, draw_free(every, num_free, side, rng)])
        loss, encoder_loss = run.learn(pictures, space.encode(pictures))
        log.append((loss, encoder_loss * ENCODER_EVERY))
        if run.step % args.log_every == 0:
            cpu_s, mean = time.process_time() - cpu_before, torch.tensor(log[-args.log_every :]).mean(0)
            psnr = held_out_psnr(run.average, setting)
            print(
                f"{passed_s:6.0f} s ({run.cpu_s + cpu_s:.0f} cpu s) step {run.step} pictures {run.pictures} "
                f"loss {mean[0]:.4f} encoder {mean[1]:.4f} held-out {psnr:.2f} dB",
                flush=True,
            )
        if time.monotonic() - saved > SAVE_EVERY_S:
            saved = time.monotonic()
            run.save(time.process_time() - cpu_before)
    run.save(time.process_time() - cpu_before)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--name", default="vae.pt", help="state file inside the state folder")
    parser.add_argument(
        "--until", type=int, default=10**9, help="stop at so many pictures, all runs together"
    )
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so much wall time")
    parser.add_argument("--sizes", default="128:6:1", help="side:batch:weight, comma separated")
    parser.add_argument("--muon-lr", type=float, default=0.01)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--log-every", type=int, default=100)
    parser.add_argument("--cooldown", action="store_true")
    parser.add_argument("--resume-from-checkpoint", type=Path)
    args = parser.parse_args()
    setting = open_setting(args)
    train(VaeRun(setting, args), setting, load_linear(setting.state), args)


if __name__ == "__main__":
    main()
