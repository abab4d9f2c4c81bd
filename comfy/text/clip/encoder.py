"""Token chunks to conditioning for one CLIP text encoder: weights, layer choice, pooled vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from comfy.errors import TextError
from comfy.memory import devices
from comfy.text.clip.transformer import ClipTextTransformer, TextStates
from comfy.text.tokens import ChunkLayout, Token

MAX_CHUNKS = 256
"""Longest prompt that is encoded: 19,200 tokens. A novel's page has 700; beyond that a mistake would eat the memory."""

ROWS_AT_ONCE = 16
"""Chunks per pass: bounds the memory of long prompts, large enough that usual ones need one pass."""

Encoded = tuple[Tensor, Tensor]
"""Conditioning (1, T, W) and pooled vector (1, W), float32, on the device where values wait between nodes."""


class ClipTextEncoder(nn.Module):
    """A transformer with the settings by which prompts are encoded.

    `layer`: None gives the last hidden state; a number gives the one after that layer, counted from zero,
    negative from the end; a number beyond the depth gives the last. `norm_layer` puts the final norm on such a
    state (SD1 does, SDXL does not). `projected_pooled` says which pooled vector is given.
    """

    def __init__(
        self,
        transformer: ClipTextTransformer,
        layout: ChunkLayout,
        *,
        layer: int | None = None,
        norm_layer: bool = True,
        projected_pooled: bool = False,
    ) -> None:
        super().__init__()
        self.transformer = transformer
        self.layout = layout
        self.norm_layer = norm_layer
        self._defaults = (layer, projected_pooled)
        self.layer, self.projected_pooled = self._defaults

    def set_clip_options(self, options: Mapping[str, Any]) -> None:
        """Takes `layer` (None keeps the encoder's own) and `projected_pooled` for the calls that follow."""
        if options.get("layer") is not None:
            self.layer = int(options["layer"])
        self.projected_pooled = bool(options.get("projected_pooled", self.projected_pooled))

    def reset_clip_options(self) -> None:
        """Back to the encoder's own settings."""
        self.layer, self.projected_pooled = self._defaults

    def encode_token_weights(self, chunks: Sequence[Sequence[tuple[Any, ...]]]) -> Encoded:
        """Encodes all chunks as one batch and joins them on the token axis; pooled is the first chunk's.

        A weight other than 1 moves a token's hidden state along the line through that of an empty prompt at
        the same position, which is encoded in the same batch.
        Raises: TextError for chunks that cannot be encoded, and for more than MAX_CHUNKS of them.
        """
        if not chunks or len({len(chunk) for chunk in chunks}) != 1:
            raise TextError("token chunks must be at least one, and all of one length")
        if len(chunks) > MAX_CHUNKS:
            raise TextError(
                f"the prompt has {len(chunks)} chunks of tokens, at most {MAX_CHUNKS} are encoded"
            )
        rows = [[slot[0] for slot in chunk] for chunk in chunks]
        weights = torch.tensor([[float(slot[1]) for slot in chunk] for chunk in chunks])
        is_weighted = bool((weights != 1.0).any())
        if is_weighted:
            if len(rows[0]) != self.layout.length:
                raise TextError(f"weighted chunks must have {self.layout.length} tokens each")
            rows.append(list(self.layout.empty()))
        passes = [self.encode_rows(rows[i : i + ROWS_AT_ONCE]) for i in range(0, len(rows), ROWS_AT_ONCE)]
        hidden = torch.cat([self._chosen(states).float() for states in passes])
        if is_weighted:
            hidden = _weigh(hidden[:-1], weights.to(hidden.device), hidden[-1:])
        pooled = (passes[0].projected if self.projected_pooled else passes[0].pooled)[:1].float()
        device = devices.intermediate_device()
        return hidden.reshape(1, -1, hidden.shape[-1]).to(device), pooled.to(device)

    def encode_rows(self, rows: Sequence[Sequence[Token]]) -> TextStates:
        """One pass over rows of equal length, of ids and embedding rows mixed.

        Raises: TextError for an id outside of the vocabulary, an embedding of another width, or rows that the
        transformer has no positions for.
        """
        config = self.transformer.config
        device = self.transformer.text_model.final_layer_norm.weight.device
        if len(rows[0]) > config.num_positions:
            raise TextError(f"{len(rows[0])} tokens in a row, there are {config.num_positions} positions")
        ids = torch.tensor([[self._id(token) for token in row] for row in rows], device=device)
        vectors = self.transformer.embed_tokens(ids)
        for b, row in enumerate(rows):
            for t, token in enumerate(row):
                if isinstance(token, Tensor):
                    if token.numel() != config.width:
                        raise TextError(f"an embedding row is {token.numel()} wide, needed: {config.width}")
                    vectors[b, t] = token.reshape(-1).to(vectors)
        ends = (ids == self.layout.end).int().argmax(dim=1)
        return self.transformer(vectors, ends, layer=self._layer_index(), norm_layer=self.norm_layer)

    def _id(self, token: Token) -> int:
        if isinstance(token, Tensor):
            return 0  # replaced by the row itself; never an end mark
        if not 0 <= int(token) < self.transformer.config.vocabulary_size:
            raise TextError(
                f"token {token} is not among the {self.transformer.config.vocabulary_size} of this vocabulary"
            )
        return int(token)

    def _layer_index(self) -> int | None:
        if self.layer is None:
            return None
        depth = self.transformer.num_layers
        index = self.layer + depth if self.layer < 0 else self.layer
        return index if 0 <= index < depth else None

    def _chosen(self, states: TextStates) -> Tensor:
        return states.last if states.intermediate is None else states.intermediate


def _weigh(hidden: Tensor, weights: Tensor, empty: Tensor) -> Tensor:
    """empty + weight * (hidden - empty) where the weight is not 1; there the state stays bit for bit."""
    scaled = (hidden - empty) * weights[..., None] + empty
    return torch.where(weights[..., None] == 1.0, hidden, scaled)


class Sd1TextEncoder(nn.Module):
    """SD1's text side: one CLIP-L encoder under the name that its weights and token lists carry."""

    def __init__(self, clip_l: ClipTextEncoder) -> None:
        super().__init__()
        self.clip_l = clip_l

    def set_clip_options(self, options: Mapping[str, Any]) -> None:
        """See `ClipTextEncoder.set_clip_options`."""
        self.clip_l.set_clip_options(options)

    def reset_clip_options(self) -> None:
        """Back to the encoder's own settings."""
        self.clip_l.reset_clip_options()

    def encode_token_weights(self, tokens: Mapping[str, Sequence[Sequence[tuple[Any, ...]]]]) -> Encoded:
        """Encodes the chunks under `l`. Raises: TextError without them."""
        if "l" not in tokens:
            raise TextError(f"tokens for the encoders {sorted(tokens)}, this model has l")
        return self.clip_l.encode_token_weights(tokens["l"])

    def load_sd(self, state_dict: Mapping[str, Tensor]) -> Any:
        """Copies weights over the transformer's; gives torch's lists of missing and unexpected keys."""
        return self.clip_l.transformer.load_state_dict(dict(state_dict), strict=False)
