"""Socket types of models, conditionings, samplers and plain data."""

from __future__ import annotations

from comfy_api.schema.sockets import ComfyTypeIO, comfytype


@comfytype(io_type="MODEL")
class Model(ComfyTypeIO):
    """A diffusion model with its patches: `ModelPatcher`."""


@comfytype(io_type="CLIP")
class Clip(ComfyTypeIO):
    """A text encoder: `comfy.sd.CLIP`."""


@comfytype(io_type="VAE")
class Vae(ComfyTypeIO):
    """A picture encoder and decoder: `comfy.sd.VAE`."""


@comfytype(io_type="CONTROL_NET")
class ControlNet(ComfyTypeIO):
    """A control network: `comfy.controlnet.ControlBase`."""


@comfytype(io_type="CLIP_VISION")
class ClipVision(ComfyTypeIO):
    """A picture encoder for conditioning."""


@comfytype(io_type="CLIP_VISION_OUTPUT")
class ClipVisionOutput(ComfyTypeIO):
    """What a picture encoder gave: hidden states and embedding."""


@comfytype(io_type="STYLE_MODEL")
class StyleModel(ComfyTypeIO):
    """A style adapter."""


@comfytype(io_type="GLIGEN")
class Gligen(ComfyTypeIO):
    """A grounding model: text boxes."""


@comfytype(io_type="UPSCALE_MODEL")
class UpscaleModel(ComfyTypeIO):
    """A picture-to-picture upscaler."""


@comfytype(io_type="LATENT_UPSCALE_MODEL")
class LatentUpscaleModel(ComfyTypeIO):
    """An upscaler that works on latents."""


@comfytype(io_type="LORA_MODEL")
class LoraModel(ComfyTypeIO):
    """LoRA weights as a state dict."""


@comfytype(io_type="LOSS_MAP")
class LossMap(ComfyTypeIO):
    """Losses of a training run."""


@comfytype(io_type="MODEL_PATCH")
class ModelPatch(ComfyTypeIO):
    """Extra weights that patch a diffusion model."""


@comfytype(io_type="PHOTOMAKER")
class Photomaker(ComfyTypeIO):
    """A PhotoMaker identity encoder."""


@comfytype(io_type="AUDIO_ENCODER")
class AudioEncoder(ComfyTypeIO):
    """A sound encoder for conditioning."""


@comfytype(io_type="AUDIO_ENCODER_OUTPUT")
class AudioEncoderOutput(ComfyTypeIO):
    """What a sound encoder gave."""


@comfytype(io_type="BACKGROUND_REMOVAL")
class BackgroundRemoval(ComfyTypeIO):
    """A model that cuts out the foreground."""


@comfytype(io_type="CONDITIONING")
class Conditioning(ComfyTypeIO):
    """List of [tensor (b,tokens,width), dict of extras]."""


@comfytype(io_type="SAMPLER")
class Sampler(ComfyTypeIO):
    """A sampling algorithm with its options."""


@comfytype(io_type="SIGMAS")
class Sigmas(ComfyTypeIO):
    """(steps + 1,) float32, noise levels, falling."""


@comfytype(io_type="NOISE")
class Noise(ComfyTypeIO):
    """An object with `seed` and `generate_noise(latent)`."""


@comfytype(io_type="GUIDER")
class Guider(ComfyTypeIO):
    """A guidance rule bound to a model: `CFGGuider`."""


@comfytype(io_type="HOOKS")
class Hooks(ComfyTypeIO):
    """Hooks bound to conditionings: `HookGroup`."""


@comfytype(io_type="HOOK_KEYFRAMES")
class HookKeyframes(ComfyTypeIO):
    """Strength of hooks over the steps."""


@comfytype(io_type="TIMESTEPS_RANGE")
class TimestepsRange(ComfyTypeIO):
    """(start, end) as fractions of the steps."""


@comfytype(io_type="LATENT_OPERATION")
class LatentOperation(ComfyTypeIO):
    """A function of a latent, called while sampling."""


@comfytype(io_type="WAN_CAMERA_EMBEDDING")
class WanCameraEmbedding(ComfyTypeIO):
    """A camera path as the Wan video models take it."""


@comfytype(io_type="FLOW_CONTROL")
class FlowControl(ComfyTypeIO):
    """A link between the two ends of a loop."""


@comfytype(io_type="ACCUMULATION")
class Accumulation(ComfyTypeIO):
    """Values gathered by a loop."""


@comfytype(io_type="DICT")
class Dict(ComfyTypeIO):
    """Any dict."""


@comfytype(io_type="ARRAY")
class Array(ComfyTypeIO):
    """Any list."""


@comfytype(io_type="*")
class AnyType(ComfyTypeIO):
    """Fits every socket."""
