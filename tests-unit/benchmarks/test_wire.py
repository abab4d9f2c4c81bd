"""The wire's benchmark: its measures of pictures, its tables, and that it leaves others' sections alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks import wire, wire_quality, wire_speed

RANDOM = np.random.default_rng(6)
PICTURE = RANDOM.integers(0, 256, (40, 48, 3), dtype=np.uint8)


def test_equal_pictures_are_at_the_top_of_both_measures():
    assert wire_quality.psnr_db(PICTURE, PICTURE) == 100
    assert wire_quality.ssim(PICTURE, PICTURE) == pytest.approx(1)


def test_both_measures_fall_with_noise():
    flat = np.full((40, 48, 3), 128, np.uint8)
    noisy = [flat + RANDOM.integers(0, spread, flat.shape).astype(np.uint8) for spread in (4, 40)]
    assert wire_quality.psnr_db(flat, flat + 1) == pytest.approx(20 * np.log10(255))
    assert wire_quality.psnr_db(flat, noisy[0]) > wire_quality.psnr_db(flat, noisy[1])
    assert wire_quality.ssim(flat, noisy[0]) > wire_quality.ssim(flat, noisy[1])


def test_section_is_put_in_once_and_nothing_else_is_touched(tmp_path):
    page = tmp_path / "benchmarks.md"
    page.write_text("# Benchmarks\n\nfirst section\n", "utf-8")
    wire.put_section(page, "one")
    page.write_text(page.read_text("utf-8") + "\nlast section\n", "utf-8")
    wire.put_section(page, "two")
    text = page.read_text("utf-8")
    assert "one" not in text
    assert text.index("first section") < text.index("two") < text.index("last section")
    wire.put_section(page, "two")
    assert page.read_text("utf-8") == text


def test_speed_rows_tell_kinds_of_frames_apart(monkeypatch):
    monkeypatch.setattr(wire_speed, "SHAPES", ((2, 4, 4),))
    threads = torch.get_num_threads()
    try:
        rows = wire_speed.measure_speed(1)
    finally:
        torch.set_num_threads(threads)
    kinds = {row["kind"] for row in rows if row["pipeline"] == "delta+int8"}
    assert kinds == {"keyframe", "delta frame", "mean of 24", "first frame"}
    assert {row["kind"] for row in rows if row["pipeline"] == "raw"} == {"frame", "first frame"}
    assert all(row[name]["us"] > 0 for row in rows for name in ("numpy", "torch"))


def test_quarter_of_gaussian_int4_and_a_tenth_of_int8_can_be_saved():
    saved = {row["pipeline"]: row["saved"] for row in wire_quality.measure_gaussian()}
    for coding in ("gzip", "br", "zstd"):
        assert saved["int8"][coding] >= 0.09
        assert saved["int8-adaptive"][coding] >= 0.09
        assert saved["int4"][coding] >= 0.22
        assert saved["int4-adaptive"][coding] >= 0.22


def test_copies_are_counted_without_a_server():
    copies = wire_speed.measure_copies()
    for name in ("numpy", "torch"):
        assert copies[name]["copies_after_quantising_in_the_server"] == 0
