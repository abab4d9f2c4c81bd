"""Hashes of file contents."""

from __future__ import annotations

import hashlib

import pytest

from comfy import hashing


def test_a_digest_is_that_of_the_content(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert hashing.file_digest(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_the_algorithm_can_be_chosen_and_unknown_ones_are_refused(tmp_path):
    hashing.set_algorithm("md5")
    try:
        assert hashing.hasher()(b"abc").hexdigest() == hashlib.md5(b"abc").hexdigest()
        with pytest.raises(ValueError, match="nonsense"):
            hashing.set_algorithm("nonsense")
        assert hashing.hasher() is hashlib.md5
    finally:
        hashing.set_algorithm("sha256")
