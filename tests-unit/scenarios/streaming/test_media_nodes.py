"""The real stream nodes on the real engine: files, frames and sound as the eager nodes make them, whatever happens."""

from __future__ import annotations

import asyncio
import errno
import io
import threading
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from stream_bench import StreamBench, node

import folder_paths
from comfy import interruption
from comfy.vae.autoencoder import VAE
from comfy_api.adapters import describe
from comfy_api.input_impl import VideoFromFile
from comfy_api.media import saving
from comfy_api.media.video_writer import VideoWriter
from comfy_execution.registry import Registry
from comfy_execution.streaming.policy import StreamMode
from comfy_extras.loading import load_builtin_nodes

FRAMES = 30
VECTORS = Path(__file__).parents[2] / "data" / "vectors"


@pytest.fixture(scope="module")
def classes():
    registry = Registry(describe)
    asyncio.run(load_builtin_nodes(registry))
    return dict(registry.classes)


@pytest.fixture
def folders(tmp_path):
    before = (folder_paths.base_path, folder_paths.models_dir)
    folder_paths.configure(str(tmp_path))
    for name in ("input", "output", "temp"):
        (tmp_path / name).mkdir()
    torch.manual_seed(5)
    tone = torch.sin(torch.arange(60_000) / 20).view(1, 1, -1).repeat(1, 2, 1) * 0.5
    with VideoWriter(
        str(tmp_path / "input" / "clip.mkv"),
        24,
        format="mkv",
        audio={"waveform": tone, "sample_rate": 48_000},
    ) as writer:
        writer.write(torch.rand(FRAMES, 32, 48, 3))
        writer.finish()
    yield tmp_path
    folder_paths.configure(*before)


def load(**more):
    inputs = {
        "file": "clip.mkv",
        "start_time": 0.0,
        "duration": 0.0,
        "frame_step": 1,
        "max_frames": 0,
        **more,
    }
    return node("LoadVideoStream", **inputs)


def save(stream, prefix="s", format="mkv", **more):
    inputs = {"stream": stream, "fps": ["1", 2], "chunk_size": 8, "filename_prefix": prefix, "format": format}
    return node("SaveVideoStream", codec="auto", **inputs, **more)


def files(folders):
    return sorted(str(path.relative_to(folders / "output")) for path in (folders / "output").rglob("*.*"))


def frames_of(path):
    return VideoFromFile(str(path)).get_components().images


def test_a_file_is_read_shown_saved_on_the_way_cut_and_saved_again(folders, classes):
    with StreamBench(classes) as bench:
        bench.stream(
            {
                "1": load(),
                "2": node("PreviewImageStream", stream=["1", 0]),
                "3": node(
                    "SavePassthroughVideoStream", stream=["2", 0], fps=["1", 2], filename_prefix="v/pass",
                    format="mkv", codec="auto", audio=["1", 1],
                ),
                "4": node("StreamTrim", stream=["3", 0], start=4, length=10),
                "5": save(["4", 0], "v/cut", audio=["1", 1]),
                "6": node(
                    "SaveImagesStream", stream=["3", 0], filename_prefix="p", format="png", fps=6.0,
                    lossless=True, quality=80,
                ),
            }
        )  # fmt: skip
    source = frames_of(folders / "input" / "clip.mkv")
    assert torch.equal(frames_of(folders / "output/v/pass_00001_.mkv"), source)
    assert torch.equal(frames_of(folders / "output/v/cut_00001_.mkv"), source[4:14])
    assert files(folders) == [
        *(f"p_{i:05}_.png" for i in range(1, FRAMES + 1)), "v/cut_00001_.mkv", "v/pass_00001_.mkv",
    ]  # fmt: skip
    sound = [VideoFromFile(str(path)).get_components().audio["waveform"] for path in
             (folders / "input/clip.mkv", folders / "output/v/pass_00001_.mkv")]  # fmt: skip
    assert torch.equal(sound[0][..., : sound[1].shape[-1]], sound[1])
    outputs = bench.history["outputs"]
    assert outputs["3"]["images"] == [{"filename": "pass_00001_.mkv", "subfolder": "v", "type": "output"}]
    assert outputs["2"]["images"][0]["type"] == "temp"
    assert len(outputs["6"]["images"]) == FRAMES


WORKFLOW = {
    "1": node("LoadVideo", file="clip.mkv"),
    "2": node("GetVideoComponents", video=["1", 0]),
    "3": node("ImageScale", image=["2", 0], upscale_method="bicubic", width=64, height=40, crop="disabled"),
    "4": node("ImageInvert", image=["3", 0]),
    "5": node("CreateVideo", images=["4", 0], fps=["2", 2], audio=["2", 1]),
    "6": node("SaveVideo", video=["5", 0], filename_prefix="w", format="auto", codec="auto"),
}


def test_a_stored_workflow_streams_by_itself_and_writes_the_same_file(folders, classes):
    for mode in (StreamMode.NEVER, StreamMode.ALWAYS):
        with StreamBench(classes, mode=mode) as bench:
            bench.stream(WORKFLOW)
            streamed = {node_id for facts in bench.executor.stream_facts for node_id in facts.node_ids}
            assert streamed == (set() if mode is StreamMode.NEVER else {"2", "3", "4", "5", "6"})
    eager, streamed = (
        VideoFromFile(str(folders / f"output/w_0000{i}_.mp4")).get_components() for i in (1, 2)
    )
    assert eager.images.shape == (FRAMES, 40, 64, 3)
    assert torch.equal(eager.images, streamed.images)
    assert torch.equal(eager.audio["waveform"], streamed.audio["waveform"])
    assert eager.frame_rate == streamed.frame_rate == 24


class Latents:
    """A latent of several frames and the small VAE that decodes it."""

    RETURN_TYPES = ("LATENT", "VAE")
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"family": ("STRING", {})}}

    def run(self, family):
        weights = load_file(VECTORS / family / "state.safetensors")
        shape = (2, 16, 3, 3, 4) if family == "wan21_vae" else (5, 4, 6, 8)
        samples = torch.randn(shape, generator=torch.Generator().manual_seed(2))
        return {"samples": samples}, VAE.from_state_dict(weights)


@pytest.mark.parametrize(("family", "frames"), [("vae_kl_sd1", 5), ("wan21_vae", 18)])
def test_decoding_streams_by_itself_and_saves_the_same_pictures(folders, classes, family, frames):
    prompt = {
        "1": node("Latents", family=family),
        "2": node("VAEDecode", samples=["1", 0], vae=["1", 1]),
        "3": node("ImageScaleBy", image=["2", 0], upscale_method="lanczos", scale_by=1.5),
        "4": node("SaveImage", images=["3", 0], filename_prefix="d"),
        "5": node("PreviewImage", images=["2", 0]),
    }
    for mode in (StreamMode.NEVER, StreamMode.ALWAYS):
        with StreamBench({**classes, "Latents": Latents}, mode=mode) as bench:
            bench.stream(prompt)
            regions = [set(facts.node_ids) for facts in bench.executor.stream_facts]
            assert regions == ([] if mode is StreamMode.NEVER else [{"2", "3", "4", "5"}])
            assert len(bench.history["outputs"]["5"]["images"]) == frames
    saved = files(folders)
    assert len(saved) == 2 * frames
    contents = [(folders / "output" / name).read_bytes() for name in saved]
    pixels = [Image.open(io.BytesIO(content)).tobytes() for content in contents]
    assert pixels[:frames] == pixels[frames:]


class RaisesAtFrame:
    """An interposer that breaks in the middle."""

    RETURN_TYPES = ("IMAGE_STREAM",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"stream": ("IMAGE_STREAM",)}}

    def run(self, stream):
        from comfy_api.stream_generators import image_stream

        def frames():
            for number, chunk in enumerate(stream.chunks(2)):
                if number == 5:
                    raise RuntimeError("frame 10 is broken")
                yield chunk

        return (image_stream(frames, sources=[stream]),)


@pytest.mark.parametrize("format", ["mp4", "webm", "mkv", "mov"])
def test_an_error_in_the_middle_leaves_no_file_and_names_its_node(folders, classes, format):
    (folders / "output" / f"s_00001_.{format}").write_bytes(b"earlier")
    with StreamBench({**classes, "Breaks": RaisesAtFrame}) as bench:
        error = bench.stream(
            {"1": load(), "2": node("Breaks", stream=["1", 0]), "3": save(["2", 0], format=format)}, ok=False
        )
        assert error["node_id"] == "2"
        assert error["exception_message"].startswith("frame 10 is broken")
        assert files(folders) == [f"s_00001_.{format}"]
        assert (folders / "output" / f"s_00001_.{format}").read_bytes() == b"earlier"
        bench.stream({"1": load(), "3": save(["1", 0], format=format)})
    assert (folders / "output" / f"s_00002_.{format}").stat().st_size > 100


class InterruptsAtFrame(RaisesAtFrame):
    """Asks for an interrupt in the middle."""

    def run(self, stream):
        from comfy_api.stream_generators import image_stream

        def frames():
            for number, chunk in enumerate(stream.chunks(2)):
                if number == 5:
                    interruption.interrupt_current_processing()
                yield chunk

        return (image_stream(frames, sources=[stream]),)


def test_an_interrupt_in_the_middle_leaves_no_file(folders, classes):
    with StreamBench({**classes, "Stops": InterruptsAtFrame}) as bench:
        bench.stream({"1": load(), "2": node("Stops", stream=["1", 0]), "3": save(["2", 0])}, ok=False)
        assert bench.history["status"]["messages"][-1][0] == "execution_interrupted"
        assert files(folders) == []
        bench.stream({"1": load(), "3": save(["1", 0])})
    assert files(folders) == ["s_00001_.mkv"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("node ")]


def test_a_full_disk_names_the_saver_and_its_prefix(folders, classes, monkeypatch):
    class Full(io.FileIO):
        def write(self, content):
            if self.tell() + len(content) > 20_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(content)

    monkeypatch.setattr(saving, "open_output", lambda path: Full(path, "w+b"))
    with StreamBench(classes) as bench:
        error = bench.stream({"1": load(), "3": save(["1", 0])}, ok=False)
    assert error["node_id"] == "3"
    assert error["exception_type"].endswith("OutputFileError")
    assert "filename_prefix" in error["exception_message"]
    assert "No space left" in error["exception_message"]
    assert files(folders) == []


def test_a_file_that_is_damaged_further_in_names_the_loader_and_the_frame(folders, classes):
    path = folders / "input" / "bad.mp4"
    with VideoWriter(str(path), 24) as writer:
        writer.write(torch.rand(FRAMES, 32, 48, 3))
        writer.finish()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = b"\xff" * 4000
    path.write_bytes(content)
    with StreamBench(classes) as bench:
        error = bench.stream({"1": load(file="bad.mp4"), "3": save(["1", 0])}, ok=False)
    assert error["node_id"] == "1"
    assert error["exception_message"].startswith("file - 'bad.mp4' is damaged at frame ")
    assert files(folders) == []


def test_two_sinks_with_one_prefix_do_not_collide(folders, classes):
    with StreamBench(classes) as bench:
        bench.stream({"1": load(), "2": save(["1", 0]), "3": save(["1", 0])})
    assert files(folders) == ["s_00001_.mkv", "s_00002_.mkv"]
