"""Numbers of a Wan 2.1 autoencoder, read from keys and shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from comfy.errors import WeightsShapeError

Shapes = Mapping[str, tuple[int, ...]]

SIGNATURE_KEYS = (
    "decoder.middle.0.residual.0.gamma",
    "decoder.head.0.gamma",
    "encoder.conv1.weight",
    "conv2.weight",
)
MAX_LAYERS = 64


class Step(Enum):
    """One entry of `downsamples` or `upsamples`."""

    BLOCK = "residual block"
    SPACE = "half or double height and width"
    SPACE_TIME = "half or double height, width and time"


@dataclass(frozen=True)
class Layer:
    """One entry with its widths."""

    step: Step
    in_width: int
    out_width: int


@dataclass(frozen=True)
class WanConfig:
    """A Wan 2.1 autoencoder. `latent_channels` are the mean's; the encoder gives twice as many."""

    latent_channels: int
    image_channels: int
    encoder: tuple[Layer, ...]
    decoder: tuple[Layer, ...]
    encoder_width: int
    decoder_width: int
    """Channels of the encoder's first and the decoder's last layer."""
    middle_width: int

    @property
    def downscale(self) -> int:
        """Pixels per latent, along height and width."""
        return int(2 ** sum(layer.step is not Step.BLOCK for layer in self.decoder))

    @property
    def frames_per_latent(self) -> int:
        """Pictures per latent, after the first one, which stands for one picture."""
        return int(2 ** sum(layer.step is Step.SPACE_TIME for layer in self.decoder))


def detect(shapes: Shapes) -> WanConfig | None:
    """The numbers of a Wan 2.1 autoencoder, or None when the keys are of another kind.

    Raises: WeightsShapeError when the keys are right but the numbers do not fit together.
    """
    if not all(key in shapes for key in SIGNATURE_KEYS) or len(shapes["conv2.weight"]) != 5:
        return None
    if "decoder.upsamples.0.upsamples.0.residual.0.gamma" in shapes:
        return None  # Wan 2.2: levels with skips of their own
    return WanConfig(
        latent_channels=shapes["conv2.weight"][0],
        image_channels=shapes["encoder.conv1.weight"][1],
        encoder=_layers(shapes, "encoder.downsamples"),
        decoder=_layers(shapes, "decoder.upsamples"),
        encoder_width=shapes["encoder.conv1.weight"][0],
        decoder_width=shapes["decoder.head.0.gamma"][0],
        middle_width=shapes["decoder.middle.0.residual.0.gamma"][0],
    )


def _layers(shapes: Shapes, prefix: str) -> tuple[Layer, ...]:
    found = []
    for index in range(MAX_LAYERS):
        at = f"{prefix}.{index}"
        block, resample = shapes.get(f"{at}.residual.2.weight"), shapes.get(f"{at}.resample.1.weight")
        if block is not None:
            found.append(Layer(Step.BLOCK, block[1], block[0]))
        elif resample is not None:
            step = Step.SPACE_TIME if f"{at}.time_conv.weight" in shapes else Step.SPACE
            found.append(Layer(step, resample[1], resample[0]))
        else:
            break
    if not found:
        raise WeightsShapeError("the video autoencoder has no layers", key=f"{prefix}.0")
    return tuple(found)
