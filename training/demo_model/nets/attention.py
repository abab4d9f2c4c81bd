"""Self- and cross-attention of the UNet, with SD1's key names."""

import torch.nn.functional as F
from torch import Tensor, nn

from training.demo_model.nets.attend import attend


class Attention(nn.Module):
    """Queries from the picture, keys and values from a context."""

    def __init__(self, width: int, context_width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context_width, width, bias=False)
        self.to_v = nn.Linear(context_width, width, bias=False)
        self.to_out = nn.Sequential(nn.Linear(width, width), nn.Identity())

    def _split(self, x: Tensor) -> Tensor:
        b, n, c = x.shape
        return x.view(b, n, self.heads, c // self.heads).transpose(1, 2)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Shape: x (b,n,c), context (b,m,context) -> (b,n,c)."""
        q, k, v = self._split(self.to_q(x)), self._split(self.to_k(context)), self._split(self.to_v(context))
        return self.to_out(attend(q, k, v).transpose(1, 2).flatten(2))


class Geglu(nn.Module):
    """A linear layer gated by GELU of another. Source: Shazeer 2020, arXiv 2002.05202."""

    def __init__(self, width: int, out_width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, out_width * 2)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (b,n,c) -> (b,n,out)."""
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    """Widens four times and back."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(Geglu(width, width * 4), nn.Identity(), nn.Linear(width * 4, width))

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (b,n,c) -> (b,n,c)."""
        return self.net(x)


class TransformerBlock(nn.Module):
    """Self-attention, attention to the text, feed-forward; each added to its input."""

    def __init__(self, width: int, context_width: int, heads: int) -> None:
        super().__init__()
        self.attn1 = Attention(width, width, heads)
        self.ff = FeedForward(width)
        self.attn2 = Attention(width, context_width, heads)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Shape: x (b,n,c), context (b,m,context) -> (b,n,c)."""
        h = self.norm1(x)
        x = x + self.attn1(h, h)
        x = x + self.attn2(self.norm2(x), context)
        return x + self.ff(self.norm3(x))


class SpatialTransformer(nn.Module):
    """A transformer block over the picture's positions; starts as the identity."""

    def __init__(self, width: int, context_width: int, heads: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, width, eps=1e-6)
        self.proj_in = nn.Conv2d(width, width, 1)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(width, context_width, heads)])
        self.proj_out = nn.Conv2d(width, width, 1)
        nn.init.zeros_(self.proj_out.weight)
        if self.proj_out.bias is not None:
            nn.init.zeros_(self.proj_out.bias)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Shape: x (b,c,h,w), context (b,m,context) -> (b,c,h,w)."""
        b, c, h, w = x.shape
        tokens = self.proj_in(self.norm(x)).flatten(2).transpose(1, 2)
        for block in self.transformer_blocks:
            tokens = block(tokens, context)
        return x + self.proj_out(tokens.transpose(1, 2).reshape(b, c, h, w))
