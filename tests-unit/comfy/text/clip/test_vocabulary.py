"""The vocabulary and its tokenisers beyond the golden table."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch

import comfy.text.clip
from comfy.text.clip.tokenizer import ClipTokenizer, Sd1Tokenizer
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
