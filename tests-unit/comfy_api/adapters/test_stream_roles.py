"""What a class says about streams counts for its own work, not for that of a subclass that changed it."""

from __future__ import annotations

from comfy_api.adapters import describe


class Brighter:
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "run"
    FRAME_WISE = ("image",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"image": ("IMAGE",)}}

    def run(self, image):
        return (image * 2,)


class Renamed(Brighter):
    """Nothing of its work is changed."""


class Normalised(Brighter):
    """Looks at the whole batch: not frame-wise any more."""

    def run(self, image):
        return (image / image.max(),)


class SaysSoItself(Normalised):
    FRAME_WISE = ("image",)


class Saver:
    RETURN_TYPES = ()
    FUNCTION = "save"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"images": ("IMAGE",)}}

    def save(self, images):
        return {}

    def drain_stream(self, images):
        for chunk in images.chunks():
            yield len(chunk)


class SavesMasks(Saver):
    """Other inputs: what it inherited would be called with names it does not know."""

    FUNCTION = "save_masks"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"mask": ("MASK",)}}

    def save_masks(self, mask):
        return {}


def test_a_promise_goes_on_to_subclasses_that_change_nothing():
    assert describe("A", Brighter).streams.frame_wise == ("image",)
    assert describe("A", Renamed).streams.frame_wise == ("image",)
    assert describe("A", Saver).streams.drains


def test_a_promise_ends_where_the_work_or_the_inputs_change():
    assert describe("A", Normalised).streams is None
    assert describe("A", SavesMasks).streams is None


def test_a_subclass_may_say_so_itself():
    assert describe("A", SaysSoItself).streams.frame_wise == ("image",)


def test_savers_that_come_with_the_server_drain_streams_and_the_preview_of_masks_does_not():
    from comfy_extras.core.image_io import PreviewImage, SaveImage
    from comfy_extras.nodes_mask import MaskPreview

    assert describe("SaveImage", SaveImage).streams.drains
    assert describe("PreviewImage", PreviewImage).streams.drains
    assert describe("MaskPreview", MaskPreview).streams is None
