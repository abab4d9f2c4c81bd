"""The text encoder, with CLIP's structure and the key names of SD1 files."""

import torch
from torch import Tensor, nn

from training.demo_model.design import MAX_TOKENS, TextDesign
from training.demo_model.nets.attend import attend

#: fp8 e4m3 has its finest step at 2**-9: rows must be far above CLIP's usual std of .02 to survive it.
TOKEN_STD = 0.3


class SelfAttention(nn.Module):
    """Causal self-attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.k_proj, self.v_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.q_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (b,n,c) -> (b,n,c)."""
        b, n, c = x.shape
        q, k, v = (
            f(x).view(b, n, self.heads, c // self.heads).transpose(1, 2)
            for f in (self.q_proj, self.k_proj, self.v_proj)
        )
        return self.out_proj(attend(q, k, v, is_causal=True).transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Two linear layers with quick GELU between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (b,n,c) -> (b,n,c)."""
        h = self.fc1(x)
        return self.fc2(h * torch.sigmoid(1.702 * h))


class Layer(nn.Module):
    """Pre-norm attention and MLP."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.self_attn, self.mlp = SelfAttention(width, heads), Mlp(width)
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (b,n,c) -> (b,n,c)."""
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class Embeddings(nn.Module):
    """Token and position tables."""

    def __init__(self, num_rows: int, width: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(num_rows, width)
        self.position_embedding = nn.Embedding(MAX_TOKENS, width)
        nn.init.normal_(self.token_embedding.weight, std=TOKEN_STD)
        nn.init.normal_(self.position_embedding.weight, std=0.1)

    def forward(self, rows: Tensor) -> Tensor:
        """Shape: (b,n) -> (b,n,c)."""
        return self.token_embedding(rows) + self.position_embedding.weight[: rows.shape[1]]


class Encoder(nn.Module):
    """The layers."""

    def __init__(self, design: TextDesign) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Layer(design.width, design.heads) for _ in range(design.num_layers)])

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (b,n,c) -> (b,n,c)."""
        for layer in self.layers:
            x = layer(x)
        return x


class TextEncoder(nn.Module):
    """Token rows -> conditioning. In training the table holds the used rows only; row 0 is zero: unknown words."""

    def __init__(self, design: TextDesign, num_rows: int) -> None:
        super().__init__()
        self.embeddings, self.encoder = Embeddings(num_rows, design.width), Encoder(design)
        self.final_layer_norm = nn.LayerNorm(design.width)

    def forward(self, rows: Tensor) -> Tensor:
        """Shape: (b,77) -> (b,77,width)."""
        return self.final_layer_norm(self.encoder(self.embeddings(rows)))
