"""From prompts to pictures with a set of nets, and sheets of pictures with their prompts."""

import textwrap
from collections.abc import Callable, Sequence

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from training.demo_model.captions import CaptionEncoder
from training.demo_model.design import VAE_FACTOR
from training.demo_model.nets.text import TextEncoder
from training.demo_model.nets.unet import Unet
from training.demo_model.schedule import sample, starting_noise

BATCH = 24
#: Pixels between pictures.
GAP = 8


@torch.no_grad()
def draw(
    unet: Unet,
    text: TextEncoder,
    decode: Callable[[Tensor], Tensor],
    captions: CaptionEncoder,
    prompts: Sequence[str],
    side: int = 128,
    num_steps: int = 20,
    cfg: float = 3.0,
    seed: int = 0,
) -> Tensor:
    """One picture per prompt, the i-th with seed `seed + i`, as a server draws it (Euler, scheduler `normal`).

    `decode` takes unit-std latents. Shape: (len(prompts),3,side,side), -1..1.
    """
    empty, pictures, cells = text(captions.plain([""])), [], side // VAE_FACTOR
    for i in range(0, len(prompts), BATCH):
        context = text(captions.plain(prompts[i : i + BATCH]))
        noise = starting_noise(range(seed + i, seed + i + len(context)), cells, cells)
        latents = sample(unet, context, empty, noise, num_steps, cfg)
        pictures.append(decode(latents).float().clamp(-1, 1))
    return torch.cat(pictures)


def sheet(pictures: Tensor, labels: Sequence[str], columns: int, font_size: int = 12) -> Image.Image:
    """A grid with a label of up to two lines under each picture. Shape: (n,3,H,W) in -1..1."""
    font = ImageFont.load_default(font_size)
    side, foot = pictures.shape[-1], 2 * font_size + 12
    rows = -(-len(pictures) // columns)
    page = Image.new("RGB", (columns * (side + GAP) + GAP, rows * (side + foot) + GAP), "white")
    pen = ImageDraw.Draw(page)
    arrays = pictures.add(1).mul(127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    letters_per_line = round(side * 1.75 / font_size)
    for i, (array, label) in enumerate(zip(arrays, labels, strict=True)):
        x, y = GAP + i % columns * (side + GAP), GAP + i // columns * (side + foot)
        page.paste(Image.fromarray(array), (x, y))
        pen.rectangle((x - 1, y - 1, x + side, y + side), outline="#cccccc")
        for k, line in enumerate(textwrap.wrap(label, letters_per_line)[:2]):
            pen.text((x + side / 2, y + side + 3 + k * (font_size + 1)), line, "black", font, anchor="ma")
    return page
