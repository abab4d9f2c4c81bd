"""Latents on the wire as a node: `EmitLatents` hands a LATENT to whoever asked for it over HTTP."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Any

from codec_transport.channel import EmittedLatent, channels
from codec_transport.errors import ListenerGoneError
from comfy_api.latest import ComfyExtension, io
from comfy_api.streams import ConsumerGone, LatentStreamInput
from comfy_execution.utils import get_executing_context
from comfy_extras.errors import NodeInputError

PIPELINES = ["raw", "int8", "int4", "int8-adaptive", "int4-adaptive", "delta+int8", "delta+int4"]


def describe_latent(samples: Any) -> tuple[str, int]:
    """Per-frame shape as text ("4x64x64") and the number of frames of a latent.

    (B,C,H,W): every item is a frame. (B,C,T,H,W): every time step of every item is one.
    """
    shape = list(samples.shape)
    if len(shape) == 5:
        return "x".join(str(size) for size in (shape[1], *shape[3:])), shape[0] * shape[2]
    return "x".join(str(size) for size in shape[1:]), shape[0]


class EmitLatents(io.ComfyNode):
    """Sends latents to the client that waits for them, or keeps them for GET /codec/latents/{prompt_id}."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EmitLatents",
            display_name="Emit Latents",
            category="codec",
            description="Sends latents over HTTP instead of pixels; the receiver decodes them.",
            inputs=[
                io.MultiType.Input("latents", [io.Latent, io.LatentStream], tooltip="The latents to send."),
                io.String.Input(
                    "latent_space", default="", tooltip="Latent space id; empty means the model family's own."
                ),
                io.Combo.Input(
                    "pipeline",
                    options=PIPELINES,
                    default="int8-adaptive",
                    tooltip="How the latents are coded.",
                ),
                io.Float.Input(
                    "frame_rate",
                    default=0.0,
                    min=0.0,
                    max=1000.0,
                    tooltip="Frames per second; 0 for pictures.",
                ),
                io.String.Input(
                    "channel", default="default", tooltip="Which listener of this prompt gets them."
                ),
            ],
            outputs=[],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt],
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls, **_inputs: Any) -> float:
        """Equal to nothing, itself included: each prompt has its own listener, so no prompt may skip this node."""
        return math.nan

    @classmethod
    def execute(
        cls, latents: dict[str, Any], latent_space: str, pipeline: str, frame_rate: float, channel: str
    ) -> io.NodeOutput:
        prompt_id = _prompt_id()
        samples = latents["samples"]
        channels.emit(EmittedLatent(prompt_id, channel, samples, latent_space, pipeline, frame_rate))
        return _emitted(prompt_id, channel, latent_space, *describe_latent(samples))

    @classmethod
    def drain_stream(
        cls, latents: LatentStreamInput, latent_space: str, pipeline: str, frame_rate: float, channel: str
    ) -> Generator[int, Any, io.NodeOutput]:
        """Sends latents while they are made. One part is held back, because the last one has to say that it is.

        Raises: NodeInputError for a stream without a frame; ConsumerGone when nobody reads any more.
        """
        prompt_id = _prompt_id()
        rate = frame_rate or float(latents.frame_rate or 0)

        def send(samples: Any, is_last: bool) -> None:
            part = EmittedLatent(prompt_id, channel, samples, latent_space, pipeline, rate, is_last)
            try:
                channels.emit(part)
            except ListenerGoneError as error:
                raise ConsumerGone(str(error)) from error

        held, shape, total = None, "", 0
        for chunk in latents.chunks():
            if held is not None:
                send(held, is_last=False)
            held = chunk["samples"]
            shape, num_frames = describe_latent(held)
            total += num_frames
            yield num_frames
        if held is None:
            raise NodeInputError("latents", "a stream", "ended without a frame, so there is nothing to send")
        send(held, is_last=True)
        return _emitted(prompt_id, channel, latent_space, shape, total)


def _prompt_id() -> str:
    context = get_executing_context()
    return context.prompt_id if context is not None else ""


def _emitted(prompt_id: str, channel: str, latent_space: str, shape: str, num_frames: int) -> io.NodeOutput:
    """What clients are told of latents that were sent."""
    entry = {
        "prompt_id": prompt_id,
        "channel": channel,
        "latent_space": latent_space,
        "shape": shape,
        "num_frames": num_frames,
    }
    return io.NodeOutput(ui={"codec_latents": [entry]})


class CodecExtension(ComfyExtension):
    """The nodes of this file."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [EmitLatents]


async def comfy_entrypoint() -> CodecExtension:
    """What the loader calls."""
    return CodecExtension()
