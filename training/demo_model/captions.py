"""Captions as table rows, with the roughening that makes the text encoder shrug at words it does not know."""

import random
from collections.abc import Sequence

from torch import Tensor

from training.demo_model.concepts import Vocabulary
from training.demo_model.design import MAX_TOKENS
from training.demo_model.scenes import LEADS, PLACES, TAILS
from training.demo_model.tokens import END, START, RowMap, Tokenizer

#: Stands for any word outside the list; `RowMap` sends it to the zero row.
UNKNOWN = -1
UNKNOWN_WORDS_SHARE = 0.15
MAX_UNKNOWN_WORDS = 5
EMPTY_CAPTION_SHARE = 0.1
UNKNOWN_ONLY_SHARE = 0.3


def used_tokens(vocabulary: Vocabulary, tokenizer: Tokenizer) -> tuple[int, ...]:
    """Every token id that some caption can hold, in rising order."""
    names = [name for concept in vocabulary.concepts for name in (concept.name, *concept.aliases)]
    texts = [lead.format(a=name, n=name) for lead in LEADS for name in names]
    texts += [tail.format(b=name) for tail in TAILS for name in vocabulary.background_names]
    texts += [where for where, _, _ in PLACES] + ["small an"]
    found = {START, END} | {token for text in texts for token in tokenizer.words(text)}
    return tuple(sorted(found))


def _padded(words: Sequence[int]) -> list[int]:
    ids = [START, *words][: MAX_TOKENS - 1]
    return ids + [END] * (MAX_TOKENS - len(ids))


class CaptionEncoder:
    """Captions -> rows of the training table."""

    def __init__(self, vocabulary: Vocabulary, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.row_map = RowMap(used_tokens(vocabulary, tokenizer))

    def plain(self, captions: Sequence[str]) -> Tensor:
        """Exactly the captions. Shape: (b,77), int64."""
        return self.row_map([_padded(self.tokenizer.words(caption)) for caption in captions])

    def roughened(self, captions: Sequence[str], rng: random.Random, may_drop: bool) -> Tensor:
        """Some captions get unknown words mixed in; with `may_drop` some lose all they say. Shape: (b,77), int64."""
        lines = []
        for caption in captions:
            words = self.tokenizer.words(caption)
            if may_drop and rng.random() < EMPTY_CAPTION_SHARE:
                words = [UNKNOWN] * rng.randrange(1, 9) if rng.random() < UNKNOWN_ONLY_SHARE else []
            elif rng.random() < UNKNOWN_WORDS_SHARE:
                for _ in range(rng.randrange(1, MAX_UNKNOWN_WORDS + 1)):
                    words.insert(rng.randrange(len(words) + 1), UNKNOWN)
            lines.append(_padded(words))
        return self.row_map(lines)
