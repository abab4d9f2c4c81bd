"""Socket types of pictures, sound, video and three-dimensional things.

Shapes by letters: b images, h rows, w columns, c channels.
"""

from __future__ import annotations

from comfy_api.schema.sockets import ComfyTypeIO, comfytype


@comfytype(io_type="IMAGE")
class Image(ComfyTypeIO):
    """(b,h,w,c) float32 0..1, c 3 or 4."""


@comfytype(io_type="MASK")
class Mask(ComfyTypeIO):
    """(b,h,w) or (h,w) float32 0..1."""


@comfytype(io_type="LATENT")
class Latent(ComfyTypeIO):
    """{"samples": (b,c,h,w) or (b,c,t,h,w), "noise_mask"?, "batch_index"?}."""


@comfytype(io_type="IMAGE_STREAM")
class ImageStream(ComfyTypeIO):
    """Pictures handed on while they are made: an `ImageStreamInput` (`comfy_api.streams`)."""


@comfytype(io_type="LATENT_STREAM")
class LatentStream(ComfyTypeIO):
    """Latents handed on while they are made: a `LatentStreamInput` (`comfy_api.streams`)."""


@comfytype(io_type="AUDIO")
class Audio(ComfyTypeIO):
    """{"waveform": (b,channels,samples) float32, "sample_rate": Hz}."""


@comfytype(io_type="VIDEO")
class Video(ComfyTypeIO):
    """A `VideoInput`: frames and sound, read when asked for."""


@comfytype(io_type="VIDEO_EDIT")
class VideoEdit(ComfyTypeIO):
    """Cuts and crops that a client drew on a video."""


@comfytype(io_type="SVG")
class SVG(ComfyTypeIO):
    """Vector pictures; an object with a list of byte buffers."""


@comfytype(io_type="VOXEL")
class Voxel(ComfyTypeIO):
    """A grid of solid cells; (b,x,y,z)."""


@comfytype(io_type="MESH")
class Mesh(ComfyTypeIO):
    """Triangles; vertices (b,n,3) and faces (b,m,3)."""


@comfytype(io_type="SPLAT")
class Splat(ComfyTypeIO):
    """Gaussian splats."""


@comfytype(io_type="POINT")
class Point(ComfyTypeIO):
    """A point of a picture, in pixels."""


@comfytype(io_type="BBOX")
class BBOX(ComfyTypeIO):
    """Rectangles that a detector found."""


@comfytype(io_type="SEGS")
class SEGS(ComfyTypeIO):
    """Segments that a detector found."""


@comfytype(io_type="FACE_ANALYSIS")
class FaceAnalysis(ComfyTypeIO):
    """A face detector."""


@comfytype(io_type="TRACKS")
class Tracks(ComfyTypeIO):
    """Paths of points through the frames of a video."""


@comfytype(io_type="HISTOGRAM")
class Histogram(ComfyTypeIO):
    """Counts of pixel values per channel."""


@comfytype(io_type="IMAGECOMPARE")
class ImageCompare(ComfyTypeIO):
    """Two pictures that the client shows against each other."""


@comfytype(io_type="RESOLUTION_PREVIEW")
class ResolutionPreview(ComfyTypeIO):
    """A frame of a given size that the client draws."""


@comfytype(io_type="COMPOSITOR")
class Compositor(ComfyTypeIO):
    """A client-side layout of layers."""


@comfytype(io_type="LAYERS")
class Layers(ComfyTypeIO):
    """Pictures stacked with places and blend modes."""


@comfytype(io_type="LOAD3D_CAMERA")
class Load3DCamera(ComfyTypeIO):
    """Camera of the client's three-dimensional view."""


@comfytype(io_type="CAMERA_INFO_STATE")
class CameraInfoState(ComfyTypeIO):
    """Camera of the client's three-dimensional view, as stored in the workflow."""


@comfytype(io_type="LOAD3D_MODEL_INFO")
class Load3DModelInfo(ComfyTypeIO):
    """What the client's three-dimensional view knows of its model."""


@comfytype(io_type="LOAD_3D")
class Load3D(ComfyTypeIO):
    """What the client's three-dimensional view rendered."""


@comfytype(io_type="LOAD_3D_ANIMATION")
class Load3DAnimation(ComfyTypeIO):
    """What the client's three-dimensional view rendered, animated."""


@comfytype(io_type="FILE_3D")
class File3DAny(ComfyTypeIO):
    """A file of a three-dimensional model, any format."""


@comfytype(io_type="FILE_3D_GLB")
class File3DGLB(ComfyTypeIO):
    """A file of a three-dimensional model: .glb."""


@comfytype(io_type="FILE_3D_GLTF")
class File3DGLTF(ComfyTypeIO):
    """A file of a three-dimensional model: .gltf."""


@comfytype(io_type="FILE_3D_FBX")
class File3DFBX(ComfyTypeIO):
    """A file of a three-dimensional model: .fbx."""


@comfytype(io_type="FILE_3D_OBJ")
class File3DOBJ(ComfyTypeIO):
    """A file of a three-dimensional model: .obj."""


@comfytype(io_type="FILE_3D_STL")
class File3DSTL(ComfyTypeIO):
    """A file of a three-dimensional model: .stl."""


@comfytype(io_type="FILE_3D_USDZ")
class File3DUSDZ(ComfyTypeIO):
    """A file of a three-dimensional model: .usdz."""


@comfytype(io_type="FILE_3D_PLY")
class File3DPLY(ComfyTypeIO):
    """A file of a three-dimensional model: .ply."""


@comfytype(io_type="FILE_3D_SPLAT")
class File3DSPLAT(ComfyTypeIO):
    """A file of a three-dimensional model: .splat."""


@comfytype(io_type="FILE_3D_SPZ")
class File3DSPZ(ComfyTypeIO):
    """A file of a three-dimensional model: .spz."""


@comfytype(io_type="FILE_3D_KSPLAT")
class File3DKSPLAT(ComfyTypeIO):
    """A file of a three-dimensional model: .ksplat."""
