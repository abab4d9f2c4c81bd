"""Embedding files: which are found, which forms are read, what is refused."""

from __future__ import annotations

import logging

import pytest
import torch
from safetensors.torch import save_file

from comfy.errors import TextError
from comfy.text.clip.tokenizer import ClipTokenizer
from comfy.text.embeddings import embedding_rows, find_embedding, load_embedding, split_references

ROWS = torch.arange(6, dtype=torch.float32).reshape(2, 3)


class _Boom:
    """Unpickling this would run code."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('code of an embedding file ran')",))


def test_references_are_cut_out_of_the_text_in_order():
    parts = list(split_references("a embedding:x, b embedding: y"))
    assert parts == [("a ", None), ("", "x"), (", b ", None), ("", "y"), ("", None)]


def test_a_reference_inside_of_a_word_is_text():
    assert list(split_references("a,embedding:x")) == [("a,embedding:x", None)]


def test_a_name_is_found_with_and_without_its_ending_in_the_first_folder(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
        save_file({"emb_params": ROWS}, folder / "style.safetensors")
    assert find_embedding("style", [first, second]) == first / "style.safetensors"
    assert find_embedding("style.safetensors", [second]) == second / "style.safetensors"


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "", "sub/../../outside", "a\0b"])
def test_a_name_that_leads_out_of_the_folder_names_nothing(tmp_path, name):
    inside = tmp_path / "embeddings"
    inside.mkdir()
    save_file({"emb_params": ROWS}, tmp_path / "outside.safetensors")
    assert find_embedding(name, [inside]) is None


def test_a_link_that_the_owner_put_into_the_folder_is_followed(tmp_path):
    inside = tmp_path / "embeddings"
    inside.mkdir()
    save_file({"emb_params": ROWS}, tmp_path / "other_disk.safetensors")
    (inside / "style.safetensors").symlink_to(tmp_path / "other_disk.safetensors")
    assert torch.equal(load_embedding("style", [inside], width=3), ROWS)


@pytest.mark.parametrize(
    "content",
    [
        {"string_to_param": {"*": ROWS}, "name": "x"},
        {"emb_params": ROWS},
        {"clip_g": torch.zeros(2, 5), "clip_l": ROWS},
        ROWS,
        [ROWS[0], ROWS[1:]],
    ],
)
def test_every_known_form_gives_the_same_rows(content):
    assert torch.equal(embedding_rows(content, "clip_l"), ROWS)


def test_one_vector_is_one_row():
    assert embedding_rows({"v": ROWS[0]}, "clip_l").shape == (1, 3)


@pytest.mark.parametrize("content", [{}, {"a": 1}, [], "text", {"i": torch.ones(2, dtype=torch.int64)}])
def test_a_file_without_vectors_is_refused(content):
    with pytest.raises(TextError):
        embedding_rows(content, "clip_l")


def test_pickled_files_are_read_without_running_their_code(tmp_path, caplog):
    torch.save({"string_to_param": {"*": ROWS}}, tmp_path / "good.pt")
    torch.save({"x": _Boom()}, tmp_path / "evil.pt")
    assert torch.equal(load_embedding("good", [tmp_path], width=3), ROWS)
    with caplog.at_level(logging.WARNING):
        assert load_embedding("evil", [tmp_path], width=3) is None
    assert "evil" in caplog.text


@pytest.mark.parametrize("damage", ["truncated", "wrong width"])
def test_an_embedding_that_cannot_be_used_is_left_out_and_the_log_says_why(tmp_path, caplog, damage):
    path = tmp_path / "x.safetensors"
    save_file({"emb_params": ROWS}, path)
    width = 3
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:20])
    else:
        width = 768
    with caplog.at_level(logging.WARNING):
        chunks = ClipTokenizer([tmp_path], embedding_width=width).tokenize_with_weights("embedding:x cat")
    assert [token for token, _ in chunks[0][:3]] == [49406, 2368, 49407]
    assert "'x'" in caplog.text
