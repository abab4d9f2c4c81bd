"""The one design of the demo model: widths, depths, heads and groups. Changing a value voids trained weights."""

from dataclasses import dataclass

#: Latents of the SD1 family are stored at std 1 / SD1_SCALE_FACTOR; the UNet sees them at unit std.
SD1_SCALE_FACTOR = 0.18215
LATENT_CHANNELS = 4
VAE_FACTOR = 8
VOCABULARY_SIZE = 49408
MAX_TOKENS = 77


@dataclass(frozen=True)
class UnetDesign:
    """Widths of a UNet with SD1's block structure."""

    model_channels: int = 32
    channel_mult: tuple[int, ...] = (1, 2, 3, 3)
    num_res_blocks: int = 2
    attention_levels: tuple[int, ...] = (0, 1, 2)
    heads: tuple[int, ...] = (1, 2, 3, 3)
    groups: int = 8


@dataclass(frozen=True)
class VaeDesign:
    """Widths of an autoencoder with SD1's block structure."""

    channels: tuple[int, ...] = (16, 32, 96, 96)
    num_res_blocks: int = 2
    groups: tuple[int, ...] = (4, 4, 4, 4)


@dataclass(frozen=True)
class TextDesign:
    """Widths of a CLIP text encoder."""

    width: int = 64
    num_layers: int = 4
    heads: int = 4


@dataclass(frozen=True)
class ModelDesign:
    """Everything a loader needs to rebuild the nets; what shapes cannot tell goes into the file's metadata."""

    unet: UnetDesign = UnetDesign()
    vae: VaeDesign = VaeDesign()
    text: TextDesign = TextDesign()

    def metadata(self) -> dict[str, str]:
        """The `codec.sd1.*` entries of the safetensors header, as strings."""
        return {
            "codec.sd1.unet_heads": ",".join(map(str, self.unet.heads)),
            "codec.sd1.text_heads": str(self.text.heads),
            "codec.sd1.unet_groups": str(self.unet.groups),
            "codec.sd1.vae_groups": ",".join(map(str, self.vae.groups)),
        }


DESIGN = ModelDesign()
