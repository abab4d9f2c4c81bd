"""Latent nodes of the V3 form."""

from __future__ import annotations

import pytest
import torch

from comfy_extras import nodes_latent


def _run(node, *args, **kwargs):
    return node.execute(*args, **kwargs).result[0]


@pytest.fixture
def latents():
    first = {"samples": torch.ones(2, 4, 3, 5), "noise_mask": "kept"}
    second = {"samples": 2 * torch.ones(1, 4, 6, 10)}
    return first, second


def test_arithmetic_fits_the_second_latent_to_the_first(latents):
    assert torch.allclose(_run(nodes_latent.LatentAdd, *latents)["samples"], torch.full((2, 4, 3, 5), 3.0))
    assert torch.allclose(
        _run(nodes_latent.LatentSubtract, *latents)["samples"], torch.full((2, 4, 3, 5), -1.0)
    )
    assert _run(nodes_latent.LatentAdd, *latents)["noise_mask"] == "kept"
    assert _run(nodes_latent.LatentMultiply, latents[1], 0.25)["samples"].max() == 0.5
    mixed = _run(nodes_latent.LatentInterpolate, *latents, 0.5)["samples"]
    torch.testing.assert_close(mixed, torch.full((2, 4, 3, 5), 1.5))


@pytest.mark.parametrize(
    ("dim", "shape", "first_value"),
    [("x", (2, 4, 3, 7), 1), ("-x", (2, 4, 3, 7), 0), ("y", (2, 4, 3, 5), None), ("-y", (2, 4, 3, 5), None)],
)
def test_latents_are_joined_before_or_behind(dim, shape, first_value):
    first = torch.ones(2, 4, 3, 5)
    if first_value is None:
        joined = _run(
            nodes_latent.LatentConcat, {"samples": first[:, :, :2]}, {"samples": torch.zeros(1, 4, 1, 5)}, dim
        )
        edge = joined["samples"][0, 0, 0, 0]
        assert joined["samples"].shape == shape and edge == (0 if dim == "-y" else 1)
        return
    joined = _run(nodes_latent.LatentConcat, {"samples": first}, {"samples": torch.zeros(1, 4, 3, 2)}, dim)
    assert joined["samples"].shape == shape and joined["samples"][0, 0, 0, 0] == first_value


def test_frames_of_a_video_latent_are_cut_and_joined_on_the_time_axis():
    video = {"samples": torch.arange(6.0).reshape(1, 1, 6, 1, 1)}
    cut = _run(nodes_latent.LatentCut, video, "t", 2, 3)
    assert cut["samples"].flatten().tolist() == [2, 3, 4]
    assert _run(nodes_latent.LatentConcat, video, cut, "-t")["samples"].flatten().tolist() == [
        2,
        3,
        4,
        *range(6),
    ]


def test_noise_of_a_batch_is_one_for_all_or_each_its_own():
    latent = {"samples": torch.zeros(3, 4, 2, 2), "batch_index": [7, 8, 9]}
    assert _run(nodes_latent.LatentBatchSeedBehavior, latent, "fixed")["batch_index"] == [7, 7, 7]
    assert "batch_index" not in _run(nodes_latent.LatentBatchSeedBehavior, latent, "random")
    plain = {"samples": torch.zeros(2, 4, 2, 2)}
    assert _run(nodes_latent.LatentBatchSeedBehavior, plain, "fixed")["batch_index"] == [0, 0]
    assert "batch_index" not in plain


def test_batches_join_with_their_noise_numbers(latents):
    joined = _run(nodes_latent.LatentBatch, *latents)
    assert joined["samples"].shape == (3, 4, 3, 5) and joined["batch_index"] == [0, 1, 0]


async def test_the_extension_offers_every_node_of_the_file():
    extension = await nodes_latent.comfy_entrypoint()
    names = {node.GET_SCHEMA().node_id for node in await extension.get_node_list()}
    assert names == {name for name in vars(nodes_latent) if name.startswith("Latent")} - {
        "Latent",
        "LatentNodes",
    }
