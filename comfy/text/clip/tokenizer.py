"""Prompts to weighted token chunks for CLIP's text encoders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from comfy.errors import TextError
from comfy.text.clip.vocabulary import END_ID, START_ID, clip_vocabulary
from comfy.text.embeddings import load_embedding, split_references
from comfy.text.prompt_weights import parse_prompt
from comfy.text.tokens import ChunkLayout, Token, TokenChunks, WeightedToken, lay_out

MAX_CHARACTERS = 1_000_000
"""Longest prompt that is tokenised: about a second's work, and far more than any encoder takes."""


class ClipTokenizer:
    """The tokeniser of one CLIP text encoder.

    `embedding_width` and `embedding_key` say which textual inversions fit; `pad` is what fills chunks
    (CLIP-L repeats the end mark, others use 0). `disable_weights` takes parentheses as text.
    """

    def __init__(
        self,
        embedding_directories: Sequence[str | Path] = (),
        *,
        embedding_width: int = 768,
        embedding_key: str = "clip_l",
        pad: int = END_ID,
        disable_weights: bool = False,
    ) -> None:
        self.embedding_directories = tuple(embedding_directories)
        self.embedding_width = embedding_width
        self.embedding_key = embedding_key
        self.disable_weights = disable_weights
        self.layout = ChunkLayout(start=START_ID, end=END_ID, pad=pad)

    def tokenize_with_weights(self, text: str, return_word_ids: bool = False, **options: Any) -> TokenChunks:
        """Chunks of 77 (token, weight) pairs, or (token, weight, word number) triples.

        Options: `disable_weights` overrules the tokeniser's own. Raises: TextError beyond MAX_CHARACTERS.
        """
        if len(text) > MAX_CHARACTERS:
            raise TextError(f"the prompt has {len(text)} characters, at most {MAX_CHARACTERS} are read")
        weights_enabled = not options.get("disable_weights", self.disable_weights)
        words: list[list[WeightedToken]] = []
        for segment, weight in parse_prompt(text, weights_enabled=weights_enabled):
            for tokens in self._words(segment):
                words.append([WeightedToken(token, weight, len(words) + 1) for token in tokens])
        num_fields = 3 if return_word_ids else 2
        return [[slot[:num_fields] for slot in chunk] for chunk in lay_out(words, self.layout)]

    def untokenize(self, token_weight_pairs: Sequence[tuple[Token, float]]) -> list[tuple[Any, str | None]]:
        """Each pair with the text of its token; embedding rows have no text."""
        vocabulary = clip_vocabulary()
        return [
            (pair, "" if isinstance(pair[0], Tensor) else vocabulary.id_to_token(pair[0]))
            for pair in token_weight_pairs
        ]

    def _words(self, segment: str) -> Iterator[Sequence[Token]]:
        """The non-empty words of a segment: text between embeddings as ids, an embedding as its rows."""
        for text, name in split_references(segment):
            if name is not None:
                rows = load_embedding(
                    name, self.embedding_directories, width=self.embedding_width, key=self.embedding_key
                )
                if rows is not None:
                    yield list(rows)
            elif ids := clip_vocabulary().encode(text, add_special_tokens=False).ids:
                yield ids


class Sd1Tokenizer:
    """SD1's only tokeniser under the name its encoder knows it by: `{"l": chunks}`."""

    def __init__(self, clip_l: ClipTokenizer) -> None:
        self.clip_l = clip_l

    def tokenize_with_weights(
        self, text: str, return_word_ids: bool = False, **options: Any
    ) -> dict[str, TokenChunks]:
        """Chunks by encoder name."""
        return {"l": self.clip_l.tokenize_with_weights(text, return_word_ids, **options)}

    def untokenize(self, token_weight_pairs: Sequence[tuple[Token, float]]) -> list[tuple[Any, str | None]]:
        """Each pair with the text of its token."""
        return self.clip_l.untokenize(token_weight_pairs)
