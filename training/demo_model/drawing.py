"""From prompts to pictures with a set of nets, and sheets of pictures with their prompts."""

from collections.abc import Callable, Sequence

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from training.demo_model.captions import CaptionEncoder
from training.demo_model.design import VAE_FACTOR
from training.demo_model.nets.text import TextEncoder
from training.demo_model.nets.unet import Unet
from training.demo_model.schedule import sample

BATCH = 24


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
    """One picture per prompt; `decode` takes unit-std latents. Shape: (len(prompts),3,side,side), -1..1."""
    empty, pictures = text(captions.plain([""])), []
    for i in range(0, len(prompts), BATCH):
        context = text(captions.plain(prompts[i : i + BATCH]))
        cells = side // VAE_FACTOR
        latents = sample(unet, context, empty, cells, cells, num_steps, cfg, seed + i)
        pictures.append(decode(latents).float().clamp(-1, 1))
    return torch.cat(pictures)


def sheet(pictures: Tensor, labels: Sequence[str], columns: int, font_size: int = 13) -> Image.Image:
    """A grid with a label under each picture. Shape: (n,3,H,W) in -1..1."""
    font = ImageFont.load_default(font_size)
    side, foot = pictures.shape[-1], font_size + 7
    rows = -(-len(pictures) // columns)
    page = Image.new("RGB", (columns * (side + 6) + 6, rows * (side + foot + 4) + 6), "white")
    pen = ImageDraw.Draw(page)
    bytes_ = pictures.add(1).mul(127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    for i, (array, label) in enumerate(zip(bytes_, labels, strict=True)):
        x, y = 6 + i % columns * (side + 6), 6 + i // columns * (side + foot + 4)
        page.paste(Image.fromarray(array), (x, y))
        pen.rectangle((x - 1, y - 1, x + side, y + side), outline="#cccccc")
        pen.text((x + side / 2, y + side + 4), label, fill="black", font=font, anchor="ma")
    return page
