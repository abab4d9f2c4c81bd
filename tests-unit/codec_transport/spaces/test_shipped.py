"""What ships measured: the demo model's scales and dictionaries work, and earn their place."""

from __future__ import annotations

import numpy as np
import pytest

from codec_transport.dictionary_training import coded_size
from codec_transport.spaces.builtin import DEMO_SPACE_ID, builtin_spaces
from codec_transport.train_dict import body_of
from codec_transport.wire.codings import body_coder

SPACE = {space.id: space for space in builtin_spaces()}[DEMO_SPACE_ID]


def test_dictionaries_ship_for_the_pipelines_that_are_trained_by_default():
    kinds = {(entry.stream_format, entry.pipeline) for entry in SPACE.dictionaries}
    assert {("msgpack", name) for name in ("int8", "int8-adaptive", "delta+int8")} <= kinds
    assert all(len(entry.content) <= 16384 for entry in SPACE.dictionaries)


@pytest.mark.parametrize(
    "dictionary", SPACE.dictionaries, ids=lambda entry: f"{entry.stream_format} {entry.pipeline}"
)
def test_dictionary_beats_gzip_on_a_body_it_has_not_seen(dictionary):
    # smooth, as pictures are
    axis = np.linspace(-2, 2, 16)
    latent = np.stack([np.outer(np.cos(axis + c), np.sin(axis)) for c in range(4)]).astype(np.float16)
    frames = [latent, (latent * 0.98).astype(np.float16)] if "delta" in dictionary.pipeline else [latent]
    body = body_of(SPACE, dictionary.stream_format, dictionary.pipeline, frames)
    coder = body_coder("zstd", dictionary=dictionary.content)
    gzip = coded_size(body, dictionary.stream_format, body_coder("gzip"))
    assert coded_size(body, dictionary.stream_format, coder) < gzip
