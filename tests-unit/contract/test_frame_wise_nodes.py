"""Every node that says it is frame-wise is: any split of a batch gives the same bits, and inputs stay as they are.

The whole registry is asked, so a node that is flagged later is tested from that moment on. Frames differ much in
brightness, so that whatever looks at the whole batch (a mean, a maximum) is seen.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
import torch

from comfy_api.adapters import describe
from comfy_api.frames import FRAME_KINDS
from comfy_execution.registry import Registry
from comfy_extras.loading import load_builtin_nodes

FRAMES = 11
SPLITS = (1, 2, 3, 8, FRAMES)
MUST_BE_FLAGGED = {"ImageScale", "ImageScaleBy", "ImageInvert", "InvertMask", "ImageUpscaleWithModel"}


class Doubler(torch.nn.Module):
    """Stands for an upscaling model; a convolution, whose kernels may depend on the batch."""

    scale = 2

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.layer = torch.nn.Conv2d(3, 12, 3, padding=1)

    def forward(self, pictures):
        return torch.nn.functional.pixel_shuffle(self.layer(pictures), 2)


OBJECTS: dict[str, Any] = {"UPSCALE_MODEL": Doubler()}


def _registry() -> Registry:
    registry = Registry(describe)
    asyncio.run(load_builtin_nodes(registry))
    return registry


REGISTRY = _registry()
FLAGGED = {
    name: spec
    for name in REGISTRY
    if (spec := REGISTRY.spec(name)).streams is not None and spec.streams.frame_wise
}


def frames_of(kind: str, channels: int) -> Any:
    """A batch whose frames are of very unequal brightness."""
    generator = torch.Generator().manual_seed(11)
    shape = (FRAMES, 20, 28) if kind == "MASK" else (FRAMES, 20, 28, channels)
    brightness = torch.linspace(0.02, 1.0, FRAMES).view(-1, *[1] * (len(shape) - 1))
    return torch.rand(shape, generator=generator) * brightness


def settings_of(spec) -> list[dict[str, Any]]:
    """Defaults of all other inputs, and each choice of each list once."""
    base: dict[str, Any] = {}
    choices: dict[str, list[Any]] = {}
    for name, entry in spec.inputs.items():
        if name in spec.streams.frame_wise:
            continue
        options = entry.options.get("options") if entry.type == "COMBO" else entry.type
        if isinstance(options, list | tuple):
            choices[name] = list(dict.fromkeys(options))
            base[name] = choices[name][0]
        elif entry.type in OBJECTS:
            base[name] = OBJECTS[entry.type]
        elif "default" in entry.options:
            default = entry.options["default"]
            # 512 pixels are only slow
            base[name] = min(default, 37) if entry.type == "INT" else default
        elif entry.required:
            pytest.fail(f"{spec.class_type}.{name}: no value is known for {entry.type}")
    return [{**base, name: choice} for name, values in choices.items() for choice in values] or [base]


def cases():
    for name, spec in FLAGGED.items():
        for i, settings in enumerate(settings_of(spec)):
            for channels in (4,) if "alpha" in settings.values() else (3, 4):
                yield pytest.param(spec, settings, channels, id=f"{name}-{i}-{channels}")


def called(spec, inputs) -> list[Any]:
    found = spec.behaviour.call(spec.behaviour.make_instance(), inputs, {})
    found = found.get("result") if isinstance(found, dict) else found
    return list(found)


@pytest.mark.parametrize(("spec", "settings", "channels"), list(cases()))
def test_every_split_gives_the_same_bits_and_leaves_inputs_alone(spec, settings, channels):
    kinds = {
        name: next(k for k in FRAME_KINDS if k in str(spec.inputs[name].type))
        for name in spec.streams.frame_wise
    }
    batches = {name: frames_of(kind, channels) for name, kind in kinds.items()}
    kept = {name: batch.clone() for name, batch in batches.items()}
    whole = called(spec, {**settings, **batches})
    streamed = [
        slot
        for slot, output in enumerate(spec.outputs)
        if set(str(output.type).split(",")) & set(FRAME_KINDS)
    ]
    assert streamed, "a frame-wise node needs an output of frames"
    for split in SPLITS:
        size = split if spec.streams.grain is None else -(-split // spec.streams.grain) * spec.streams.grain
        parts = []
        for start in range(0, FRAMES, size):
            chunk = {name: batch[start : start + size] for name, batch in batches.items()}
            parts.append(called(spec, {**settings, **chunk}))
        for slot in streamed:
            joined = torch.cat([part[slot] for part in parts])
            assert len(joined) == FRAMES
            assert torch.equal(joined, whole[slot]), f"output {slot}, split {split}"
    for name, batch in batches.items():
        assert torch.equal(batch, kept[name]), f"{name} was changed"
    assert spec.streams.shapes, "a node of ours says how large its frames are"
    given = batches[spec.streams.frame_wise[0]].shape[1:]
    said = spec.behaviour.stream_shape(spec.behaviour.make_instance(), tuple(given), settings)
    for slot in streamed:
        assert tuple(said[:2]) == tuple(whole[slot].shape[1:3]), f"output {slot}"


def test_the_nodes_of_video_workflows_are_flagged():
    assert FLAGGED.keys() >= MUST_BE_FLAGGED


def test_a_node_that_looks_at_its_batch_would_be_caught():
    """The comparison itself: a mean over the batch differs between splits of frames of unequal brightness."""
    batch = frames_of("IMAGE", 3)
    spread = batch / batch.mean()
    for split in itertools.takewhile(lambda size: size < FRAMES, SPLITS):
        assert not torch.equal(torch.cat([part / part.mean() for part in batch.split(split)]), spread)
