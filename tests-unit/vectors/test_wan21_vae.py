"""Wan 2.1's video autoencoder equals the golden vectors, whole and cut into any chunks."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from vector_cases import family_files

from comfy.vae.autoencoder import VAE

TOLERANCE = {"atol": 1e-4, "rtol": 1e-4}
CHUNKS = (1, 2, 3, 7)


@pytest.fixture(scope="module")
def files(request):
    files = family_files(request.config, "wan21_vae")
    if not files.exists:
        pytest.skip("no vectors of family wan21_vae")
    return files.path


@pytest.fixture(scope="module")
def vae(files):
    return VAE.from_state_dict(load_file(files / "state.safetensors"))


@pytest.fixture(scope="module")
def known(files):
    return load_file(files / "io.safetensors")


def thinned(decoded, key):
    return decoded[:, :, :, ::3, ::5] if key.endswith("@h3w5") else decoded


@pytest.mark.parametrize("key", ["T1/decode", "T3/decode", "T5/decode@h3w5", "batch2/decode"])
@torch.no_grad()
def test_decoding(vae, known, key):
    latent = known[key.split("/")[0] + "/latent"]
    whole = vae.first_stage_model.decode(latent)
    torch.testing.assert_close(thinned(whole, key), known[key], **TOLERANCE)
    for chunk in CHUNKS:
        items = []
        for item in latent.split(1):
            run = vae.first_stage_model.open_decode(tuple(item.shape))
            pieces = [piece for part in item.split(chunk, dim=2) for piece in run.push(part)]
            items.append(torch.cat([*pieces, *run.flush()], dim=2))
        assert torch.equal(torch.cat(items), whole), f"chunks of {chunk} change bits"


@pytest.mark.parametrize("case", ["T1", "T3", "T5", "frames7"])
@torch.no_grad()
def test_encoding(vae, known, case):
    pixels = known[f"{case}/pixels"]
    whole = vae.first_stage_model.encode(pixels)
    torch.testing.assert_close(whole, known[f"{case}/encode"], **TOLERANCE)
    for chunk in (*CHUNKS, 4, 8):
        run = vae.first_stage_model.open_encode()
        latents = [latent for part in pixels.split(chunk, dim=2) for latent in run.push(part)]
        assert torch.equal(torch.cat(latents, dim=2), whole), f"chunks of {chunk} change bits"
        assert run.num_surplus == (2 if case == "frames7" else 0)


def test_the_latent_format_is_wan21s(known):
    from comfy.latents.formats import Wan21

    latent = known["T1/latent"]
    torch.testing.assert_close(Wan21().process_in(latent), known["latent_format_process_in"], **TOLERANCE)
    torch.testing.assert_close(Wan21().process_out(latent), known["latent_format_process_out"], **TOLERANCE)
