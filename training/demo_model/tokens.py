"""CLIP's byte-pair tokenizer, for training only: 77 ids, start 49406, end and padding 49407.

Source: Radford et al. 2021, arXiv 2103.00020 (byte-pair vocabulary); Sennrich et al. 2016, arXiv 1508.07909 (merging).
"""

import functools
import gzip
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from training.demo_model.design import MAX_TOKENS

START, END = 49406, 49407
NUM_MERGES = 49152 - 256 - 2
MERGES_NAME = "bpe_simple_vocab_16e6.txt.gz"
WORDS = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|[^\s\w]+|_+")


def read_merges(source: Path) -> bytes:
    """The packed merges table: the .gz itself, or the open-clip-torch wheel that holds it."""
    if source.suffix != ".whl":
        return source.read_bytes()
    with zipfile.ZipFile(source) as wheel:
        return wheel.read("open_clip/" + MERGES_NAME)


def _byte_letters() -> dict[int, str]:
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {b: chr(b) for b in printable}
    for b in range(256):
        if b not in letters:
            letters[b] = chr(256 + len(letters) - len(printable))
    return letters


class Tokenizer:
    """Text -> 77 token ids."""

    def __init__(self, packed_merges: bytes) -> None:
        lines = gzip.decompress(packed_merges).decode("utf-8").split("\n")[1 : NUM_MERGES + 1]
        merges = [tuple(line.split()) for line in lines]
        self.letters = _byte_letters()
        singles = list(self.letters.values())
        entries = singles + [letter + "</w>" for letter in singles] + ["".join(merge) for merge in merges]
        self.ids = {entry: i for i, entry in enumerate(entries)}
        self.ranks = {merge: i for i, merge in enumerate(merges)}
        self.word = functools.cache(self._word)

    def _word(self, word: str) -> tuple[int, ...]:
        parts = [self.letters[b] for b in word.encode("utf-8")]
        parts[-1] += "</w>"
        never = len(self.ranks)
        while len(parts) > 1:
            best = min(range(len(parts) - 1), key=lambda i: self.ranks.get((parts[i], parts[i + 1]), never))
            if (parts[best], parts[best + 1]) not in self.ranks:
                break
            parts[best : best + 2] = [parts[best] + parts[best + 1]]
        return tuple(self.ids[part] for part in parts)

    def words(self, text: str) -> list[int]:
        """The ids of the text alone."""
        found = WORDS.findall(" ".join(text.lower().split()))
        return [i for word in found for i in self.word(word)]

    def __call__(self, text: str) -> list[int]:
        """Start, the text (cut where too long), ends up to 77."""
        ids = [START, *self.words(text)][: MAX_TOKENS - 1]
        return ids + [END] * (MAX_TOKENS - len(ids))


class RowMap:
    """Token ids -> rows of the small training table; row 0 is the zero row of all unknown words."""

    def __init__(self, used_tokens: Iterable[int]) -> None:
        self.used_tokens = tuple(used_tokens)
        self.rows = {token: i + 1 for i, token in enumerate(self.used_tokens)}

    def __call__(self, ids: Iterable[Iterable[int]]) -> Tensor:
        """Shape: (b,77), int64."""
        return torch.tensor([[self.rows.get(i, 0) for i in line] for line in ids])
