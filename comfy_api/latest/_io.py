"""Door behind `comfy_api.latest.io`: every name of the V3 schema language. Homes: `comfy_api.schema.*`.

The names fill the lines, so that the list stays one page; `__all__` marks them as re-exports.
"""
# fmt: off
# isort: off

from __future__ import annotations

from comfy_api.schema.choices import (
    FolderType, RemoteComboOptions, RemoteItemSchema, RemoteOptions, UploadType,
)
from comfy_api.schema.dynamic_sockets import Autogrow, DynamicCombo, DynamicGroup, DynamicSlot
from comfy_api.schema.hidden import Hidden, HiddenHolder
from comfy_api.schema.matching_sockets import MatchType, MultiType
from comfy_api.schema.node import ComfyNode
from comfy_api.schema.output import NodeOutput
from comfy_api.schema.schema import PriceBadge, PriceBadgeDepends, Schema
from comfy_api.schema.sockets import (
    ComfyType, ComfyTypeI, ComfyTypeIO, Custom, comfytype, ComfyType as _ComfyType, SocketInput as Input,
    SocketOutput as Output,
)
from comfy_api.schema.values_media import (
    Audio, BBOX, CameraInfoState, Compositor, FaceAnalysis, File3DAny, File3DFBX, File3DGLB, File3DGLTF,
    File3DKSPLAT, File3DOBJ, File3DPLY, File3DSPLAT, File3DSPZ, File3DSTL, File3DUSDZ, Histogram, Image,
    ImageCompare, ImageStream, Latent, LatentStream, Layers, Load3D, Load3DAnimation, Load3DCamera,
    Load3DModelInfo, Mask, Mesh, Point, ResolutionPreview, SEGS, SVG, Splat, Tracks, Video, VideoEdit, Voxel,
)
from comfy_api.schema.values_model import (
    Accumulation, AnyType, Array, AudioEncoder, AudioEncoderOutput, BackgroundRemoval, Clip, ClipVision,
    ClipVisionOutput, Conditioning, ControlNet, Dict, FlowControl, Gligen, Guider, HookKeyframes, Hooks,
    LatentOperation, LatentUpscaleModel, LoraModel, LossMap, Model, ModelPatch, Noise, Photomaker, Sampler,
    Sigmas, StyleModel, TimestepsRange, UpscaleModel, Vae, WanCameraEmbedding,
)
from comfy_api.replacements import NodeReplace
from comfy_api.schema.combos import Combo, MultiCombo
from comfy_api.schema.numbers import ControlAfterGenerate, Float, Int, NumberDisplay
from comfy_api.schema.widgets import (
    Boolean, BoundingBox, BoundingBoxes, Color, Colors, Curve, Range, String, Webcam, WidgetInput,
)

AutogrowDynamic = Autogrow  # since 0.3.64
MODEL_PATCH = ModelPatch  # until 0.3.64

__all__ = [
    "Accumulation", "AnyType", "Array", "Audio", "AudioEncoder", "AudioEncoderOutput", "Autogrow",
    "AutogrowDynamic", "BBOX", "BackgroundRemoval", "Boolean", "BoundingBox", "BoundingBoxes",
    "CameraInfoState", "Clip", "ClipVision", "ClipVisionOutput", "Color", "Colors", "Combo", "ComfyNode",
    "ComfyType", "ComfyTypeI", "ComfyTypeIO", "Compositor", "Conditioning", "ControlAfterGenerate",
    "ControlNet", "Curve", "Custom", "Dict", "DynamicCombo", "DynamicGroup", "DynamicSlot", "FaceAnalysis",
    "File3DAny", "File3DFBX", "File3DGLB", "File3DGLTF", "File3DKSPLAT", "File3DOBJ", "File3DPLY",
    "File3DSPLAT", "File3DSPZ", "File3DSTL", "File3DUSDZ", "Float", "FlowControl", "FolderType", "Gligen",
    "Guider", "Hidden", "HiddenHolder", "Histogram", "HookKeyframes", "Hooks", "Image", "ImageCompare",
    "ImageStream", "Input", "Int", "Latent", "LatentOperation", "LatentStream", "LatentUpscaleModel",
    "Layers", "Load3D", "Load3DAnimation", "Load3DCamera", "Load3DModelInfo", "LoraModel", "LossMap", "MODEL_PATCH",
    "Mask", "MatchType", "Mesh", "Model", "ModelPatch", "MultiCombo", "MultiType", "NodeOutput", "NodeReplace", "Noise",
    "NumberDisplay", "Output", "Photomaker", "Point", "PriceBadge", "PriceBadgeDepends", "Range",
    "RemoteComboOptions", "RemoteItemSchema", "RemoteOptions", "ResolutionPreview", "SEGS", "SVG",
    "Sampler", "Schema", "Sigmas", "Splat", "String", "StyleModel", "TimestepsRange", "Tracks",
    "UploadType", "UpscaleModel", "Vae", "Video", "VideoEdit", "Voxel", "WanCameraEmbedding", "Webcam",
    "WidgetInput", "_ComfyType", "comfytype",
]
