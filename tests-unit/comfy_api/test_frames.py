"""Chunks of pictures, masks and latents: cutting, joining, files, the keys of a latent."""

from __future__ import annotations

import io

import pytest
import torch

from comfy_api.frames import FRAME_KINDS, IMAGE_FRAMES, LATENT_FRAMES, MASK_FRAMES
from comfy_api.streams import ImageStreamInput, LatentStreamInput, MaskStreamInput, TensorLatentStream


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.uint8])
def test_a_chunk_survives_the_file_bit_by_bit(dtype):
    chunk = (torch.rand(3, 2, 4, 3) * 200).to(dtype)
    file = io.BytesIO()
    IMAGE_FRAMES.dump(chunk[1:], file)
    IMAGE_FRAMES.dump(chunk[:0], file)
    file.seek(0)
    assert torch.equal(IMAGE_FRAMES.load(file), chunk[1:])
    assert IMAGE_FRAMES.load(file).shape == (0, 2, 4, 3)


def test_a_latent_survives_the_file_with_all_its_keys():
    latent = {
        "samples": torch.rand(3, 4, 2, 2),
        "batch_index": [5, 6, 7],
        "noise_mask": torch.rand(3, 1, 2, 2),
    }
    file = io.BytesIO()
    LATENT_FRAMES.dump(latent, file)
    file.seek(0)
    again = LATENT_FRAMES.load(file)
    assert list(again) == list(latent) and again["batch_index"] == [5, 6, 7]
    assert torch.equal(again["samples"], latent["samples"]) and torch.equal(
        again["noise_mask"], latent["noise_mask"]
    )


def test_cut_is_a_view_and_join_undoes_it():
    batch = torch.rand(7, 2, 2, 3)
    parts = [IMAGE_FRAMES.cut(batch, 0, 3), IMAGE_FRAMES.cut(batch, 3, 7)]
    assert parts[0].data_ptr() == batch.data_ptr()
    assert torch.equal(IMAGE_FRAMES.join(parts), batch) and IMAGE_FRAMES.join(parts[:1]) is parts[0]


def test_latents_of_rank_4_are_cut_along_the_batch_with_their_keys():
    latent = {
        "samples": torch.rand(4, 4, 2, 2),
        "noise_mask": torch.rand(1, 1, 2, 2),
        "batch_index": [0, 1, 2, 3],
    }
    part = LATENT_FRAMES.cut(latent, 1, 3)
    assert part["samples"].shape[0] == 2 and part["batch_index"] == [1, 2]
    assert part["noise_mask"] is latent["noise_mask"]
    whole = LATENT_FRAMES.join([LATENT_FRAMES.cut(latent, 0, 1), part, LATENT_FRAMES.cut(latent, 3, 4)])
    assert torch.equal(whole["samples"], latent["samples"]) and whole["batch_index"] == [0, 1, 2, 3]


def test_latents_of_rank_5_are_cut_along_time():
    latent = {
        "samples": torch.rand(1, 4, 6, 2, 2),
        "noise_mask": torch.rand(1, 1, 6, 2, 2),
        "item_starts": [0, 3],
    }
    assert LATENT_FRAMES.length(latent) == 6
    part = LATENT_FRAMES.cut(latent, 2, 5)
    assert part["samples"].shape[2] == 3 == part["noise_mask"].shape[2] and part["item_starts"] == [1]
    whole = LATENT_FRAMES.join([LATENT_FRAMES.cut(latent, 0, 2), part, LATENT_FRAMES.cut(latent, 5, 6)])
    assert torch.equal(whole["samples"], latent["samples"]) and whole["item_starts"] == [0, 3]


def test_a_batch_of_videos_is_one_stream_item_after_item():
    samples = torch.arange(12, dtype=torch.float32).reshape(2, 1, 6, 1, 1)
    stream = TensorLatentStream({"samples": samples})
    assert stream.frame_count == 12
    chunks = [stream.pull(4) for _ in range(4)]
    assert [chunk["samples"].reshape(-1).tolist() for chunk in chunks[:3]] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9, 10, 11],
    ]
    assert [chunk["item_starts"] for chunk in chunks[:3]] == [[0], [2], []]
    assert LATENT_FRAMES.length(chunks[3]) == 0 and chunks[3]["samples"].shape == (1, 1, 0, 1, 1)


def test_empty_chunks_look_like_the_others():
    assert IMAGE_FRAMES.empty(torch.rand(2, 3, 4, 1).half(), None).shape == (0, 3, 4, 1)
    assert IMAGE_FRAMES.empty(torch.rand(2, 3, 4, 1).half(), None).dtype == torch.float16
    assert IMAGE_FRAMES.empty(None, (5, 2)).shape == (0, 2, 5, 3)
    assert MASK_FRAMES.empty(None, (5, 2)).shape == (0, 2, 5)
    assert LATENT_FRAMES.empty(None, (16, 8))["samples"].shape == (0, 4, 1, 2)


def test_empty_chunks_keep_no_frames_alive():
    stream = IMAGE_FRAMES.batch_stream(torch.rand(9, 8, 8, 3))
    stream.pull(4)
    assert stream.empty_chunk().untyped_storage().nbytes() == 0
    latent = LATENT_FRAMES.empty(
        {"samples": torch.rand(2, 4, 8, 8), "noise_mask": torch.rand(2, 1, 8, 8)}, None
    )
    assert (
        latent["samples"].untyped_storage().nbytes() == latent["noise_mask"].untyped_storage().nbytes() == 0
    )


def test_digests_see_a_change():
    chunk = torch.rand(2, 2, 2, 3)
    before = IMAGE_FRAMES.digest(chunk)
    chunk[1, 0, 0, 0] += 1
    assert IMAGE_FRAMES.digest(chunk) != before


class FakePort:
    chunk_frames = 5

    def __init__(self, source):
        self.source, self.released = source, False

    def reset(self):
        pass

    def pull(self, max_frames):
        return self.source.pull(max_frames)

    def release(self):
        self.released = True


@pytest.mark.parametrize(
    ("kind", "base", "batch"),
    [
        ("IMAGE", ImageStreamInput, torch.rand(7, 2, 3, 3)),
        ("MASK", MaskStreamInput, torch.rand(7, 2, 3)),
        ("LATENT", LatentStreamInput, {"samples": torch.rand(7, 4, 2, 3)}),
    ],
)
def test_a_reader_is_a_stream_of_its_kind_and_shows_the_stream_behind_it(kind, base, batch):
    ops = FRAME_KINDS[kind]
    source = ops.batch_stream(batch)
    source.note = "mine"
    port = FakePort(source)
    reader = ops.reader(port)
    assert (
        isinstance(reader, base)
        and reader.note == "mine"
        and reader.frame_count == 7
        and reader.chunk_frames == 5
    )
    assert (
        reader.get_dimensions() == source.get_dimensions()
        and reader.frame_rate is None
        and not reader.is_live
    )
    assert [ops.length(chunk) for chunk in reader.chunks(100)] == [5, 2]
    reader.close()
    assert port.released
    with pytest.raises(AttributeError):
        reader.unknown_to_all  # noqa: B018
