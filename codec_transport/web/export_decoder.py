"""Exports a checkpoint's VAE decoder for the page at GET /codec: `python -m codec_transport.web.export_decoder`.

The graph takes the model-space latent as it travels on the wire, float32 (1,4,h,w), and gives pixels float32
(1,3,8h,8w) in 0..1. Weights are stored in fp16 and widened when the graph is loaded. Needs the packages `onnx` and
`onnxscript`, which neither the server nor its tests need.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from comfy.models.checkpoint import load_vae

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINT = ROOT / "models" / "checkpoints" / "codec-demo-sd1.safetensors"
OUTPUT = Path(__file__).parent / "dist" / "demo-decoder.onnx"
SCALE_FACTOR = 0.18215
OPSET = 18
MAX_LATENT_SIDE = 512
SMALLEST_FP16_WEIGHT = 64
"""Tensors of fewer numbers stay float32: they are shapes and constants, and nothing is saved."""


class PageDecoder(nn.Module):
    """The decoder with the scale of the wire in front and the picture's range behind."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, latent: Tensor) -> Tensor:
        """Shape: (1,4,h,w) in the model's scale to (1,3,8h,8w) in 0..1."""
        decoded: Tensor = self.network.decode(latent / SCALE_FACTOR)
        return ((decoded + 1.0) / 2.0).clamp(0.0, 1.0)


def export(checkpoint: Path) -> Any:
    """The ONNX model of a checkpoint's decoder, any latent size from 2 cells up."""
    network = load_vae(checkpoint).first_stage_model
    side = torch.export.Dim("height", min=2, max=MAX_LATENT_SIDE)
    other = torch.export.Dim("width", min=2, max=MAX_LATENT_SIDE)
    with torch.no_grad():
        program = torch.onnx.export(
            PageDecoder(network).eval(),
            (torch.zeros(1, 4, 16, 16),),
            dynamo=True,
            dynamic_shapes={"latent": {2: side, 3: other}},
            input_names=["latent"],
            output_names=["pixels"],
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    store_as_fp16(model)
    forget_sources(model)
    return model


def store_as_fp16(model: Any) -> None:
    """Keeps float32 weights in fp16, each widened by a Cast of its own."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < SMALLEST_FP16_WEIGHT:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.fp16"))
        casts.append(helper.make_node("Cast", [f"{name}.fp16"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def forget_sources(model: Any) -> None:
    """Drops what the exporter notes of the source code: paths of one machine have no place in the file."""
    model.producer_name, model.doc_string = "codec-comfyui", ""
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        part.doc_string = ""
        del part.metadata_props[:]
    del model.graph.value_info[:], model.metadata_props[:], model.graph.metadata_props[:]


def main(arguments: list[str] | None = None) -> int:
    """Writes the decoder of `--checkpoint` to `--output`."""
    parser = argparse.ArgumentParser(description="export the page's decoder")
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    chosen = parser.parse_args(arguments)
    model = export(chosen.checkpoint)
    chosen.output.write_bytes(model.SerializeToString())
    sys.stdout.write(f"{chosen.output}: {chosen.output.stat().st_size} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
