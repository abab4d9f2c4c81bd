"""The Wan 2.1 autoencoder and its runs: piece by piece, and the whole clip as one run of the same code."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from comfy.errors import LatentError
from comfy.vae.streaming.memory import Memory
from comfy.vae.wan21.config import Layer, Step, WanConfig
from comfy.vae.wan21.layers import (
    CausalConv3d,
    Downsample,
    FrameAttention,
    ResidualBlock,
    RMSNorm,
    Upsample,
    causal_conv,
    run_all,
)


class Coder(nn.Module):
    """Encoder or decoder: a first convolution, two runs of layers, a head."""

    def run(self, x: Tensor, memory: Memory) -> Tensor:
        """A piece (B,C,T,H,W) through all layers."""
        x = self.conv1.run(x, memory)
        for layers in self.order:
            x = run_all(layers, x, memory)
        return run_all(self.head, x, memory)

    conv1: CausalConv3d
    head: nn.Sequential

    @property
    def order(self) -> tuple[nn.Sequential, ...]:
        """What stands between the first convolution and the head."""
        raise NotImplementedError


class Encoder(Coder):
    """Pictures to mean and logarithm of variance."""

    def __init__(self, config: WanConfig) -> None:
        super().__init__()
        self.conv1 = causal_conv(config.image_channels, config.encoder_width)
        self.downsamples = nn.Sequential(*[_layer(entry, Downsample) for entry in config.encoder])
        self.middle = _middle(config.middle_width)
        self.head = _head(config.middle_width, 2 * config.latent_channels)

    @property
    def order(self) -> tuple[nn.Sequential, ...]:
        """Smaller first, then the middle."""
        return self.downsamples, self.middle


class Decoder(Coder):
    """Latents to pictures of about -1..1."""

    def __init__(self, config: WanConfig) -> None:
        super().__init__()
        self.conv1 = causal_conv(config.latent_channels, config.middle_width)
        self.middle = _middle(config.middle_width)
        self.upsamples = nn.Sequential(*[_layer(entry, Upsample) for entry in config.decoder])
        self.head = _head(config.decoder_width, config.image_channels)

    @property
    def order(self) -> tuple[nn.Sequential, ...]:
        """The middle first, then larger."""
        return self.middle, self.upsamples


class WanVAE(nn.Module):
    """The autoencoder. Latents are the posterior's mean, without the latent format's scale."""

    comfy_has_chunked_io = True

    def __init__(self, config: WanConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.decoder = Encoder(config), Decoder(config)
        self.conv1 = causal_conv(2 * config.latent_channels, 2 * config.latent_channels, 1)
        self.conv2 = causal_conv(config.latent_channels, config.latent_channels, 1)

    def frames_total(self, num_latents: int) -> int:
        """Pictures of a clip of latents."""
        return 0 if not num_latents else self.config.frames_per_latent * (num_latents - 1) + 1

    def decode_output_shape(self, latent_shape: tuple[int, ...]) -> tuple[int, ...]:
        """(B,3,frames,H,W) of latents (B,C,T,h,w)."""
        b, _, t, height, width = latent_shape
        scale = self.config.downscale
        return b, self.config.image_channels, self.frames_total(t), height * scale, width * scale

    def open_decode(self, latent_shape: tuple[int, ...]) -> WanDecodeRun:
        """A run for latents (B,C,T,h,w); T may be the part at hand. Raises: LatentError."""
        if len(latent_shape) != 5 or latent_shape[1] != self.config.latent_channels:
            raise LatentError(
                "the latent is of another kind than this VAE's",
                expected=f"(B,{self.config.latent_channels},T,h,w)",
                found=str([*latent_shape]),
            )
        return WanDecodeRun(self)

    def open_encode(self) -> WanEncodeRun:
        """A run for pictures."""
        return WanEncodeRun(self)

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures (B,3,F,H,W) of latents (B,C,T,h,w): each item as one run. Raises: LatentError."""
        return torch.cat([self._decoded(item) for item in latents.split(1)])

    def encode(self, pixels: Tensor) -> Tensor:
        """Means (B,C,T,h,w) of pictures (B,3,F,H,W); frames after the last full group of 4 are left out."""
        return torch.cat([self._encoded(item) for item in pixels.split(1)])

    def _decoded(self, latent: Tensor) -> Tensor:
        run = self.open_decode(tuple(latent.shape))
        return torch.cat([*run.push(latent), *run.flush()], dim=2)

    def _encoded(self, pixels: Tensor) -> Tensor:
        run = self.open_encode()
        return torch.cat([*run.push(pixels), *run.flush()], dim=2)


class WanDecodeRun:
    """Latents in, pictures out at once: one latent per call of the network, so that chunks change no bit."""

    def __init__(self, network: WanVAE) -> None:
        self._network, self._memory = network, Memory()

    def push(self, latents: Tensor) -> Iterator[Tensor]:
        """Pieces (B,3,n,H,W): one frame for the clip's first latent, four for each further one."""
        for latent in latents.split(1, dim=2):
            if latent.shape[2]:
                yield self._network.decoder.run(self._network.conv2.run(latent, self._memory), self._memory)

    def flush(self) -> Iterator[Tensor]:
        """Nothing waits: no layer looks ahead."""
        return iter(())

    def size_bytes(self) -> int:
        """State held now."""
        return self._memory.size_bytes()

    def reset(self) -> None:
        """Back to the start of a clip."""
        self._memory.clear()

    def close(self) -> None:
        """Drops the state."""
        self._memory.clear()


class WanEncodeRun:
    """Pictures in, latents out: the first picture by itself, then groups of as many as a latent stands for.

    `num_surplus` counts pictures that wait for a full group; at the end they are left out.
    """

    def __init__(self, network: WanVAE) -> None:
        self._network, self._memory = network, Memory()
        self._waiting: Tensor | None = None
        self._has_begun = False

    @property
    def num_surplus(self) -> int:
        """Pictures that no latent stands for yet."""
        return 0 if self._waiting is None else int(self._waiting.shape[2])

    def push(self, pixels: Tensor) -> Iterator[Tensor]:
        """Means (B,C,1,h,w), one per full group."""
        joined = pixels if self._waiting is None else torch.cat((self._waiting, pixels), dim=2)
        self._waiting = None
        while joined.shape[2] >= self._wanted():
            group, joined = joined[:, :, : self._wanted()], joined[:, :, self._wanted() :]
            self._has_begun = True
            moments = self._network.conv1.run(self._network.encoder.run(group, self._memory), self._memory)
            yield moments.chunk(2, dim=1)[0]
        if joined.shape[2]:
            self._waiting = joined.clone()

    def flush(self) -> Iterator[Tensor]:
        """Nothing: a group that is not full stays out."""
        return iter(())

    def size_bytes(self) -> int:
        """State held now, waiting pictures included."""
        waiting = 0 if self._waiting is None else self._waiting.nbytes
        return self._memory.size_bytes() + waiting

    def close(self) -> None:
        """Drops the state."""
        self._memory.clear()
        self._waiting = None

    def _wanted(self) -> int:
        return self._network.config.frames_per_latent if self._has_begun else 1


def _layer(entry: Layer, resample: type[Downsample] | type[Upsample]) -> nn.Module:
    if entry.step is Step.BLOCK:
        return ResidualBlock(entry.in_width, entry.out_width)
    return resample(entry.in_width, entry.out_width, entry.step is Step.SPACE_TIME)


def _middle(width: int) -> nn.Sequential:
    return nn.Sequential(ResidualBlock(width, width), FrameAttention(width), ResidualBlock(width, width))


def _head(in_width: int, out_width: int) -> nn.Sequential:
    return nn.Sequential(RMSNorm(in_width, 3), nn.SiLU(), causal_conv(in_width, out_width))
