"""Conformance of frame-wise nodes: any split of a batch gives the same bits, and inputs stay as they are.

`check_frame_wise(class_type, node_class)` makes arguments by itself where sockets and widgets say enough; hand in
`arguments` for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from comfy_api.adapters import describe
from comfy_api.frames import FRAME_KINDS
from comfy_api.testing.streams import ConformanceError
from comfy_execution.node_spec import InputSpec, NodeSpec
from comfy_execution.streaming.contract import FrameOps

SPLITS = (1, 2, 3, 8)
FRAMES = 11
"""No multiple of any split, so that every split has a short last chunk."""
SIZE = 24
"""Rows and columns of the pictures; divisible by 8 for latents."""


def check_frame_wise(class_type: str, node_class: type, arguments: Mapping[str, Any] | None = None) -> int:
    """Calls a flagged node on a batch of unequal brightness and on its splits; gives the number of splits compared.

    A node with a grain is split at multiples of it only. Raises: ConformanceError; whatever the node raises.
    """
    spec = describe(class_type, node_class)
    roles = spec.streams
    if roles is None or not roles.frame_wise:
        raise ConformanceError("the node is flagged frame-wise", f"{class_type} is not")
    inputs = {**frame_wise_arguments(spec), **(arguments or {})}
    per_frame = {name: _ops_of(spec.inputs_for(inputs)[name]) for name in roles.frame_wise if name in inputs}
    before = {name: ops.digest(inputs[name]) for name, ops in per_frame.items()}
    whole = dict(enumerate(_call(spec, inputs)))
    outputs = {
        i: FRAME_KINDS[o.type]
        for i, o in enumerate(spec.outputs)
        if isinstance(o.type, str) and o.type in FRAME_KINDS
    }
    grain = roles.grain or 1
    splits = [size * grain for size in SPLITS]
    if roles.grain is not None:
        whole = _joined(spec, inputs, per_frame, outputs, grain)
    for size in splits:
        found = _joined(spec, inputs, per_frame, outputs, size if roles.grain is None else grain)
        for slot, ops in outputs.items():
            if ops.length(found[slot]) != ops.length(whole[slot]):
                raise ConformanceError(
                    "as many frames come out as go in",
                    f"{class_type}: output {slot} has {ops.length(found[slot])} frames in chunks of {size}, "
                    f"{ops.length(whole[slot])} at once",
                )
            if ops.digest(found[slot]) != ops.digest(whole[slot]):
                raise ConformanceError(
                    "any split gives the same bits",
                    f"{class_type}: output {slot} differs in chunks of {size}",
                )
    for name, ops in per_frame.items():
        if ops.digest(inputs[name]) != before[name]:
            raise ConformanceError("inputs stay as they are", f"{class_type} wrote into {name}")
    return len(splits)


def frame_wise_arguments(spec: NodeSpec) -> dict[str, Any]:
    """Arguments made from sockets and widgets: random frames, defaults, first choices.

    Raises: ConformanceError for a required input that cannot be made (a model, say).
    """
    found: dict[str, Any] = {}
    for name, entry in spec.inputs.items():
        value = _made(entry, len(found))
        if value is not None:
            found[name] = value
        elif entry.required and "default" not in entry.options:
            raise ConformanceError("arguments can be made", f"{spec.class_type}.{name} needs a {entry.type}")
    return found


def _made(entry: InputSpec, seed: int) -> Any:
    import torch

    generator = torch.Generator().manual_seed(seed + 1)
    brightness = torch.linspace(0.1, 1.0, FRAMES)
    kind = entry.type
    if "default" in entry.options:
        return entry.options["default"]
    if isinstance(kind, list | tuple):
        return kind[0] if kind else None
    options = entry.options.get("options")
    if kind == "COMBO" and options:
        return options[0]
    if kind == "IMAGE":
        return torch.rand((FRAMES, SIZE, SIZE, 3), generator=generator) * brightness.reshape(-1, 1, 1, 1)
    if kind == "MASK":
        return torch.rand((FRAMES, SIZE, SIZE), generator=generator) * brightness.reshape(-1, 1, 1)
    if kind == "LATENT":
        samples = torch.randn((FRAMES, 4, SIZE // 8, SIZE // 8), generator=generator)
        return {"samples": samples * brightness.reshape(-1, 1, 1, 1)}
    plain: dict[str, Any] = {"INT": 1, "FLOAT": 1.0, "BOOLEAN": False, "STRING": ""}
    return plain.get(kind) if isinstance(kind, str) else None


def _joined(
    spec: NodeSpec,
    inputs: Mapping[str, Any],
    per_frame: Mapping[str, FrameOps],
    outputs: Mapping[int, FrameOps],
    size: int,
) -> dict[int, Any]:
    """The node called on chunks of a size, outputs joined."""
    rows: list[Sequence[Any]] = []
    frames = max(ops.length(inputs[name]) for name, ops in per_frame.items())
    for start in range(0, frames, size):
        chunks = {
            name: ops.cut(inputs[name], start, min(frames, start + size))
            for name, ops in per_frame.items()
            if ops.length(inputs[name]) == frames
        }
        rows.append(_call(spec, {**inputs, **chunks}))
    return {slot: ops.join([row[slot] for row in rows]) for slot, ops in outputs.items()}


def _call(spec: NodeSpec, inputs: Mapping[str, Any]) -> Sequence[Any]:
    result: Any = spec.behaviour.call(spec.behaviour.make_instance(), inputs, {})
    if isinstance(result, dict):
        result = result["result"]
    found: Sequence[Any] = result
    return found


def _ops_of(entry: InputSpec) -> FrameOps:
    kinds = str(entry.type).split(",")
    return next(FRAME_KINDS[kind] for kind in kinds if kind in FRAME_KINDS)
