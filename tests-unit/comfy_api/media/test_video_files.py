"""Videos written and read back: every container, sound in step, spans, odd sizes, times, damage and full disks."""

from __future__ import annotations

import errno
import io
import math
import resource
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from comfy_api.errors import MediaError
from comfy_api.input_impl import VideoFromComponents, VideoFromFile, VideoFromList
from comfy_api.latest import InputImpl, Types
from comfy_api.media import saving
from comfy_api.media.video_formats import CONTAINERS, exact_rate, video_format
from comfy_api.media.video_reader import FrameReader
from comfy_api.media.video_writer import VideoWriter


def clip(frames=6, height=32, width=48, seed=0):
    """Smooth colour ramps that move: codecs keep them within a few levels."""
    x = torch.linspace(0, 1, width).view(1, 1, width)
    y = torch.linspace(0, 1, height).view(1, height, 1)
    t = torch.arange(frames, dtype=torch.float32).view(frames, 1, 1) / max(1, frames - 1)
    planes = [
        x.expand(frames, height, width),
        y.expand(frames, height, width),
        t.expand(frames, height, width),
    ]
    return torch.stack(planes, dim=-1).clone()


def tone(seconds, rate=48_000, channels=2):
    time = torch.arange(round(seconds * rate)) / rate
    wave = 0.5 * torch.sin(2 * math.pi * 440 * time)
    return {"waveform": wave.expand(1, channels, -1).clone(), "sample_rate": rate}


def written(path, images, rate=Fraction(24), chunk=4, **options):
    with VideoWriter(str(path), rate, **options) as writer:
        for start in range(0, len(images), chunk):
            writer.write(images[start : start + chunk])
        writer.finish()
    return str(path)


@pytest.mark.parametrize(
    ("container", "codec", "tolerance"),
    [
        ("mp4", "h264", 0.08),
        ("webm", "vp9", 0.08),
        ("mkv", "ffv1", 1 / 255 / 2 + 1e-6),
        ("mov", "prores", 0.04),
        ("mkv", "h264", 0.08),
    ],
)
def test_every_container_gives_back_its_frames_and_sound(tmp_path, container, codec, tolerance):
    images = clip(12)
    path = written(tmp_path / f"a.{container}", images, format=container, codec=codec, audio=tone(0.5))
    found = VideoFromFile(path).get_components()
    assert found.images.shape == images.shape
    assert found.images.dtype == torch.float32
    assert (found.images - images).abs().max() <= tolerance
    assert found.frame_rate == 24
    assert found.audio["sample_rate"] == 48_000
    heard = found.audio["waveform"]
    assert abs(heard.shape[-1] - 24_000) <= 2_100  # codecs pad to their block
    assert 0.3 < heard[0, 0, 4_000:20_000].pow(2).mean().sqrt() < 0.4  # a sine of 0.5: 0.354


def test_lossless_frames_are_equal_bit_for_bit(tmp_path):
    images = torch.randint(0, 256, (5, 17, 23, 3)).float() / 255
    found = VideoFromFile(written(tmp_path / "a.mkv", images, format="mkv")).get_components().images
    assert torch.equal((found * 255).round(), (images * 255).round())


def test_colours_survive_in_tagged_files(tmp_path):
    images = torch.tensor([200, 30, 90]).float().div(255).expand(3, 32, 32, 3)
    found = VideoFromFile(written(tmp_path / "a.mp4", images)).get_components().images
    assert (found - images).abs().max() < 4 / 255


@pytest.mark.parametrize("chunk", [1, 3, 8, 13])
def test_bytes_do_not_depend_on_how_frames_were_cut(tmp_path, chunk):
    images = clip(13)
    whole = written(tmp_path / "whole.mp4", images, chunk=13, audio=tone(1))
    cut = written(tmp_path / "cut.mp4", images, chunk=chunk, audio=tone(1))
    assert Path(whole).read_bytes() == Path(cut).read_bytes()


@pytest.mark.parametrize(
    ("container", "frames", "width"), [("mov", 4, 50), ("mp4", 13, 96), ("mp4", 13, 336)]
)
def test_a_file_is_the_same_on_every_run_for_any_width(tmp_path, container, frames, width):
    images = clip(frames, width=width, height=64)
    contents = {
        Path(written(tmp_path / f"{i}.{container}", images, format=container)).read_bytes() for i in range(12)
    }
    assert len(contents) == 1


@pytest.mark.parametrize("container", ["mkv", "mov"])
def test_frames_of_intra_codecs_are_on_disk_when_the_next_one_comes(tmp_path, container):
    path = tmp_path / f"a.{container}"
    with VideoWriter(str(path), 24, format=container) as writer:
        sizes = []
        for frame in torch.rand(4, 64, 64, 3).split(1):
            writer.write(frame)
            sizes.append(path.stat().st_size)
    assert sizes[0] > 0
    assert sizes[0] < sizes[1] < sizes[2] < sizes[3]


@pytest.mark.parametrize("side", [1, 3])
@pytest.mark.parametrize("container", ["mp4", "webm", "mkv", "mov"])
def test_tiny_pictures_are_written(tmp_path, container, side):
    found = VideoFromFile(written(tmp_path / "a", torch.rand(2, side, side, 3), format=container))
    assert found.get_components().images.shape[0] == 2


def test_pictures_too_small_for_av1_name_the_codec(tmp_path):
    with pytest.raises(MediaError) as caught:
        written(tmp_path / "a.webm", clip(2, height=16), format="webm", codec="av1")
    assert caught.value.source == "codec"


def test_odd_sides_grow_by_a_repeated_row_and_column_where_the_pixels_need_it(tmp_path):
    images = clip(3, height=33, width=47)
    found = VideoFromFile(written(tmp_path / "a.mp4", images)).get_components().images
    assert found.shape == (3, 34, 48, 3)
    assert (found[:, :33, :47] - images).abs().max() < 0.08


def test_fractions_of_ntsc_come_back_exactly_through_a_float(tmp_path):
    path = written(tmp_path / "a.mp4", clip(4), rate=Fraction(30_000, 1001))
    rate = VideoFromFile(path).get_frame_rate()
    assert rate == Fraction(30_000, 1001)
    assert exact_rate(float(rate)) == rate


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), "x", None])
def test_frame_rates_that_are_none_are_refused_by_name(rate):
    with pytest.raises(MediaError) as caught:
        exact_rate(rate)
    assert caught.value.source == "fps"


def test_names_that_do_not_fit_say_which(tmp_path):
    with pytest.raises(MediaError) as caught:
        video_format("webm", "h264")
    assert caught.value.source == "codec"
    with pytest.raises(MediaError) as caught:
        video_format("avi")
    assert caught.value.source == "format"
    assert video_format("auto", "ffv1").container is CONTAINERS["mkv"]


def test_a_video_without_frames_and_frames_of_two_sizes_are_refused(tmp_path):
    with VideoWriter(str(tmp_path / "a.mp4"), 24) as writer, pytest.raises(MediaError, match="no"):
        writer.finish()
    with (
        VideoWriter(str(tmp_path / "b.mp4"), 24) as writer,
        pytest.raises(MediaError, match="frame 1 is 16x32"),
    ):
        writer.write(clip(1))
        writer.write(clip(1, height=32, width=16))


def test_metadata_is_found_where_clients_look(tmp_path):
    import av

    text = {"prompt": '{"1": "\\u00e9"}', "workflow": {"nodes": []}}
    for container, keys in (("mp4", ("prompt", "workflow")), ("webm", ("PROMPT", "WORKFLOW"))):
        path = written(tmp_path / f"a.{container}", clip(2), format=container, metadata=text)
        with av.open(path) as found:
            assert found.metadata[keys[0]] == '{"1": "\\u00e9"}'
            assert found.metadata[keys[1]] == '{"nodes": []}'


def test_spans_start_and_end_at_the_frame_of_their_time(tmp_path):
    images = clip(48)
    path = written(tmp_path / "a.mp4", images, audio=tone(2), codec_options={"g": "12"})
    span = VideoFromFile(path).as_trimmed(0.5, 1.0)
    found = span.get_components()
    assert found.images.shape[0] == 24 == span.get_frame_count()
    assert (found.images - images[12:36]).abs().max() < 0.06
    assert found.audio["waveform"].shape[-1] == 48_000
    assert span.get_active_trim_window() == (0.5, 1.0)
    inner = span.as_trimmed(0.25, 0.25)
    assert (inner.get_components().images - images[18:24]).abs().max() < 0.06
    assert VideoFromFile(path).as_trimmed(3.0) is None
    assert VideoFromFile(path).as_trimmed(1.5, 1.0, strict_duration=True) is None


def test_stepping_reads_every_nth_frame_and_stops_at_the_limit(tmp_path):
    images = clip(20)
    path = written(tmp_path / "a.mkv", images, format="mkv")
    reader = FrameReader(path, step=3, max_frames=5)
    try:
        found = torch.cat([reader.read(2), reader.read(2), reader.read(2)])
        assert len(reader.read(2)) == 0
    finally:
        reader.close()
    assert torch.equal(found, VideoFromFile(path).get_components().images[0:15:3])


def variable_rate_file(path, times_ms):
    """One grey level per frame; frame k stands at times_ms[k]."""
    import av

    with av.open(path, "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "bgr0"
        stream.codec_context.time_base = Fraction(1, 1000)
        for k, time in enumerate(times_ms):
            level = torch.full((16, 16, 3), 10 * k, dtype=torch.uint8)
            frame = av.VideoFrame.from_ndarray(level.numpy(), format="rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_variable_rates_are_laid_onto_a_constant_one(tmp_path):
    path = str(tmp_path / "a.mkv")
    times = [0, 40, 80, 120, 320, 360, 400, 440]
    variable_rate_file(path, times)
    video = VideoFromFile(path)
    rate, images = video.get_frame_rate(), video.get_components().images
    levels = (images[:, 0, 0, 0] * 255).round().int().tolist()
    for index, level in enumerate(levels):
        shown = max(k for k, time in enumerate(times) if round(time * rate / 1000) <= index)
        assert level == 10 * shown
    assert abs(len(levels) / rate - Fraction(480, 1000)) < Fraction(1, 10)


def test_damage_is_reported_with_the_file(tmp_path):
    path = written(tmp_path / "a.mp4", clip(30))
    content = Path(path).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.mp4").write_text("no video")
    for name in ("cut.mp4", "text.mp4", "missing.mp4"):
        with pytest.raises(MediaError) as caught:
            VideoFromFile(str(tmp_path / name)).get_components()
        assert caught.value.source.endswith(name)


def test_files_are_copied_not_encoded_again_where_nothing_changes(tmp_path):
    path = written(tmp_path / "a.mp4", clip(10), audio=tone(0.4))
    VideoFromFile(path).save_to(str(tmp_path / "b.mp4"), metadata={"prompt": {"1": 2}})
    first, second = (VideoFromFile(str(tmp_path / name)).get_components() for name in ("a.mp4", "b.mp4"))
    assert torch.equal(first.images, second.images)
    assert torch.equal(first.audio["waveform"], second.audio["waveform"])


def test_a_webm_saved_as_mp4_is_encoded(tmp_path):
    path = written(tmp_path / "a.webm", clip(5), format="webm")
    target = str(tmp_path / "b.mp4")
    VideoFromFile(path).save_to(target)
    assert VideoFromFile(target).facts.codec == "h264"


def test_buffers_work_like_files():
    video = VideoFromComponents(
        Types.VideoComponents(images=clip(5), frame_rate=Fraction(10), audio=tone(0.5))
    )
    again = InputImpl.VideoFromFile(video.get_stream_source())
    assert again.get_frame_count() == 5
    assert again.get_dimensions() == (48, 32) == video.get_dimensions()
    assert again.get_duration() == pytest.approx(0.5, abs=0.05)
    assert again.get_container_format().startswith("mov,mp4")


def test_a_file_in_three_steps_is_the_file_in_one(tmp_path):
    images, sound = clip(9), tone(0.4)
    video = VideoFromComponents(Types.VideoComponents(images=images, frame_rate=Fraction(24), audio=sound))
    video.save_to(str(tmp_path / "one.mp4"))
    state = video.save_start(str(tmp_path / "three.mp4"))
    assert state[3:] == (48_000, Fraction(24))
    for part in images.split(4):
        video.save_add(state[0], state[1], part)
    video.save_finalize(*state)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "three.mp4").read_bytes()


def test_lists_of_videos_play_one_after_another():
    parts = [
        VideoFromComponents(
            Types.VideoComponents(images=clip(n), frame_rate=Fraction(8), audio=tone(n / 8 + 0.3))
        )
        for n in (4, 2)
    ]
    joined = VideoFromList(parts).get_components()
    assert len(joined.images) == 6
    assert joined.audio["waveform"].shape[-1] == 36_000


def test_crops_and_spans_of_tensors():
    video = VideoFromComponents(Types.VideoComponents(images=clip(8), frame_rate=Fraction(8), audio=tone(1)))
    assert video.as_cropped(8, 4, 16, 100).get_components().images.shape == (8, 28, 16, 3)
    span = video.as_trimmed(0.25, 0.5).get_components()
    assert torch.equal(span.images, clip(8)[2:6])
    assert span.audio["waveform"].shape[-1] == 24_000


def test_ten_bits_are_written_and_read(tmp_path):
    video = VideoFromComponents(Types.VideoComponents(images=clip(3), frame_rate=Fraction(8)))
    video.save_to(str(tmp_path / "a.mp4"), bit_depth=10)
    assert VideoFromFile(str(tmp_path / "a.mp4")).get_bit_depth() == 10


class FullDisk(io.FileIO):
    room = 3_000

    def write(self, content):
        if self.tell() + len(content) > self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(content)


@pytest.mark.parametrize("room", [0, 100, 3_000, 7_000])
def test_a_full_disk_is_an_os_error_whenever_it_fills(tmp_path, monkeypatch, room):
    monkeypatch.setattr(FullDisk, "room", room)
    monkeypatch.setattr(saving, "open_output", lambda path: FullDisk(path, "w+b"))
    images = torch.rand(30, 32, 32, 3)
    with pytest.raises(OSError) as caught:
        written(tmp_path / "a.mkv", images, format="mkv")
    assert caught.value.errno == errno.ENOSPC


def test_a_file_size_limit_is_an_os_error(tmp_path):
    code = (
        "import resource, torch, sys\n"
        "from comfy_api.media.video_writer import VideoWriter\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "writer = VideoWriter(sys.argv[1], 24, format='mkv')\n"
        "try:\n"
        "    writer.write(torch.rand(30, 32, 32, 3)); writer.finish()\n"
        "except OSError as error:\n"
        "    writer.abort(); print(error.errno)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.mkv")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert int(ran.stdout) == errno.EFBIG
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 4096


def test_what_reads_videos_is_imported_when_the_first_one_is_read():
    code = "import sys, comfy_api.latest, comfy_api.input_impl; print({'av', 'torch'} & {*sys.modules})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "set()"
