"""Packs the trained parts of the state folder into one SD1 file."""

import argparse
from pathlib import Path

import torch

from training.demo_model.checkpoint import build_parts, save_checkpoint
from training.demo_model.setting import add_arguments, open_setting

SHIPPED_FILE = Path("models/checkpoints/codec-demo-sd1.safetensors")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--unet", default="unet.pt", help="state of train_unet")
    parser.add_argument("--vae", default="vae.pt", help="state of train_vae")
    parser.add_argument("--native-size", type=int, default=128)
    parser.add_argument("--file", type=Path, default=SHIPPED_FILE)
    args = parser.parse_args()
    setting = open_setting(args)
    parts = build_parts(setting.captions.row_map.used_tokens)
    pair, vae = torch.load(args.state / args.unet), torch.load(args.state / args.vae)
    average = pair["average"]
    parts.unet.load_state_dict(
        {k.removeprefix("unet."): v for k, v in average.items() if k.startswith("unet.")}
    )
    parts.text.load_state_dict(
        {k.removeprefix("text."): v for k, v in average.items() if k.startswith("text.")}
    )
    parts.vae.load_state_dict(vae["average"])
    trained = {
        "codec.demo.unet_samples": str(pair["counts"][1]),
        "codec.demo.vae_pictures": str(vae["counts"][1]),
    }
    size = save_checkpoint(parts, args.file, args.native_size, trained)
    args.file.chmod(0o644)
    print(f"{args.file}: {size / 1e6:.2f} MB, {trained}")


if __name__ == "__main__":
    main()
