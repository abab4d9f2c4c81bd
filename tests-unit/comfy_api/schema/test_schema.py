"""What a schema declares, what clients see of it, and the V1 view of a V3 class."""

from __future__ import annotations

import json
from enum import Enum

import pytest

from comfy_api.errors import SchemaError
from comfy_api.latest import io


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


@pytest.mark.parametrize(
    ("declared", "type_name", "options"),
    [
        (io.Image.Input("a"), "IMAGE", {}),
        (io.Image.Input("a", tooltip="t", lazy=True, raw_link=True), "IMAGE",
         {"tooltip": "t", "lazy": True, "rawLink": True}),
        (io.Boolean.Input("a", default=False, label_on="on", label_off="off"), "BOOLEAN",
         {"default": False, "label_on": "on", "label_off": "off"}),
        (io.Int.Input("a", default=0, min=0, max=9, step=1, control_after_generate=True,
                      display_mode=io.NumberDisplay.slider), "INT",
         {"default": 0, "min": 0, "max": 9, "step": 1, "control_after_generate": True, "display": "slider"}),
        (io.Int.Input("a", control_after_generate=io.ControlAfterGenerate.increment), "INT",
         {"control_after_generate": "increment"}),
        (io.Float.Input("a", default=0.5, round=0.01, force_input=True), "FLOAT",
         {"default": 0.5, "round": 0.01, "forceInput": True}),
        (io.String.Input("a"), "STRING", {"multiline": False}),
        (io.String.Input("a", multiline=True, dynamic_prompts=True, placeholder="p", socketless=True), "STRING",
         {"multiline": True, "dynamicPrompts": True, "placeholder": "p", "socketless": True}),
        (io.Combo.Input("a", ["x", "y"], default="y"), "COMBO",
         {"default": "y", "multiselect": False, "options": ["x", "y"]}),
        (io.Combo.Input("a", Size, default=Size.LARGE), "COMBO",
         {"default": "large", "multiselect": False, "options": ["small", "large"]}),
        (io.Combo.Input("a", ["f"], upload=io.UploadType.video, image_folder=io.FolderType.output), "COMBO",
         {"multiselect": False, "options": ["f"], "video_upload": True, "image_folder": "output"}),
        (io.Combo.Input("a", remote=io.RemoteOptions("/r", True)), "COMBO",
         {"multiselect": False,
          "remote": {"route": "/r", "refresh_button": True, "control_after_refresh": "first"}}),
        (io.MultiCombo.Input("a", ["x", "y"], default=["x"], placeholder="p", chip=True), "COMBO",
         {"default": ["x"], "multiselect": True, "options": ["x", "y"], "placeholder": "p", "chip": True}),
        (io.MultiType.Input("a", [io.Image, io.Mask]), "IMAGE,MASK", {}),
        (io.MultiType.Input(io.Float.Input("a", default=1.0), [io.Int, io.Float]), "FLOAT,INT",
         {"default": 1.0, "widgetType": "FLOAT"}),
        (io.MatchType.Input("a", io.MatchType.Template("T", [io.Image, io.Mask])), "COMFY_MATCHTYPE_V3",
         {"template": {"template_id": "T", "allowed_types": "IMAGE,MASK"}}),
        (io.Custom("FIELD").Input("a", extra_dict={"unit": "m", "none": None}), "FIELD", {"unit": "m"}),
        (io.DynamicSlot.Input(io.Image.Input("a"), [io.Int.Input("n")]), "COMFY_DYNAMICSLOT_V3",
         {"slotType": "IMAGE", "inputs": {"required": {"n": ["INT", {}]}}}),
    ],
)  # fmt: skip
def test_inputs_serialise_as_clients_read_them(declared, type_name, options):
    assert declared.get_io_type() == type_name
    assert declared.as_dict() == options


TYPES_OF_0_3_64 = """Boolean BOOLEAN, Int INT, Float FLOAT, String STRING, Combo COMBO, MultiCombo COMBO, Image IMAGE,
WanCameraEmbedding WAN_CAMERA_EMBEDDING, Webcam WEBCAM, Mask MASK, Latent LATENT, Conditioning CONDITIONING,
Sampler SAMPLER, Sigmas SIGMAS, Noise NOISE, Guider GUIDER, Clip CLIP, ControlNet CONTROL_NET, Vae VAE, Model MODEL,
ClipVision CLIP_VISION, ClipVisionOutput CLIP_VISION_OUTPUT, StyleModel STYLE_MODEL, Gligen GLIGEN,
UpscaleModel UPSCALE_MODEL, Audio AUDIO, Video VIDEO, SVG SVG, LoraModel LORA_MODEL, LossMap LOSS_MAP, Voxel VOXEL,
Mesh MESH, Hooks HOOKS, HookKeyframes HOOK_KEYFRAMES, TimestepsRange TIMESTEPS_RANGE,
LatentOperation LATENT_OPERATION, FlowControl FLOW_CONTROL, Accumulation ACCUMULATION, Load3DCamera LOAD3D_CAMERA,
Load3D LOAD_3D, Load3DAnimation LOAD_3D_ANIMATION, Photomaker PHOTOMAKER, Point POINT, FaceAnalysis FACE_ANALYSIS,
BBOX BBOX, SEGS SEGS, AnyType *, MODEL_PATCH MODEL_PATCH, AudioEncoder AUDIO_ENCODER,
AudioEncoderOutput AUDIO_ENCODER_OUTPUT, MultiType COMFY_MULTITYPED_V3, AutogrowDynamic COMFY_AUTOGROW_V3,
MatchType COMFY_MATCHTYPE_V3"""

TYPES_OF_2026 = """ModelPatch MODEL_PATCH, Dict DICT, Array ARRAY, Color COLOR, Colors COLORS,
BoundingBox BOUNDING_BOX, Curve CURVE, Range RANGE, ImageCompare IMAGECOMPARE, VideoEdit VIDEO_EDIT,
DynamicCombo COMFY_DYNAMICCOMBO_V3, DynamicSlot COMFY_DYNAMICSLOT_V3, DynamicGroup COMFY_DYNAMICGROUP_V3"""

NAMED_2026 = """LatentUpscaleModel BackgroundRemoval Tracks BoundingBoxes Histogram ResolutionPreview Compositor Layers
CameraInfoState Load3DModelInfo Splat File3DAny File3DGLB File3DGLTF File3DFBX File3DOBJ File3DSTL File3DUSDZ
File3DPLY File3DSPLAT File3DSPZ File3DKSPLAT""".split()


@pytest.mark.parametrize("pair", f"{TYPES_OF_0_3_64}, {TYPES_OF_2026}".replace("\n", " ").split(","))
def test_type_strings_are_the_contracts(pair):
    name, type_name = pair.split()
    assert getattr(io, name).io_type == type_name


@pytest.mark.parametrize("name", NAMED_2026)
def test_types_named_in_2026_exist_with_a_type_string(name):
    assert getattr(io, name).io_type and getattr(io, name).Input("a").get_io_type() != "*"


def test_input_classes_of_two_types_stay_apart():
    assert io.Image.Input("a").get_io_type() == "IMAGE" and io.Mask.Input("a").get_io_type() == "MASK"
    assert not isinstance(io.Image.Input("a"), io.Mask.Input)
    assert io.Color.Input("c").get_io_type() == "COLOR" and io.Webcam.Input("c").get_io_type() == "WEBCAM"


def test_an_own_type_is_made_with_the_decorator():
    @io.comfytype(io_type="FIELD")
    class Field(io.ComfyTypeIO):
        class Input(io.WidgetInput):
            pass

    assert Field.Input("f", default=1).as_dict() == {"default": 1}
    assert Field.Output().get_io_type() == "FIELD"


def test_outputs_without_an_id_are_numbered():
    schema = io.Schema(
        node_id="T", outputs=[io.Int.Output(), io.Combo.Output(options=["a"]), io.Image.Output("x")]
    )
    schema.finalize()
    assert [output.id for output in schema.outputs] == ["_0_INT_", "_1_COMBO_", "x"]
    assert schema.outputs[1].get_io_type() == ["a"]


def test_inputs_and_outputs_may_share_an_id_but_not_among_themselves():
    io.Schema(node_id="T", inputs=[io.Int.Input("a")], outputs=[io.Int.Output("a")]).validate()
    with pytest.raises(SchemaError) as caught:
        io.Schema(node_id="T", inputs=[io.Int.Input("a"), io.Int.Input("a")]).validate()
    assert (caught.value.node_id, caught.value.field) == ("T", "inputs 'a'")


class Shown(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        match = io.MatchType.Template("M")
        return io.Schema(
            node_id="Shown",
            display_name="Shown Here",
            category="test",
            description="What it does.",
            inputs=[io.MatchType.Input("any", match), io.Int.Input("n", optional=True, default=1)],
            outputs=[io.MatchType.Output(template=match, display_name="same"), io.Int.Output(tooltip="t")],
            is_api_node=True,
            is_output_node=True,
            search_aliases=["look"],
            price_badge=io.PriceBadge(expr="1"),
        )

    @classmethod
    def execute(cls, any, n=1):
        return io.NodeOutput(any, n)


def test_object_info_of_a_v3_class_has_every_key():
    info = json.loads(json.dumps(Shown.GET_NODE_INFO_V1()))
    assert info["input"]["required"] == {
        "any": ["COMFY_MATCHTYPE_V3", {"template": {"template_id": "M", "allowed_types": "*"}}]
    }
    assert info["input"]["hidden"] == {
        "prompt": ["PROMPT"],
        "extra_pnginfo": ["EXTRA_PNGINFO"],
        "auth_token_comfy_org": ["AUTH_TOKEN_COMFY_ORG"],
        "api_key_comfy_org": ["API_KEY_COMFY_ORG"],
    }
    assert info["input_order"]["optional"] == ["n"]
    assert info["output_name"] == ["same", "INT"] and info["output_tooltips"] == [None, "t"]
    assert info["output_matchtypes"] == ["M", None]
    assert info["search_aliases"] == ["look"] and info["price_badge"]["engine"] == "jsonata"
    assert info["api_node"] is True and info["dev_only"] is False and info["essentials_category"] is None


def test_a_v3_class_looks_like_a_v1_class_to_packs():
    assert Shown.RETURN_TYPES == ("COMFY_MATCHTYPE_V3", "INT") and Shown.RETURN_NAMES == ("same", "INT")
    assert Shown.CATEGORY == "test" and Shown.DESCRIPTION == "What it does." and Shown.API_NODE
    assert Shown.OUTPUT_NODE and not Shown.INPUT_IS_LIST and Shown.OUTPUT_IS_LIST == (False, False)
    assert Shown.INPUT_TYPES()["optional"] == {"n": ("INT", {"default": 1})}
    assert "hidden" not in Shown.INPUT_TYPES(include_hidden=False)
    assert getattr(Shown(), Shown.FUNCTION)(any="x").result == ("x", 1)


def test_node_output_reads_the_v1_dict():
    output = io.NodeOutput.from_dict({"ui": {"a": [1]}, "result": (1, 2), "expand": {"n": {}}})
    assert output.result == (1, 2) and output.ui == {"a": [1]} and output.expand == {"n": {}}
    assert io.NodeOutput().result is None
