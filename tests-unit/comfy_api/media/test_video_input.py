"""Answers that every VIDEO value gives, derived from its frames."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from comfy_api.latest import Input, Types


class Clip(Input.Video):
    def get_components(self):
        return Types.VideoComponents(torch.zeros(12, 4, 6, 3), Fraction(24000, 1001))

    def save_to(self, path, format=Types.VideoContainer.AUTO, codec=Types.VideoCodec.AUTO, metadata=None):
        path.write(Types.VideoContainer.get_extension(format).encode())


def test_size_count_rate_and_length_follow_from_the_frames():
    clip = Clip()
    assert clip.get_dimensions() == (6, 4) and clip.get_frame_count() == 12
    assert clip.get_frame_rate() == Fraction(24000, 1001)
    assert clip.get_duration() == pytest.approx(12 * 1001 / 24000)


def test_the_stream_source_is_the_written_file_at_its_start():
    assert Clip().get_stream_source().read() == b"mp4"


def test_choices_are_the_recorded_ones():
    assert Types.VideoContainer.as_input() == ["auto", "mp4"] and Types.VideoCodec.as_input() == [
        "auto",
        "h264",
    ]
    with pytest.raises(ValueError, match="avi"):
        Types.VideoContainer.get_extension("avi")
