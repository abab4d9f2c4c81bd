"""CLIP's byte-pair tokeniser: lower-cased text to ids, built from OpenAI's table of merges.

The table lies beside this file; the fast tokeniser is made at first use, once per process.
Source: Radford et al. 2021, arXiv 2103.00020, section 2.4 (byte pair encoding, lower case, 49,152 merges and
bytes); Sennrich et al. 2016, arXiv 1508.07909.
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

MERGES_FILE = Path(__file__).with_name("bpe_simple_vocab_16e6.txt.gz")
START, END = "<|startoftext|>", "<|endoftext|>"
START_ID, END_ID = 49406, 49407

_NUM_MERGES = 49152 - 256 - 2
"""The vocabulary has 256 bytes, the same 256 at the end of a word, the merges and the two marks: 49,408."""

_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
"""A contraction, a run of letters, one digit, or a run of anything else but space."""


@lru_cache(maxsize=1)
def clip_vocabulary() -> Tokenizer:
    """The tokeniser itself; `encode(text).ids` holds no frame or padding."""
    merges = _read_merges()
    letters = _byte_letters()
    tokens = [*letters, *[letter + "</w>" for letter in letters], *[a + b for a, b in merges], START, END]
    vocabulary = Tokenizer(
        models.BPE(
            {token: i for i, token in enumerate(tokens)}, merges, unk_token=END, end_of_word_suffix="</w>"
        )
    )
    vocabulary.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    vocabulary.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    vocabulary.add_special_tokens([START, END])
    return vocabulary


def _read_merges() -> list[tuple[str, str]]:
    merges: list[tuple[str, str]] = []
    with gzip.open(MERGES_FILE, "rt", encoding="utf-8") as lines:
        next(lines)  # a version line
        for line in lines:
            left, right = line.split()
            merges.append((left, right))
            if len(merges) == _NUM_MERGES:
                break
    return merges


def _byte_letters() -> list[str]:
    """A visible letter per byte in the order of the ids: printable ones first, the rest from U+0100 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    num_hidden = 256 - len(printable)
    return [chr(byte) for byte in printable] + [chr(256 + i) for i in range(num_hidden)]
