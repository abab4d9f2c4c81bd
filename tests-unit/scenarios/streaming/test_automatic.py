"""Scenarios of ordinary graphs that stream by themselves: S23 to S27, S30, S33, S63, S64, S76."""

from __future__ import annotations

import pytest
from fused_nodes import FUSED
from stream_bench import StreamBench, node
from stream_nodes import FRAMES, LOG, numbers
from test_caching_and_lists import cached_in
from test_fan_out import N

from comfy_execution.streaming.policy import StreamMode

BYTES = 4
"""Of one frame."""


def auto(frames: int = 100, mode: StreamMode = StreamMode.AUTO, **more) -> StreamBench:
    """A bench that streams what would take more than `frames` frames."""
    return StreamBench(FUSED, mode=mode, budget_bytes=frames * BYTES, **more)


def savev(source: str, name: str = "a") -> dict:
    return node("savev", image=[source, 0], name=name)


def scale(source: str, f: int = 2) -> dict:
    return node("scale", image=[source, 0], f=f)


CHAIN = {"1": node("decode", n=FRAMES), "2": scale("1"), "3": savev("2")}


def was_streamed() -> bool:
    return "savev 3" not in LOG.calls


@pytest.mark.parametrize("mode", list(StreamMode))
def test_a_chain_is_streamed_where_the_mode_says_so(mode):
    with auto(mode=mode) as bench:
        bench.stream(CHAIN)
        assert was_streamed() is (mode is not StreamMode.NEVER)
        explained = bench.executor.explanations.get(bench.prompt_id)
    assert LOG.files["a"] == [2 * i for i in N]
    assert [explained[i]["stream"]["streamed"] for i in "123"] == [mode is not StreamMode.NEVER] * 3


def test_s23_an_edge_that_would_return_is_left_ordinary():
    prompt = {
        "1": node("decode", n=FRAMES),
        "2": scale("1"),
        "3": node("ord", image=["2", 0]),
        "4": node("blend", image=["2", 0], other=["3", 0]),
        "5": savev("4"),
    }
    with auto() as bench:
        bench.stream(prompt)
        explained = bench.executor.explanations.get(bench.prompt_id)
    assert LOG.files["a"] == [4 * i + 100 for i in N]
    assert explained["2"]["stream"] == {
        "streamed": False,
        "reason": "an output also goes to a node that takes whole batches",
    }
    assert explained["4"]["stream"]["streamed"] is True


def test_s23_a_sinks_late_value_that_returns():
    prompt = {
        **CHAIN,
        "4": node("text_len", text=["3", 0]),
        "5": node("scale", image=["1", 0], f=["4", 0]),
        "6": savev("5", "b"),
    }
    with auto(mode=StreamMode.ALWAYS) as bench:
        bench.stream(prompt)
    assert LOG.files == {"a": [2 * i for i in N], "b": N}


def test_s24_ordinary_reader_beside_a_chain():
    prompt = {**CHAIN, "4": node("ord", image=["1", 0]), "5": node("keep", image=["4", 0])}
    with auto() as bench:
        bench.stream(prompt)
        assert LOG.calls.count("decode 1") == 1 and was_streamed()
        assert LOG.seen["5"] == [i + 100 for i in N]
        assert max(LOG.seen["scale sizes"]) == 8
    assert LOG.files["a"] == [2 * i for i in N]


def test_s25_packed_video():
    prompt = {
        "1": node("decode", n=FRAMES),
        "2": scale("1"),
        "3": node("create_video", images=["2", 0], fps=24),
        "4": node("save_video", video=["3", 0], name="v"),
    }
    with auto() as bench:
        bench.stream(prompt)
        assert LOG.calls.count("decode 1") == 0 and "save_video" not in LOG.calls
        assert max(LOG.seen["scale sizes"]) == 8 and bench.tee <= 8
        streamed = LOG.files["v"]
    with auto(mode=StreamMode.NEVER) as bench:
        bench.stream(prompt)
        assert LOG.files["v"] == streamed and "save_video" in LOG.calls


def test_s26_end_chunk_is_never_handed_to_a_function():
    prompt = {"1": node("decode", n=16), "2": node("no_frames", image=["1", 0]), "3": savev("2")}
    with auto(mode=StreamMode.ALWAYS) as bench:
        bench.stream(prompt)
    assert LOG.seen["sizes"] == [8, 8] and LOG.files["a"] == list(range(1, 17))


def test_s26_a_function_that_makes_fewer_frames_is_named():
    prompt = {"1": node("decode", n=16), "2": node("shrinks", image=["1", 0]), "3": savev("2")}
    with auto(mode=StreamMode.ALWAYS) as bench:
        report = bench.stream(prompt, ok=False)
    assert report["node_id"] == "2" and "made 3 frames of 8" in report["exception_message"]


@pytest.mark.parametrize(("n", "streamed"), [(10, False), (400, True)])
def test_s30_length_known_at_run_time(n, streamed):
    prompt = {
        "0": node("double", v=n // 2),
        "1": node("decode", n=["0", 0]),
        "2": scale("1"),
        "3": savev("2"),
    }
    with auto() as bench:
        bench.stream(prompt)
        assert was_streamed() is streamed
        kinds = [
            (m["type"], m["data"]["node"]) for m in bench.messages if m["type"] in ("executing", "executed")
        ]
    ordinary = [("executing", i) for i in "0123"] + [("executed", "3"), ("executing", None)]
    assert kinds == ordinary
    assert LOG.files["a"] == [2 * i for i in range(n)]


@pytest.mark.parametrize("still_first", [True, False])
def test_s33_still_picture_over_a_video(still_first):
    long, still = node("decode", n=FRAMES), node("decode", n=1)
    sources = {"1": still, "2": long} if still_first else {"2": long, "1": still}
    prompt = {**sources, "4": node("blend", image=["2", 0], other=["1", 0]), "3": savev("4")}
    for mode in (StreamMode.AUTO, StreamMode.ALWAYS):
        with auto(mode=mode) as bench:
            bench.stream(prompt)
            assert was_streamed() and LOG.files["a"] == N


@pytest.mark.parametrize("mode", list(StreamMode))
def test_s33_unequal_lengths_are_the_ordinary_runs_error(mode):
    prompt = {
        "1": node("decode", n=FRAMES),
        "2": node("decode", n=7),
        "4": node("blend", image=["1", 0], other=["2", 0]),
        "3": savev("4"),
    }
    with auto(mode=mode) as bench:
        report = bench.stream(prompt, ok=False)
        assert report["node_id"] == "4"
        assert "The size of tensor a (400) must match the size of tensor b (7)" in report["exception_message"]
    assert LOG.files == {}


def test_unequal_lengths_that_nobody_knew_name_the_input():
    prompt = {
        "1": node("decode_file", n=FRAMES),
        "2": node("decode_file", n=9),
        "4": node("blend", image=["1", 0], other=["2", 0]),
        "3": savev("4"),
    }
    with auto() as bench:
        report = bench.stream(prompt, ok=False)
    assert report["node_id"] == "4" and "'other' has 9 frames" in report["exception_message"]


def test_s63_streamed_first_then_changed():
    with auto() as bench:
        bench.stream(CHAIN)
        LOG.clear()
        bench.stream({**CHAIN, "3": savev("2", "b")})
        assert LOG.files == {"b": [2 * i for i in N]} and LOG.opens == ["decode"]
        assert cached_in(bench) == []


def test_s64_eager_first_then_streamed():
    small = {"1": node("decode", n=40), "2": scale("1"), "3": savev("2")}
    with auto(100) as bench:
        bench.stream(small)
        assert not was_streamed()
        LOG.clear()
        bench.executor._stream_policy = type(bench.executor._stream_policy)(
            frame_kinds=bench.executor._stream_policy.frame_kinds, budget_bytes=10 * BYTES, chunk_frames=8
        )
        bench.stream({**small, "2": scale("1", 3)})
        assert was_streamed() and "decode 1" not in LOG.calls and LOG.seen["scale sizes"] == [8] * 5
        assert LOG.files["a"] == [3 * i for i in range(40)] and cached_in(bench) == ["1"]


def test_a_source_of_unknown_length_counts_as_over_the_budget():
    prompt = {**CHAIN, "1": node("decode_file", n=FRAMES)}
    with auto(10**9) as bench:
        bench.stream(prompt)
        assert was_streamed()
    assert LOG.files["a"] == [2 * i for i in N]


@pytest.mark.parametrize("chunk", [1, 3, 8, 1000])
def test_s76_same_bits_through_the_grain(chunk):
    prompt = {"1": node("decode", n=43), "2": node("grained", image=["1", 0]), "3": savev("2")}
    with auto(mode=StreamMode.NEVER) as bench:
        bench.stream(prompt)
        ordinary = LOG.files["a"]
    with auto(mode=StreamMode.ALWAYS, chunk_frames=chunk) as bench:
        bench.stream(prompt)
        assert was_streamed()
    assert LOG.files["a"] == ordinary == [i + i % 5 for i in range(43)]


def test_lists_stream_item_by_item():
    from test_caching_and_lists import LISTS

    prompt = {
        "0": node("list", values="150 200"),
        "1": node("decode", n=["0", 0]),
        "2": scale("1"),
        "4": node("names", values="x y"),
        "3": node("savev", image=["2", 0], name=["4", 0]),
    }
    with StreamBench({**FUSED, **LISTS}, mode=StreamMode.AUTO, budget_bytes=400) as bench:
        bench.stream(prompt)
    assert LOG.files == {"x": [2 * i for i in range(150)], "y": [2 * i for i in range(200)]}


def test_an_ordinary_node_that_gets_a_stream_gets_a_batch():
    """An expansion may link to a member that is open already; its reader must not see a stream."""
    from stream_nodes import v1

    from comfy_execution.graph_utils import GraphBuilder

    def expand(self, v, uid):
        graph = GraphBuilder()
        kept = graph.node("keep", image=["2", 0])
        return {"result": (v,), "expand": graph.finalize(), "kept": kept}

    classes = {**FUSED, "expand": v1(("INT",), {"v": "INT"}, expand)}
    prompt = {**CHAIN, "4": node("expand", v=1), "5": node("show", value=["4", 0])}
    with StreamBench(classes, mode=StreamMode.ALWAYS) as bench:
        bench.stream(prompt)
    kept = next(value for key, value in LOG.seen.items() if key.startswith("4."))
    assert kept == LOG.files["a"] == [2 * i for i in N]
    assert numbers is not None


def test_the_largest_frames_decide_the_chunk():
    from stream_nodes import IMAGE, one, v1

    wide = v1(
        (IMAGE,),
        {"image": IMAGE},
        one(lambda uid, image: image.repeat_interleave(4, 1).repeat_interleave(4, 2)),
        FRAME_WISE=("image",),
        stream_shape=lambda self, shape: (shape[0] * 4, shape[1] * 4, shape[2]),
    )
    prompt = {"1": node("decode", n=100), "2": node("wide", image=["1", 0]), "3": savev("2")}
    policy = {"mode": StreamMode.ALWAYS, "chunk_frames": None, "budget_bytes": 8 * 12 * 17 * 5}
    with StreamBench({**FUSED, "wide": wide}, **policy) as bench:
        bench.stream(prompt)
        assert [facts.chunk_frames for facts in bench.executor.stream_facts] == [5]
