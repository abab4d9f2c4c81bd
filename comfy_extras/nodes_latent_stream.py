"""Latent streams: batches to streams and back, encoding and decoding on the way, latent files."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from comfy.vae import chunked
from comfy_api.latest import ComfyExtension, io
from comfy_api.media import saving
from comfy_api.stream_generators import latent_stream
from comfy_api.stream_readers import TensorLatentStream
from comfy_api.streams import ImageStreamInput, LatentStreamInput
from comfy_extras.errors import NodeInputError
from comfy_extras.video.latent_files import LatentFileError, LatentFileWriter
from comfy_extras.video.sources import VAEDecodedImageStream
from comfy_extras.video_ops import naming_output, node_output, prefix_verdict

CATEGORY = "latent/stream"
MAX_CHUNK = 4096
Latent = dict[str, Any]


class LatentBatchToStream(io.ComfyNode):
    """The frames of a latent, one after another."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LatentBatchToStream",
            display_name="Latent Batch To Stream",
            category=CATEGORY,
            search_aliases=["latent to stream", "batch to stream"],
            inputs=[io.Latent.Input("samples")],
            outputs=[io.LatentStream.Output(display_name="stream")],
        )

    @classmethod
    def execute(cls, samples: Latent) -> io.NodeOutput:
        return io.NodeOutput(TensorLatentStream(samples))


class LatentStreamToBatch(io.ComfyNode):
    """All latents of a stream as one; they must fit into memory."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LatentStreamToBatch",
            display_name="Latent Stream To Batch",
            category=CATEGORY,
            search_aliases=["stream to latent", "stream to batch", "collect latents"],
            inputs=[io.LatentStream.Input("stream")],
            outputs=[io.Latent.Output(display_name="samples")],
        )

    @classmethod
    def execute(cls, stream: LatentStreamInput) -> Generator[int, Any, io.NodeOutput]:
        parts = []
        for chunk in stream.chunks():
            parts.append(chunk)
            yield stream.frame_ops.length(chunk)
        whole = stream.frame_ops.join(parts) if parts else stream.empty_chunk()
        return io.NodeOutput(_items_apart(whole))


def _items_apart(latent: Latent) -> Latent:
    """A latent whose videos stand one after another in time, as a batch of videos. Raises: NodeInputError."""
    starts = latent.get("item_starts")
    latent = {key: value for key, value in latent.items() if key != "item_starts"}
    samples = latent["samples"]
    if not starts or len(starts) < 2:
        return latent
    total = samples.shape[2]
    if total % len(starts) or starts != list(range(0, total, total // len(starts))):
        raise NodeInputError("stream", starts, "holds videos of unequal length, which cannot be one latent")
    per_item = total // len(starts)
    items = samples[0].unflatten(1, (len(starts), per_item)).movedim(1, 0)
    return {**latent, "samples": items.contiguous()}


class VAEEncodeStream(io.ComfyNode):
    """Latents of a stream of pictures."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VAEEncodeStream",
            display_name="VAE Encode Stream",
            category=CATEGORY,
            search_aliases=["stream to latent", "encode stream", "video to latent"],
            inputs=[io.ImageStream.Input("stream"), io.Vae.Input("vae")],
            outputs=[io.LatentStream.Output(display_name="samples")],
        )

    @classmethod
    def execute(cls, stream: ImageStreamInput, vae: Any) -> io.NodeOutput:
        def latents() -> Iterator[Latent]:
            run: chunked.EncodeRun | None = None
            try:
                for chunk in stream.chunks():
                    run = run or chunked.open_encode(vae, chunk)
                    for samples in run.push(vae.vae_encode_crop_pixels(chunk)):
                        yield {"samples": samples}
                if run is not None:
                    for samples in run.flush():
                        yield {"samples": samples}
            finally:
                if run is not None:
                    run.close()

        count = stream.frame_count if not hasattr(vae.first_stage_model, "open_encode") else None
        encoded = latent_stream(
            latents,
            sources=[stream],
            dimensions=stream.get_dimensions(),
            frame_count=count,
            frame_rate=stream.frame_rate,
        )
        encoded.models = (vae.patcher,)
        return io.NodeOutput(encoded)


class LatentStreamDecode(io.ComfyNode):
    """Pictures of a stream of latents."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LatentStreamDecode",
            display_name="Latent Stream Decode",
            category=CATEGORY,
            search_aliases=["decode stream", "latent stream to image"],
            inputs=[io.LatentStream.Input("stream"), io.Vae.Input("vae")],
            outputs=[io.ImageStream.Output(display_name="stream")],
        )

    @classmethod
    def execute(cls, stream: LatentStreamInput, vae: Any) -> io.NodeOutput:
        return io.NodeOutput(VAEDecodedImageStream(vae, stream))


class SaveLatentStream(io.ComfyNode):
    """Writes latents into a file of the output folder while they come."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SaveLatentStream",
            display_name="Save Latent Stream",
            category=CATEGORY,
            description="Writes a latent file that Load Latent reads, in memory that does not grow with its length.",
            search_aliases=["stream to latent file", "export latents"],
            inputs=[
                io.LatentStream.Input("stream"),
                io.String.Input("filename_prefix", default="latents/ComfyUI"),
            ],
            outputs=[],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, filename_prefix: str | None = None) -> bool | str:
        return prefix_verdict(filename_prefix)

    @classmethod
    def execute(cls, stream: LatentStreamInput, filename_prefix: str) -> Generator[int, Any, io.NodeOutput]:
        text = saving.metadata_text(cls.hidden.prompt, cls.hidden.extra_pnginfo)
        with node_output(filename_prefix, ".latent") as out:
            with naming_output(filename_prefix):
                file = saving.open_output(out.temporary)
            writer = LatentFileWriter(file, text)
            try:
                for chunk in stream.chunks():
                    with naming_output(filename_prefix):
                        writer.add(chunk)
                    yield stream.frame_ops.length(chunk)
                with naming_output(filename_prefix):
                    writer.finish()
            except LatentFileError as error:
                raise NodeInputError("stream", "a stream", error.reason) from error
            finally:
                writer.close()
                file.close()
        entry = {"filename": out.filename, "subfolder": out.subfolder, "type": out.folder_type}
        return io.NodeOutput(ui={"latents": [entry]})


class LatentStreamExtension(ComfyExtension):
    """This file's nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [
            LatentBatchToStream,
            LatentStreamToBatch,
            VAEEncodeStream,
            LatentStreamDecode,
            SaveLatentStream,
        ]


async def comfy_entrypoint() -> LatentStreamExtension:
    """What the loader calls."""
    return LatentStreamExtension()
