"""Family imageops, the node cases: resizing, masks, composites, inpainting. Plain resampling is in test_imageops."""

from __future__ import annotations

import ast
import re

import pytest
import torch

from comfy_extras import nodes_mask
from comfy_extras.core.image import ImageScale, ImageScaleBy
from comfy_extras.core.inpainting import VAEEncodeForInpaint
from comfy_extras.core.latent_transforms import LatentComposite
from comfy_extras.core.latents import LatentUpscale, LatentUpscaleBy, SetLatentNoiseMask

FAMILY = "imageops"
NODE_CASE = re.compile(r"(ImageScale|LatentUpscale|composite/\w+/|mask/[A-Z]|inpaint/grow)")
INPUT = re.compile(r"/in$")


def _cases(config):
    harness = next(p for p in config.pluginmanager.get_plugins() if hasattr(p, "family_of"))
    files = harness.family_of(config, FAMILY)
    if not files.exists:
        return [pytest.param(None, marks=pytest.mark.skip(reason="no such vectors"))]
    return [name for name in sorted(files.tensors()) if NODE_CASE.match(name) and not INPUT.search(name)]


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", _cases(metafunc.config))


@pytest.fixture(scope="module")
def files(family):
    return family(FAMILY)


@pytest.fixture(scope="module")
def tensors(files):
    return files.tensors()


class RecordingVae:
    """Stands in for an autoencoder with 8 pixels per latent: keeps what it is asked to encode."""

    def spacial_compression_encode(self):
        return 8

    def encode(self, pixels):
        self.pixels = pixels
        return torch.zeros(1, 4, pixels.shape[1] // 8, pixels.shape[2] // 8)


def _numbers(text):
    """ "x4_y-3_resizeTrue" -> {"x": 4, "y": -3, "resize": True}."""
    return {name: ast.literal_eval(value) for name, value in re.findall(r"([a-z]+)(-?\d+|True|False)", text)}


def _scaled(case, tensors):
    node, method, *rest = case.split("/")
    source = tensors[f"{node.removesuffix('By')}/in"]
    if node == "ImageScaleBy":
        return ImageScaleBy().upscale(source, method, float(rest[0]))[0]
    if node == "LatentUpscaleBy":
        return LatentUpscaleBy().upscale({"samples": source}, method, float(rest[0]))[0]["samples"]
    size, crop = _numbers(rest[0]), rest[1]
    if node == "ImageScale":
        return ImageScale().upscale(source, method, size["w"], size["h"], crop)[0]
    return LatentUpscale().upscale({"samples": source}, method, size["w"], size["h"], crop)[0]["samples"]


def _composite(case, tensors):
    _, node, text = case.split("/")
    options = _numbers(text)
    if node == "ImageCompositeMasked":
        mask = None if options["resize"] else tensors["composite/image_mask"]
        images = (tensors["composite/image_dest"], tensors["composite/image_source_rgba"])
        return nodes_mask.ImageCompositeMasked().composite(
            *images, options["x"], options["y"], options["resize"], mask
        )[0]
    latents = ({"samples": tensors["composite/dest"]}, {"samples": tensors["composite/source"]})
    at = (options["x"], options["y"])
    if node == "LatentComposite":
        return LatentComposite().composite(*latents, *at, feather=options["feather"])[0]["samples"]
    mask = tensors["composite/mask"] if options["mask"] else None
    composite = nodes_mask.LatentCompositeMasked().composite(*latents, *at, options["resize"], mask)
    return composite[0]["samples"]


def _mask(case, tensors):
    _, node, *rest = case.split("/")
    mask = tensors["mask/in"]
    if node == "InvertMask":
        return nodes_mask.InvertMask().invert(mask)[0]
    if node == "ThresholdMask":
        return nodes_mask.ThresholdMask().image_to_mask(mask, float(rest[0]))[0]
    if node == "ImageColorToMask":
        return nodes_mask.ImageColorToMask().image_to_mask(tensors["mask/image"], int(rest[0]))[0]
    options = _numbers(rest[-1])
    if node == "CropMask":
        return nodes_mask.CropMask().crop(mask, options["x"], options["y"], options["w"], options["h"])[0]
    if node == "FeatherMask":
        return nodes_mask.FeatherMask().feather(torch.ones_like(mask), **options)[0]
    if node == "GrowMask":
        return nodes_mask.GrowMask().expand_mask(mask, options["expand"], options["tapered"])[0]
    assert node == "MaskComposite"
    source = tensors["mask/source"]
    return nodes_mask.MaskComposite().combine(mask, source, options["x"], options["y"], rest[0])[0]


def _inpaint(case, tensors):
    _, grow, what = case.split("/")
    vae = RecordingVae()
    pixels, mask = tensors["inpaint/pixels"], tensors["inpaint/mask"]
    (latent,) = VAEEncodeForInpaint().encode(vae, pixels, mask, int(grow.removeprefix("grow")))
    return vae.pixels if what == "pixels_to_vae" else latent["noise_mask"]


def test_a_node_gives_what_the_reference_gave(case, tensors):
    kinds = {"composite": _composite, "mask": _mask, "inpaint": _inpaint}
    got = kinds.get(case.split("/")[0], _scaled)(case, tensors)
    # lanczos goes through 8-bit pictures: one step of them
    tolerance = 1 / 255 + 1e-6 if "lanczos" in case else 1e-5
    torch.testing.assert_close(got, tensors[case], atol=tolerance, rtol=0)


def test_parts_that_do_not_overlap_raise_as_recorded(files, tensors):
    for case, error in files.json()["raises"].items():
        if case.startswith("composite/"):
            with pytest.raises({"RuntimeError": RuntimeError}[error]):
                _composite(case, tensors)


def test_a_noise_mask_is_stored_with_one_channel(tensors):
    mask = tensors["mask/in"]
    (latent,) = SetLatentNoiseMask().set_mask({"samples": torch.zeros(1, 4, 5, 4)}, mask)
    assert list(latent["noise_mask"].shape) == tensors["SetLatentNoiseMask/shape"].tolist()
    assert torch.equal(latent["noise_mask"][:, 0], mask)
