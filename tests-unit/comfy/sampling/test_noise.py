"""Random numbers of sampling."""

from __future__ import annotations

import torch

from comfy.sampling import noise


def test_batch_index_gives_an_item_its_place_in_a_larger_batch():
    many = noise.prepare_noise(torch.zeros(6, 4, 4, 4), 3)
    some = noise.prepare_noise(torch.zeros(3, 4, 4, 4), 3, [5, 0, 5])
    # One draw per item: equal to the batch's draw only from 16 numbers on, where torch has one stream.
    assert torch.equal(some[0], some[2])
    torch.testing.assert_close(some[1], many[0])


def test_drawing_noise_leaves_torchs_own_generator_alone():
    state = torch.get_rng_state()
    noise.prepare_noise(torch.zeros(1, 4, 4, 4), 3)
    noise.default_noise_sampler(torch.zeros(1, 4), seed=1)(1.0, 0.5)
    assert torch.equal(state, torch.get_rng_state())


def test_brownian_steps_add_up_over_any_path():
    tree = noise.BrownianTreeNoiseSampler(torch.zeros(1, 4, 8, 8), 0.1, 10.0, seed=2)
    whole = tree(10.0, 0.1) * (10.0 - 0.1) ** 0.5
    parts = tree(10.0, 3.0) * (10.0 - 3.0) ** 0.5 + tree(3.0, 0.1) * (3.0 - 0.1) ** 0.5
    torch.testing.assert_close(parts, whole, rtol=1e-3, atol=1e-3)


def test_brownian_noise_has_a_seed_per_item():
    x = torch.zeros(2, 4, 4, 4)
    both = noise.BrownianTreeNoiseSampler(x, 0.1, 10.0, seed=[5, 6])(10.0, 1.0)
    single = noise.BrownianTreeNoiseSampler(x[0], 0.1, 10.0, seed=5)(10.0, 1.0)
    assert torch.equal(both[0], single) and not torch.equal(both[0], both[1])


def test_brownian_noise_takes_a_time_of_its_own():
    x = torch.zeros(1, 4, 4, 4)
    plain = noise.BrownianTreeNoiseSampler(x, 1.0, 2.0, seed=5)(2.0, 1.0)
    moved = noise.BrownianTreeNoiseSampler(x, 0.0, 1.0, seed=5, transform=lambda sigma: sigma + 1)(1.0, 0.0)
    assert torch.equal(plain, moved)
