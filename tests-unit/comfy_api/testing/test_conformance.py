"""The public conformance kit: what keeps the contract passes, every broken rule is found and named. Scenario S27."""

from __future__ import annotations

import pytest
import torch
from fused_nodes import FUSED
from stream_nodes import IMAGE, Counter, Delay, Drop, Mapped, Mix, Repeat, Trim, frames, one, v1

from comfy_api.streams import (
    ImageStreamInput,
    StreamContractError,
    TensorImageStream,
    TensorLatentStream,
    TensorMaskStream,
    image_stream,
    mapped_stream,
)
from comfy_api.testing.frame_wise import check_frame_wise
from comfy_api.testing.streams import ConformanceError, check_stream


def ramp(*shape):
    return torch.arange(torch.Size(shape).numel(), dtype=torch.float32).reshape(shape)


KEPT = {
    "source": lambda: Counter("s", 21),
    "empty": lambda: Counter("s", 0),
    "batch": lambda: TensorImageStream(ramp(5, 2, 3, 3)),
    "masks": lambda: TensorMaskStream(ramp(5, 2, 3)),
    "latents": lambda: TensorLatentStream({"samples": ramp(5, 4, 2, 3), "batch_index": [3, 4, 5, 6, 7]}),
    "videos": lambda: TensorLatentStream({"samples": ramp(2, 4, 5, 2, 3), "noise_mask": ramp(2, 1, 5, 2, 3)}),
    "mapped": lambda: Mapped("m", Counter("s", 21), lambda chunk: chunk + 1),
    "repeated": lambda: Repeat("m", Counter("s", 7), 3),
    "dropped": lambda: Drop("m", Counter("s", 21), 4),
    "delayed": lambda: DelayAgain("m", Counter("s", 21), 5),
    "trimmed": lambda: TrimAgain("m", Counter("s", 21), 10),
    "mixed": lambda: Mix("m", Counter("a", 21), Counter("b", 9)),
    "generator": lambda: image_stream(
        lambda: (frames([i, i + 1, i + 2]) for i in range(0, 12, 3)), dimensions=(1, 1)
    ),
    "helper": lambda: mapped_stream(Counter("s", 21), lambda chunk: chunk * 2),
}


class DelayAgain(Delay):
    def do_reset(self):
        super().do_reset()
        self.ended = False


class TrimAgain(Trim):
    def do_reset(self):
        super().do_reset()
        self.at = 0


@pytest.mark.parametrize("name", KEPT)
def test_streams_that_keep_the_contract_pass(name):
    report = check_stream(KEPT[name])
    assert report.frames >= 0 and len(report.chunk_sizes) == 6


class Broken(Counter):
    def __init__(self):
        super().__init__("broken", 21)


class ShortInTheMiddle(Broken):
    def do_pull(self, max_frames):
        return super().do_pull(max(1, max_frames - 1))


class NoReplay(Broken):
    def do_reset(self):
        self.shift = getattr(self, "shift", -1) + 1
        self.at = 0

    def do_pull(self, max_frames):
        return super().do_pull(max_frames) + self.shift


class ReusesItsBuffer(Broken):
    def __init__(self):
        super().__init__()
        self.reuse = True


class SaysOtherLength(Broken):
    def __init__(self):
        super().__init__()
        self.frame_count = 20


class NoDimensions(Broken):
    def get_dimensions(self):
        return (0, 0)


class Endless(Broken):
    def __init__(self):
        super().__init__()
        self.n, self.frame_count = 10**9, None


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        (ShortInTheMiddle, "how they are pulled"),
        (NoReplay, "replays the same frames"),
        (ReusesItsBuffer, "not written to again"),
        (SaysOtherLength, "frame_count is the length"),
        (NoDimensions, "width, height"),
        (Endless, "a stream ends"),
    ],
)
def test_a_broken_rule_is_found_and_named(kind, rule):
    with pytest.raises(ConformanceError, match=rule):
        check_stream(kind)


def test_too_many_frames_name_the_stream():
    class Greedy(Broken):
        def do_pull(self, max_frames):
            return super().do_pull(max_frames + 1)

    with pytest.raises(StreamContractError, match=r"Greedy: do_pull\(1\) returned 2 frames"):
        check_stream(Greedy)


def test_final_methods_cannot_be_overridden():
    with pytest.raises(TypeError, match="pull is final; override do_pull"):

        class Wrong(ImageStreamInput):
            def pull(self, max_frames):
                return None


def test_pull_of_no_frames_is_refused():
    with pytest.raises(ValueError, match="from 1 on"):
        Counter("s", 3).pull(0)


def test_pull_after_close_says_so():
    stream = Counter("s", 3)
    stream.close()
    with pytest.raises(StreamContractError, match="after close"):
        stream.pull(1)


def test_s27_a_node_flagged_falsely_is_named():
    by_maximum = v1(
        (IMAGE,), {"image": IMAGE}, one(lambda uid, image: image / image.max()), FRAME_WISE=("image",)
    )
    with pytest.raises(ConformanceError, match="any split gives the same bits: Brightest"):
        check_frame_wise("Brightest", by_maximum)


def test_a_node_that_writes_into_its_input_is_named():
    writes = v1(
        (IMAGE,), {"image": IMAGE}, one(lambda uid, image: image.clamp_(0, 0.5)), FRAME_WISE=("image",)
    )
    with pytest.raises(ConformanceError, match="inputs stay as they are"):
        check_frame_wise("Clamps", writes)


def test_a_node_that_drops_frames_is_named():
    with pytest.raises(ConformanceError, match="as many frames"):
        check_frame_wise("Shrinks", FUSED["shrinks"])


def test_good_nodes_pass():
    assert check_frame_wise("Scale", FUSED["scale"], {"f": 3}) == 4
    assert check_frame_wise("Grained", FUSED["grained"]) == 4


def test_a_node_without_the_flag_is_refused():
    with pytest.raises(ConformanceError, match="flagged"):
        check_frame_wise("Ord", FUSED["ord"])
