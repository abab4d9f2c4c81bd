"""Textual inversion: `embedding:name` in a prompt stands for learned token vectors out of a file.

Files are looked for below the given folders only. Pickled files are read through torch's weights-only loader
(`comfy.weights.files`), so no code in them runs.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from comfy.errors import TextError, WeightsError
from comfy.weights import files

log = logging.getLogger(__name__)

EMBEDDING_SUFFIXES = ("", ".safetensors", ".pt", ".bin")
"""Tried in this order behind the name in the prompt."""

_REFERENCE = re.compile(r"(?:^|(?<=\s))embedding:\s*(\S+)")


def split_references(text: str) -> Iterator[tuple[str, str | None]]:
    """Stretches of text and embedding names in order: (text, None) or ("", name).

    Commas behind a name are no part of it, they belong to the text that follows.
    """
    at = 0
    for match in _REFERENCE.finditer(text):
        name = match.group(1).strip(",")
        yield text[at : match.start()], None
        yield "", name
        at = match.start(1) + match.group(1).find(name) + len(name)
    yield text[at:], None


def find_embedding(name: str, directories: Sequence[str | Path]) -> Path | None:
    """The first file of that name, with or without a known ending, below one of the folders.

    A name that leads out of the folder names nothing; links that the owner put inside are followed.
    """
    if not name or "\0" in name:
        return None
    for directory in directories:
        root = os.path.abspath(directory)
        for suffix in EMBEDDING_SUFFIXES:
            candidate = os.path.normpath(os.path.join(root, name + suffix))
            if candidate.startswith(root + os.sep) and os.path.isfile(candidate):
                return Path(candidate)
    return None


def load_embedding(
    name: str, directories: Sequence[str | Path], *, width: int, key: str = "clip_l"
) -> Tensor | None:
    """The vectors of one embedding, or None (with a warning in the log) when there is none that fits.

    Shape: (rows, width), float32, CPU. `key` chooses among the tensors of files made for several encoders.
    """
    path = find_embedding(name, directories)
    if path is None:
        log.warning("embedding %r is in none of the embedding folders, it is left out of the prompt", name)
        return None
    try:
        is_pickle = path.suffix.lower() in files.PICKLE_SUFFIXES
        rows = embedding_rows(files.load_pickle(path) if is_pickle else files.load_torch_file(path), key)
    except (WeightsError, TextError) as error:
        log.warning("embedding %r cannot be read and is left out of the prompt: %s", name, error)
        return None
    if rows.shape[1] != width:
        log.warning(
            "embedding %r is %d wide where this text encoder needs %d, it is left out of the prompt",
            name,
            rows.shape[1],
            width,
        )
        return None
    return rows


def embedding_rows(content: Any, key: str) -> Tensor:
    """The tensor of an embedding file as rows.

    Known contents: one tensor under any name, one per encoder (`clip_l`, `clip_g`, ...), `string_to_param`
    of the original training script, a bare tensor, a list of tensors. Raises: TextError for anything else.
    """
    if isinstance(content, Mapping):
        inner = content.get("string_to_param", content)
        tensors = {name: value for name, value in inner.items() if isinstance(value, Tensor)}
        found = tensors.get(key, next(iter(tensors.values()), None))
    elif isinstance(content, list) and content and all(isinstance(value, Tensor) for value in content):
        found = torch.cat([value.reshape(-1, value.shape[-1]) for value in content])
    else:
        found = content if isinstance(content, Tensor) else None
    if found is None or found.ndim == 0 or not found.is_floating_point():
        raise TextError("the file holds no tensor of token vectors")
    return found.detach().reshape(-1, found.shape[-1]).to(torch.float32)
