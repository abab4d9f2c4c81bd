"""Family imageops: resizing, tiling, batches; and the nodes that scale, mask and composite."""

from __future__ import annotations

import re

import pytest
import torch
from vector_cases import builtin_nodes, call_node, key_params

from comfy.images import batches, masks, resampling, tiling

FAMILY = "imageops"
ATOL = 1e-5  # README
ATOL_8_BIT = 1 / 255  # README: Pillow's 8 bit

NODES = ("LatentUpscale", "LatentUpscaleBy", "ImageScale", "ImageScaleBy", "mask", "composite", "inpaint")
INPUTS = re.compile(
    r"(ImageScale|LatentUpscale)/in|mask/(in|image|source)|inpaint/(mask|pixels)"
    r"|composite/(dest|source|mask|image_\w+)|tiled3?/in|reshape_mask/(in|video_in)|upscale/\w+"
)
KINDS = {"upscale_key": "upscale", "tiled_key": "tiled", "tiled3_key": "tiled3", "batch_key": "batch"}


def _is(kind):
    return lambda key: key.split("/")[0] == kind and INPUTS.fullmatch(key) is None


def pytest_generate_tests(metafunc):
    config = metafunc.config
    for fixture, kind in KINDS.items():
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, key_params(config, FAMILY, _is(kind)))
    if "reshape_key" in metafunc.fixturenames:
        metafunc.parametrize("reshape_key", key_params(config, FAMILY, _is("reshape_mask")))
    if "node_key" in metafunc.fixturenames:
        params = key_params(
            config, FAMILY, lambda k: k.split("/")[0] in NODES and INPUTS.fullmatch(k) is None
        )
        metafunc.parametrize("node_key", params)


@pytest.fixture(scope="module")
def files(family):
    return family(FAMILY)


@pytest.fixture(scope="module")
def expected(files):
    return files.tensors()


@pytest.fixture(scope="module")
def nodes():
    return builtin_nodes()


def _numbers(text):
    """`w14_h9` as {"w": 14, "h": 9}."""
    return {name: int(value) for name, value in re.findall(r"(?:^|_)([a-z]+)(-?\d+)(?=_|$)", text)}


def assert_same(found, wanted, atol=ATOL):
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=atol, equal_nan=True)


def test_resizing(upscale_key, expected):
    _, method, crop, size, source = upscale_key.split("/")
    numbers = _numbers(size)
    found = resampling.common_upscale(expected[f"upscale/{source}"], numbers["w"], numbers["h"], method, crop)
    assert_same(found, expected[upscale_key], ATOL_8_BIT if method == "lanczos" else ATOL)


def _tile_function(tile):
    """README: depends on tile-local rows and columns, so tile borders show."""
    i = torch.arange(tile.shape[2], dtype=torch.float32).view(-1, 1)
    j = torch.arange(tile.shape[3], dtype=torch.float32).view(1, -1)
    a, b = tile[:, 0], tile[:, 1]
    out = torch.stack([2 * a + 0.1 * i + 0.05 * j, b - 0.02 * i * j, a * b], dim=1)
    return out.repeat_interleave(2, 2).repeat_interleave(2, 3)


class Steps:
    def __init__(self):
        self.done = 0

    def update(self, value):
        self.done += value


def test_tiling_of_pictures(tiled_key, expected):
    _, kind, text = tiled_key.split("/")
    numbers = _numbers(text)
    samples = expected["tiled/in"]
    tile = (numbers["tilex"], numbers["tiley"], numbers["overlap"])
    if kind == "steps":
        per_item = tiling.get_tiled_scale_steps(samples.shape[3], samples.shape[2], *tile)
        steps = Steps()
        tiling.tiled_scale(samples, _tile_function, *tile, 2, 3, pbar=steps)
        assert per_item == int(expected[tiled_key])
        assert steps.done >= per_item
        return
    assert_same(tiling.tiled_scale(samples, _tile_function, *tile, 2, 3), expected[tiled_key])


def _clip_function(tile):
    t = torch.arange(tile.shape[2], dtype=torch.float32).view(-1, 1, 1)
    frames = tile[:, :1] + 0.1 * t
    frames = torch.cat([frames[:, :, :1], frames[:, :, 1:].repeat_interleave(4, 2)], dim=2)
    return frames.repeat_interleave(2, 3).repeat_interleave(2, 4).repeat(1, 3, 1, 1, 1)


def test_tiling_of_clips(tiled3_key, expected):
    frames, side, overlaps = re.fullmatch(r".*/decode_t(\d+)_xy(\d+)_overlap([\d-]+)", tiled3_key).groups()
    found = tiling.tiled_scale_multidim(
        expected["tiled3/in"],
        _clip_function,
        tile=(int(frames), int(side), int(side)),
        overlap=tuple(int(overlap) for overlap in overlaps.split("-")),
        upscale_amount=(lambda length: max(0, length * 4 - 3), 2, 2),
        index_formulas=(4, 2, 2),
    )
    assert_same(found, expected[tiled3_key])


def test_batch_of_another_length(batch_key, expected):
    _, kind, length = batch_key.split("/")
    batch = torch.arange(3, dtype=torch.float32).view(3, 1, 1, 1)
    resize = batches.repeat_to_batch_size if kind == "repeat_to" else batches.resize_to_batch_size
    assert torch.equal(resize(batch, int(length)), expected[batch_key])


def test_mask_in_the_shape_of_a_latent(reshape_key, expected):
    shape = reshape_key.split("/")[1]
    source = expected["reshape_mask/video_in" if shape.startswith("video") else "reshape_mask/in"]
    found = masks.reshape_mask(source, [int(n) for n in shape.removeprefix("video").split("x")])
    assert_same(found, expected[reshape_key])


class PixelsOnly:
    """A VAE that keeps what it is asked to encode."""

    downscale_ratio = 8

    def spacial_compression_encode(self):
        return 8

    def encode(self, pixels):
        self.pixels = pixels
        return torch.zeros(pixels.shape[0], 4, pixels.shape[1] // 8, pixels.shape[2] // 8)


def _scaled(nodes, node, parts, expected):
    image = node.startswith("Image")
    source = expected["ImageScale/in" if image else "LatentUpscale/in"]
    inputs = {"image": source} if image else {"samples": {"samples": source}}
    inputs["upscale_method"] = parts[0]
    if node.endswith("By"):
        inputs["scale_by"] = float(parts[1])
    else:
        numbers = _numbers(parts[1])
        inputs |= {"width": numbers["w"], "height": numbers["h"], "crop": parts[2]}
    (found,) = call_node(nodes, node, **inputs)
    return found if image else found["samples"]


def _masked(nodes, node, parts, expected):
    mask = expected["mask/in"]
    if node == "MaskComposite":
        where = _numbers(parts[1])
        inputs = {"destination": mask, "source": expected["mask/source"], "operation": parts[0], **where}
    elif node == "FeatherMask":
        inputs = {"mask": torch.ones_like(mask), **_numbers(parts[0])}
    elif node == "GrowMask":
        expand, tapered = re.fullmatch(r"expand(-?\d+)_tapered(\w+)", parts[0]).groups()
        inputs = {"mask": mask, "expand": int(expand), "tapered_corners": tapered == "True"}
    elif node == "CropMask":
        numbers = _numbers(parts[0])
        inputs = {"mask": mask, "x": numbers["x"], "y": numbers["y"]}
        inputs |= {"width": numbers["w"], "height": numbers["h"]}
    elif node == "ImageColorToMask":
        inputs = {"image": expected["mask/image"], "color": int(parts[0])}
    elif node == "ThresholdMask":
        inputs = {"mask": mask, "value": float(parts[0])}
    else:
        inputs = {"mask": mask}
    return call_node(nodes, node, **inputs)[0]


def _composited(nodes, node, text, expected):
    where = {name: value for name, value in _numbers(text).items() if name in ("x", "y", "feather")}
    resized, masked = "resizeTrue" in text, "maskTrue" in text
    if node == "ImageCompositeMasked":
        inputs = {
            "destination": expected["composite/image_dest"],
            "source": expected["composite/image_source_rgba"],
        }
        mask = None if resized else expected["composite/image_mask"]
        return call_node(nodes, node, **inputs, **where, resize_source=resized, mask=mask)[0]
    below, above = ({"samples": expected[f"composite/{name}"]} for name in ("dest", "source"))
    if node == "LatentComposite":
        (found,) = call_node(nodes, node, samples_to=below, samples_from=above, **where)
    else:
        mask = expected["composite/mask"] if masked else None
        (found,) = call_node(
            nodes, node, destination=below, source=above, **where, resize_source=resized, mask=mask
        )
    return found["samples"]


def _inpainted(nodes, grow, part, expected):
    vae = PixelsOnly()
    inputs = {"pixels": expected["inpaint/pixels"], "mask": expected["inpaint/mask"]}
    (latent,) = call_node(nodes, "VAEEncodeForInpaint", vae=vae, grow_mask_by=int(grow), **inputs)
    return latent["noise_mask"] if part == "noise_mask" else vae.pixels


def test_node(node_key, expected, nodes):
    kind, *parts = node_key.split("/")
    if kind == "mask":
        found = _masked(nodes, parts[0], parts[1:], expected)
    elif kind == "composite":
        found = _composited(nodes, *parts, expected)
    elif kind == "inpaint":
        found = _inpainted(nodes, parts[0].removeprefix("grow"), parts[1], expected)
    else:
        found = _scaled(nodes, kind, parts, expected)
    assert_same(found, expected[node_key], ATOL_8_BIT if "lanczos" in node_key else ATOL)


def test_noise_mask_has_a_channel_axis(expected, nodes):
    latent = {"samples": torch.zeros(2, 4, 8, 8)}
    (found,) = call_node(nodes, "SetLatentNoiseMask", samples=latent, mask=expected["mask/in"])
    assert list(found["noise_mask"].shape) == expected["SetLatentNoiseMask/shape"].tolist()
