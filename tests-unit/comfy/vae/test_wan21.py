"""Runs of Wan 2.1's autoencoder: bounded state, two at a time, misuse; the VAE object over it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from comfy.errors import LatentError, UnknownModelError, WeightsShapeError
from comfy.vae import chunked
from comfy.vae.autoencoder import VAE

STATE = Path(__file__).parents[2] / "data" / "vectors" / "wan21_vae" / "state.safetensors"


@pytest.fixture(scope="module")
def weights():
    return load_file(STATE)


@pytest.fixture(scope="module")
def vae(weights):
    return VAE.from_state_dict(weights)


def latent(frames, items=1, seed=3):
    return torch.randn(items, 16, frames, 3, 3, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def test_state_is_constant_and_as_large_as_the_formula_says(vae):
    run = vae.first_stage_model.open_decode((1, 16, 9, 3, 3))
    sizes = []
    for part in latent(9).split(1, dim=2):
        assert [piece.shape[2] for piece in run.push(part)] == [1 if not sizes else 4]
        sizes.append(run.size_bytes())
    assert len(set(sizes[1:])) == 1
    assert sizes[-1] == 321_408  # two input frames per causal convolution of this configuration, float32
    run.close()
    assert run.size_bytes() == 0


@torch.no_grad()
def test_encoding_state_is_constant(vae):
    run = vae.first_stage_model.open_encode()
    pixels = torch.rand(1, 3, 33, 24, 24)
    sizes = [run.size_bytes() for part in pixels.split(1, dim=2) for _ in run.push(part)]
    assert len(sizes) == 9
    assert len(set(sizes[2:])) == 1
    assert sizes[-1] == 148_608  # as for decoding, and one frame per convolution that halves time


@torch.no_grad()
def test_the_method_is_exact_in_double_precision(weights):
    from comfy.vae.families import build_vae

    network = build_vae(weights, None)[0].double()
    pieces = latent(5).double()
    whole = _in_one_piece(network, pieces)
    run = network.open_decode(tuple(pieces.shape))
    cut = torch.cat(list(run.push(pieces)), dim=2)
    assert (cut - whole).abs().max() < 1e-12


def _in_one_piece(network, latents):
    """All frames through every layer at once: another order of the same sums."""
    from comfy.vae.streaming.memory import Memory

    memory = Memory()
    return network.decoder.run(network.conv2.run(latents, memory), memory)


@torch.no_grad()
def test_two_runs_share_one_network(vae):
    first, second = latent(4, seed=1), latent(4, seed=2)
    runs = [vae.first_stage_model.open_decode((1, 16, 4, 3, 3)) for _ in range(2)]
    found = ([], [])
    for i in range(4):
        for run, clip, out in zip(runs, (first, second), found, strict=True):
            out += run.push(clip[:, :, i : i + 1])
    for clip, out in zip((first, second), found, strict=True):
        assert torch.equal(torch.cat(out, dim=2), vae.first_stage_model.decode(clip))


@torch.no_grad()
def test_a_run_that_is_reset_gives_the_same_frames(vae):
    clip = latent(3)
    run = vae.first_stage_model.open_decode(tuple(clip.shape))
    once = torch.cat(list(run.push(clip)), dim=2)
    run.reset()
    assert torch.equal(torch.cat(list(run.push(clip)), dim=2), once)
    assert list(run.push(clip[:, :, :0])) == []


def test_the_vae_object_decodes_and_encodes_clips(vae):
    assert vae.latent_dim == 3
    assert vae.temporal_compression_decode() == 4
    clips = vae.decode(latent(3, items=2))
    assert clips.shape == (2, 9, 24, 24, 3)
    assert 0 <= clips.min() <= clips.max() <= 1
    back = vae.encode(clips[0])
    assert back.shape == (1, 16, 3, 3, 3)
    assert torch.equal(vae.decode_tiled(latent(3, items=2)), clips)
    pieces = [
        piece for part in latent(3).split(2, dim=2) for piece in chunked.open_decode(vae, part).push(part)
    ]
    assert pieces[0].shape == (1, 24, 24, 3)


@pytest.mark.parametrize("shape", [(1, 16, 3, 3), (1, 4, 2, 3, 3), (16, 2, 3, 3)])
def test_latents_of_another_kind_are_refused(vae, shape):
    with pytest.raises(LatentError):
        vae.decode(torch.zeros(shape))
    with pytest.raises(LatentError):
        chunked.open_decode(vae, torch.zeros(shape))


def test_weights_that_do_not_fit_name_their_key(weights):
    broken = {**weights, "decoder.head.2.weight": weights["decoder.head.2.weight"][:, :4]}
    with pytest.raises(WeightsShapeError) as caught:
        VAE.from_state_dict(broken)
    assert "decoder.head.2.weight" in caught.value.key
    without = {key: value for key, value in weights.items() if not key.startswith("decoder.head")}
    with pytest.raises(UnknownModelError):
        VAE.from_state_dict(without)
