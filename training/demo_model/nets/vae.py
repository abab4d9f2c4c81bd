"""The autoencoder, with SD1's block structure and key names, started near-linear and near-noiseless.

With a usual start the first minutes of CPU training learn nothing; with zeroed residual exits they do.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.demo_model.design import LATENT_CHANNELS, SD1_SCALE_FACTOR, VaeDesign
from training.demo_model.nets.attend import attend

#: The posterior is kept this narrow (std .05 where latents have 5.49): a sampled latent is as good as the mean.
LOG_VARIANCE = -6.0


class ResBlock(nn.Module):
    """Two convolutions, added to the input; starts as the identity (or the shortcut)."""

    def __init__(self, in_width: int, out_width: int, groups: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, in_width, eps=1e-6)
        self.conv1 = nn.Conv2d(in_width, out_width, 3, padding=1)
        self.norm2 = nn.GroupNorm(groups, out_width, eps=1e-6)
        self.conv2 = nn.Conv2d(out_width, out_width, 3, padding=1)
        if in_width != out_width:
            self.nin_shortcut = nn.Conv2d(in_width, out_width, 1)
        nn.init.zeros_(self.conv2.weight)
        if self.conv2.bias is not None:
            nn.init.zeros_(self.conv2.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (b,in,h,w) -> (b,out,h,w)."""
        h = self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))
        return (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x) + h


class AttnBlock(nn.Module):
    """One-headed self-attention over positions; starts as the identity."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, width, eps=1e-6)
        self.q, self.k, self.v = (nn.Conv2d(width, width, 1) for _ in range(3))
        self.proj_out = nn.Conv2d(width, width, 1)
        nn.init.zeros_(self.proj_out.weight)
        if self.proj_out.bias is not None:
            nn.init.zeros_(self.proj_out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (b,c,h,w) -> (b,c,h,w)."""
        b, c, h, w = x.shape
        y = self.norm(x)
        q, k, v = (f(y).flatten(2).transpose(1, 2)[:, None] for f in (self.q, self.k, self.v))
        mixed = attend(q, k, v)[:, 0].transpose(1, 2).reshape(b, c, h, w)
        return x + self.proj_out(mixed)


class Middle(nn.Module):
    """Block, attention, block at the smallest size."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.block_1, self.block_2 = ResBlock(width, width, groups), ResBlock(width, width, groups)
        self.attn_1 = AttnBlock(width, groups)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (b,c,h,w) -> (b,c,h,w)."""
        return self.block_2(self.attn_1(self.block_1(x)))


class Downsample(nn.Module):
    """Halves height and width; pads right and bottom only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (b,c,h,w) -> (b,c,h/2,w/2)."""
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    """Doubles height and width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (b,c,h,w) -> (b,c,2h,2w)."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Level(nn.Module):
    """The blocks of one resolution, then the change of size, if any."""

    def __init__(self, blocks: list[ResBlock], downsample: int = 0, upsample: int = 0) -> None:
        super().__init__()
        self.block = nn.ModuleList(blocks)
        if downsample:
            self.downsample = Downsample(downsample)
        if upsample:
            self.upsample = Upsample(upsample)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (b,c,h,w) -> (b,c',h',w')."""
        for block in self.block:
            x = block(x)
        if hasattr(self, "downsample"):
            x = self.downsample(x)
        if hasattr(self, "upsample"):
            x = self.upsample(x)
        return x


class Encoder(nn.Module):
    """Picture -> mean and log-variance, before `quant_conv`."""

    def __init__(self, design: VaeDesign) -> None:
        super().__init__()
        channels, groups = design.channels, design.groups
        self.conv_in = nn.Conv2d(3, channels[0], 3, padding=1)
        levels, width = [], channels[0]
        for i, out in enumerate(channels):
            blocks = []
            for _ in range(design.num_res_blocks):
                blocks.append(ResBlock(width, out, groups[i]))
                width = out
            levels.append(Level(blocks, downsample=width if i < len(channels) - 1 else 0))
        self.down = nn.ModuleList(levels)
        self.mid = Middle(width, groups[-1])
        self.norm_out = nn.GroupNorm(groups[-1], width, eps=1e-6)
        self.conv_out = nn.Conv2d(width, 2 * LATENT_CHANNELS, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (b,3,H,W) in -1..1 -> (b,8,H/8,W/8)."""
        x = self.conv_in(x)
        for level in self.down:
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(self.mid(x))))


class Decoder(nn.Module):
    """Latent, after `post_quant_conv` -> picture."""

    def __init__(self, design: VaeDesign) -> None:
        super().__init__()
        channels, groups = design.channels, design.groups
        width = channels[-1]
        self.conv_in = nn.Conv2d(LATENT_CHANNELS, width, 3, padding=1)
        self.mid = Middle(width, groups[-1])
        levels: list[Level] = []
        for i in range(len(channels) - 1, -1, -1):
            blocks = []
            for _ in range(design.num_res_blocks + 1):
                blocks.append(ResBlock(width, channels[i], groups[i]))
                width = channels[i]
            levels.insert(0, Level(blocks, upsample=width if i > 0 else 0))
        self.up = nn.ModuleList(levels)
        self.norm_out = nn.GroupNorm(groups[0], width, eps=1e-6)
        self.conv_out = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (b,4,h,w) -> (b,3,8h,8w), about -1..1, not clamped."""
        x = self.mid(self.conv_in(x))
        for level in reversed(list(self.up)):
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(x)))


class Vae(nn.Module):
    """KL autoencoder with latents at SD1's scale (std about 5.49)."""

    def __init__(self, design: VaeDesign) -> None:
        super().__init__()
        z = LATENT_CHANNELS
        self.encoder, self.decoder = Encoder(design), Decoder(design)
        self.quant_conv, self.post_quant_conv = nn.Conv2d(2 * z, 2 * z, 1), nn.Conv2d(z, z, 1)
        eye = torch.eye(z)
        with torch.no_grad():
            for conv in (self.quant_conv, self.post_quant_conv):
                conv.weight.zero_()
                conv.bias.zero_() if conv.bias is not None else None
            self.quant_conv.weight[:z, :z, 0, 0] = eye / SD1_SCALE_FACTOR
            self.post_quant_conv.weight[:, :, 0, 0] = eye * SD1_SCALE_FACTOR
            if self.quant_conv.bias is not None:
                self.quant_conv.bias[z:] = LOG_VARIANCE

    def encode(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance. Shape: (b,3,H,W) in -1..1 -> two of (b,4,H/8,W/8)."""
        mean, log_variance = self.quant_conv(self.encoder(pictures)).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, latents: Tensor) -> Tensor:
        """Shape: (b,4,h,w) at std 5.49 -> (b,3,8h,8w)."""
        return self.decoder(self.post_quant_conv(latents))
