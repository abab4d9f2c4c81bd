"""The vocabulary and its tokenisers beyond the golden table."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest
import torch

import comfy.text.clip
from comfy.errors import TextError
from comfy.text.clip.tokenizer import MAX_CHARACTERS, ClipTokenizer, Sd1Tokenizer
from comfy.text.clip.vocabulary import END_ID, MERGES_FILE, START_ID, clip_vocabulary


def test_the_table_of_merges_is_the_published_one_and_its_notice_lies_beside_it():
    notice = (Path(comfy.text.clip.__file__).parent / "NOTICE").read_text()
    assert hashlib.sha256(MERGES_FILE.read_bytes()).hexdigest() in notice
    assert "Permission is hereby granted" in notice


def test_the_vocabulary_has_the_size_that_checkpoints_have_rows_for():
    vocabulary = clip_vocabulary()
    assert vocabulary.get_vocab_size() == 49408
    assert vocabulary.token_to_id("<|startoftext|>") == START_ID
    assert vocabulary.token_to_id("<|endoftext|>") == END_ID


def test_the_vocabulary_is_built_once():
    assert clip_vocabulary() is clip_vocabulary()


def test_a_tokenizer_can_pad_with_another_token():
    (chunk,) = ClipTokenizer(pad=0).tokenize_with_weights("cat")
    assert [token for token, _ in chunk] == [START_ID, 2368, END_ID, *[0] * 74]


def test_tokens_turn_back_into_text_and_vectors_have_none():
    (chunk,) = Sd1Tokenizer(ClipTokenizer()).tokenize_with_weights("a cat")["l"]
    texts = [text for _, text in Sd1Tokenizer(ClipTokenizer()).untokenize(chunk[1:3])]
    assert texts == ["a</w>", "cat</w>"]
    assert ClipTokenizer().untokenize([(torch.zeros(3), 1.0)])[0][1] == ""


def test_a_prompt_of_megabytes_is_refused_and_a_long_one_is_laid_out_quickly():
    start = time.perf_counter()
    chunks = ClipTokenizer().tokenize_with_weights("x" * MAX_CHARACTERS)
    assert time.perf_counter() - start < 20
    assert len(chunks) == -(-250_000 // 75)
    with pytest.raises(TextError, match="1000001"):
        ClipTokenizer().tokenize_with_weights("x" * (MAX_CHARACTERS + 1))
