"""Stream nodes driven by hand: what comes out equals the batch, whatever the chunks; files appear whole or not."""

from __future__ import annotations

import asyncio
import json
from fractions import Fraction

import pytest
import torch
from PIL import Image
from safetensors import safe_open

from comfy_api.input_impl import VideoFromFile
from comfy_api.media.video_stream import VideoFromStream
from comfy_api.media.video_writer import VideoWriter
from comfy_api.stream_readers import TensorImageStream, TensorLatentStream
from comfy_execution.streaming.errors import StreamAborted
from comfy_extras import nodes_image_stream, nodes_latent_stream, nodes_video
from comfy_extras.core.latent_files import read_latent
from comfy_extras.errors import InputFileError, NodeInputError, OutputFileError
from comfy_extras.nodes_upscale_model import ImageUpscaleWithModel

SPLITS = (1, 2, 3, 8, 100)


def pictures(frames=10, height=16, width=24):
    torch.manual_seed(7)
    return torch.rand(frames, height, width, 3)


def run(node, *args, **inputs):
    """The node's function with hidden values as outside of a prompt; generators are stepped to their end."""
    from comfy_api.schema.hidden import HiddenHolder

    hidden = {"PROMPT": {"1": {"class_type": "X"}}, "EXTRA_PNGINFO": {"workflow": {"é": 1}}}
    clone = node.PREPARE_CLASS_CLONE(HiddenHolder.from_types(hidden, node.GET_SCHEMA().hidden))
    function = getattr(clone, inputs.pop("function", "execute"))
    found = function(*args, **inputs)
    if hasattr(found, "send"):
        found = stepped(found)
    return found


def stepped(generator):
    steps = []
    while True:
        try:
            steps.append(next(generator))
        except StopIteration as stop:
            assert all(isinstance(step, int) and step >= 1 for step in steps)
            return stop.value


def first(output):
    return output.args[0] if hasattr(output, "args") else output.result[0]


def drained(stream, chunk):
    stream.reset()
    parts = list(stream.chunks(chunk))
    stream.close()
    ops = stream.frame_ops
    return ops.join(parts) if parts else None


def clip_file(folders, frames=12, name="clip.mkv", audio=None, **options):
    path = str(folders / "input" / name)
    with VideoWriter(path, 24, audio=audio, **{"format": "mkv", **options}) as writer:
        writer.write(pictures(frames))
        writer.finish()
    return path


def leftovers(folders):
    return [path for path in (folders / "output").rglob("*") if path.is_file()]


@pytest.mark.parametrize("chunk", SPLITS)
def test_batches_go_through_streams_unchanged(chunk):
    images = pictures()
    stream = first(run(nodes_image_stream.ImageBatchToStream, images))
    assert torch.equal(first(run(nodes_image_stream.ImageStreamToBatch, stream, chunk)), images)


@pytest.mark.parametrize("chunk", SPLITS)
def test_a_video_file_streams_the_frames_of_the_eager_node(folders, chunk):
    path = clip_file(folders)
    eager = run(nodes_video.GetVideoComponents, VideoFromFile(path))
    stream = first(run(nodes_video.LoadVideoStream, "clip.mkv", 0.0, 0.0, 1, 0))
    assert torch.equal(drained(stream, chunk), first(eager))
    assert torch.equal(drained(stream, chunk), first(eager)), "a second drain gives the same"
    opened = run(nodes_video.GetVideoComponents, VideoFromFile(path), function="open_stream")
    assert torch.equal(drained(first(opened), chunk), first(eager))


def test_spans_steps_and_limits_of_a_video_stream(folders):
    path = clip_file(folders, frames=40, name="clip.mp4", format="mp4")
    whole = VideoFromFile(path).get_components().images
    output = run(nodes_video.LoadVideoStream, "clip.mp4", 0.5, 1.0, 3, 5)
    stream, _, fps = output.result
    assert stream.frame_count == 5
    assert fps == 8.0
    assert torch.equal(drained(stream, 2), whole[12:36:3][:5])


def test_sound_of_a_span_belongs_to_its_frames(folders):
    tone = {"waveform": torch.arange(96_000).float().view(1, 1, -1) / 96_000, "sample_rate": 48_000}
    path = clip_file(folders, frames=48, audio=tone)
    _, audio, _ = run(nodes_video.LoadVideoStream, "clip.mkv", 0.5, 1.0, 1, 0).result
    assert audio["waveform"].shape[-1] == 48_000
    assert abs(float(audio["waveform"][0, 0, 0]) - 0.25) < 1e-3
    assert VideoFromFile(path).get_components().audio["waveform"].shape[-1] == 96_000


@pytest.mark.parametrize("name", ["text.mp4", "../x.mp4", "none.mp4"])
def test_files_that_are_no_videos_name_the_input(folders, name):
    (folders / "input" / "text.mp4").write_text("no video")
    for node, arguments in ((nodes_video.LoadVideo, ()), (nodes_video.LoadVideoStream, (0.0, 0.0, 1, 0))):
        with pytest.raises(InputFileError) as caught:
            run(node, name, *arguments)
        assert caught.value.input_name == "file"


@pytest.mark.parametrize(
    ("format", "codec"),
    [("auto", "auto"), ("webm", "vp9"), ("mkv", "ffv1"), ("mov", "prores"), ("auto", "ffv1")],
)
def test_a_stream_is_saved_as_the_eager_batch_is(folders, format, codec):
    images = pictures()
    output = run(nodes_video.SaveVideoStream, TensorImageStream(images), 24.0, 3, "video/s", format, codec)
    (entry,) = output.ui.as_dict()["images"]
    assert entry["subfolder"] == "video"
    path = folders / "output" / "video" / entry["filename"]
    assert VideoFromFile(str(path)).get_frame_count() == len(images)
    with VideoWriter(str(folders / "eager"), 24, format=format, codec=codec) as writer:
        writer.write(images)
        writer.finish()
    eager = VideoFromFile(str(folders / "eager")).get_components().images
    assert torch.equal(VideoFromFile(str(path)).get_components().images, eager)
    assert leftovers(folders) == [path]


def test_metadata_goes_into_streamed_files(folders):
    import av

    run(nodes_video.SaveVideoStream, TensorImageStream(pictures()), 24.0, 3, "s", "mp4", "auto")
    with av.open(str(folders / "output" / "s_00001_.mp4")) as found:
        assert json.loads(found.metadata["prompt"]) == {"1": {"class_type": "X"}}
        assert json.loads(found.metadata["workflow"]) == {"é": 1}


def test_a_passthrough_saver_hands_frames_on_and_names_its_file_at_the_end(folders):
    images = pictures()
    stream = first(
        run(nodes_video.SavePassthroughVideoStream, TensorImageStream(images), 24.0, "p", "mkv", "auto")
    )
    assert torch.equal(drained(stream, 3), images), "closed without finish: nothing stays"
    assert leftovers(folders) == []
    stream.reset()
    assert torch.equal(torch.cat(list(stream.chunks(4))), images)
    ui = stream.do_finish()
    stream.close()
    assert ui["images"] == [{"filename": "p_00001_.mkv", "subfolder": "", "type": "output"}]
    assert stream.get_preview_ui() == ui
    assert len(leftovers(folders)) == 1


SINKS = [
    lambda stream: run_raw(nodes_video.SaveVideoStream, stream, 24.0, 2, "s", "mkv", "auto"),
    lambda stream: run_raw(nodes_image_stream.SaveImagesStream, stream, "s", "apng", 6.0, True, 80),
    lambda stream: run_raw(nodes_image_stream.SaveImagesStream, stream, "s", "webp", 6.0, True, 80),
]


def run_raw(node, *args):
    from comfy_api.schema.hidden import HiddenHolder

    return node.PREPARE_CLASS_CLONE(HiddenHolder.from_types({}, node.GET_SCHEMA().hidden)).execute(*args)


@pytest.mark.parametrize("sink", SINKS)
def test_a_sink_that_is_aborted_leaves_nothing(folders, sink):
    stream = TensorImageStream(pictures(6))
    running = sink(stream)
    next(running)
    with pytest.raises(StreamAborted):
        running.throw(StreamAborted())
    assert leftovers(folders) == []


@pytest.mark.parametrize("sink", SINKS)
def test_a_stream_without_frames_is_refused_by_name(folders, sink):
    with pytest.raises(NodeInputError) as caught:
        list(sink(TensorImageStream(torch.empty(0, 8, 8, 3))))
    assert caught.value.input_name == "stream"
    assert leftovers(folders) == []


def test_errors_of_sources_are_not_taken_for_the_sinks(folders):
    from comfy_api.stream_generators import image_stream

    def frames():
        yield pictures(2)
        raise OSError(5, "the source's own")

    stream = image_stream(frames)
    with pytest.raises(OSError, match="the source's own") as caught:
        list(run_raw(nodes_video.SaveVideoStream, stream, 24.0, 2, "s", "mkv", "auto"))
    assert not isinstance(caught.value, OutputFileError)


def test_a_folder_that_cannot_be_written_names_the_prefix(folders):
    (folders / "output" / "taken").write_text("a file where a folder should be")
    with pytest.raises(NodeInputError) as caught:
        list(
            run_raw(
                nodes_video.SaveVideoStream, TensorImageStream(pictures()), 24.0, 2, "taken/s", "mkv", "auto"
            )
        )
    assert caught.value.input_name == "filename_prefix"
    with pytest.raises(InputFileError):
        list(
            run_raw(
                nodes_video.SaveVideoStream, TensorImageStream(pictures()), 24.0, 2, "../s", "mkv", "auto"
            )
        )


@pytest.mark.parametrize("fps", [0.0, float("nan"), -1.0])
def test_rates_that_are_none_name_fps(folders, fps):
    for call in (
        lambda: list(
            run_raw(nodes_video.SaveVideoStream, TensorImageStream(pictures()), fps, 2, "s", "mkv", "auto")
        ),
        lambda: run(nodes_video.CreateVideo, pictures(), fps),
        lambda: run(nodes_video.SaveWEBM, pictures(), "s", "vp9", fps, 32.0),
    ):
        with pytest.raises(NodeInputError) as caught:
            call()
        assert caught.value.input_name == "fps"
    assert leftovers(folders) == []


def test_pictures_are_saved_one_by_one(folders):
    images = pictures(12)
    output = run(nodes_image_stream.SaveImagesStream, TensorImageStream(images), "f/p", "png", 6.0, True, 80)
    names = [entry["filename"] for entry in output.ui.as_dict()["images"]]
    assert names == [f"p_{i:05}_.png" for i in range(1, 13)]
    with Image.open(folders / "output" / "f" / names[5]) as found:
        assert found.text["prompt"] == '{"1": {"class_type": "X"}}'
        assert found.size == (24, 16)


@pytest.mark.parametrize("format", ["apng", "webp"])
@pytest.mark.parametrize("channels", [3, 4])
def test_moving_pictures_hold_every_frame(folders, format, channels):
    images = torch.randint(0, 256, (5, 8, 12, channels)).float() / 255
    output = run(nodes_image_stream.SaveImagesStream, TensorImageStream(images), "m", format, 10.0, True, 80)
    shown = output.ui.as_dict()
    assert shown["animated"] == (True,)
    with Image.open(folders / "output" / shown["images"][0]["filename"]) as found:
        assert found.n_frames == 5
        for index in range(5):
            found.seek(index)
            found.load()
            assert found.info["duration"] == 100
            frame = torch.tensor(list(found.convert("RGBA").tobytes())).view(8, 12, 4)
            wanted = (images[index] * 255).int()
            opaque = frame[..., 3] > 0
            assert torch.equal(frame[opaque][:, :3], wanted[..., :3][opaque])
        if format == "webp":
            assert found.getexif()[0x0110] == 'prompt:{"1": {"class_type": "X"}}'


def test_folders_stream_in_natural_order_and_name_what_does_not_fit(folders):
    root = folders / "input" / "seq"
    root.mkdir()
    for number in (1, 2, 10):
        Image.new("RGB", (6, 4), (number, 0, 0)).save(root / f"f{number}.png")
    (root / "notes.txt").write_text("x")
    stream = first(run(nodes_image_stream.LoadImagesStream, "seq", 0, 1, 0))
    found = drained(stream, 2)
    assert (found[:, 0, 0, 0] * 255).round().tolist() == [1, 2, 10]
    Image.new("RGB", (8, 4)).save(root / "f3.png")
    with pytest.raises(InputFileError, match=r"f3\.png"):
        drained(first(run(nodes_image_stream.LoadImagesStream, "seq", 0, 1, 0)), 2)
    for folder in ("..", "none", "/etc"):
        with pytest.raises(InputFileError) as caught:
            run(nodes_image_stream.LoadImagesStream, folder, 0, 1, 0)
        assert caught.value.input_name == "folder"


@pytest.mark.parametrize("chunk", SPLITS)
@pytest.mark.parametrize(("start", "length"), [(0, 0), (3, 4), (8, 9), (0, 1), (20, 0)])
def test_trims_are_slices(chunk, start, length):
    images = pictures()
    stream = first(run(nodes_image_stream.StreamTrim, TensorImageStream(images), start, length))
    wanted = images[start : start + length if length else None]
    found = drained(stream, chunk)
    assert stream.frame_count == len(wanted)
    assert torch.equal(found, wanted) if len(wanted) else found is None


@pytest.mark.parametrize("chunk", SPLITS)
@pytest.mark.parametrize(
    ("source", "fps"), [(24.0, 24.0), (24.0, 12.0), (10.0, 25.0), (30.0, 24.0), (30.0, 1.0)]
)
@pytest.mark.parametrize("blend", [False, True])
def test_rates_follow_time(chunk, source, fps, blend):
    images = pictures()
    stream = first(run(nodes_image_stream.StreamRate, TensorImageStream(images), source, fps, blend))
    found = drained(stream, chunk)
    wanted = []
    step = Fraction(source) / Fraction(fps)
    place = Fraction(0)
    while place < len(images):
        low = int(place)
        high = min(low + 1, len(images) - 1)
        part = float(place - low) if blend else 0.0
        wanted.append(torch.lerp(images[low], images[high], torch.tensor(part)))
        place += step
    assert len(found) == len(wanted) == stream.frame_count
    assert torch.allclose(found, torch.stack(wanted), atol=1e-6)


class TwiceAsLarge(torch.nn.Module):
    scale = 2

    def forward(self, picture):
        return torch.nn.functional.interpolate(picture, scale_factor=2, mode="bilinear")


@pytest.mark.parametrize("chunk", SPLITS)
def test_models_upscale_the_same_for_every_split(chunk):
    images = pictures()
    whole = ImageUpscaleWithModel.upscale_batch(TwiceAsLarge(), images)
    parts = [ImageUpscaleWithModel.upscale_batch(TwiceAsLarge(), part) for part in images.split(chunk)]
    assert whole.shape == (10, 32, 48, 3)
    assert torch.equal(torch.cat(parts), whole)


def test_large_pictures_are_upscaled_in_tiles():
    images = pictures(1, 40, 600)
    found = ImageUpscaleWithModel.upscale_batch(TwiceAsLarge(), images)
    direct = TwiceAsLarge()(images.movedim(-1, 1)).movedim(1, -1)
    assert found.shape == direct.shape
    assert (found - direct).abs().max() < 0.05


def test_videos_over_streams_answer_without_draining_and_save_the_same(folders):
    images = pictures()
    video = VideoFromStream(TensorImageStream(images), Fraction(24))
    assert video.get_dimensions() == (24, 16)
    assert video.get_frame_count() == 10
    assert video.held_streams() == (video.stream,)
    assert video.with_streams([TensorImageStream(images[:2])]).get_frame_count() == 2
    video.save_to(str(folders / "a.mp4"))
    run(nodes_video.SaveVideo, video, "s", "auto", "auto", function="drain_stream")
    with VideoWriter(str(folders / "b.mp4"), 24) as writer:
        writer.write(images)
        writer.finish()
    eager = VideoFromFile(str(folders / "b.mp4")).get_components().images
    for path in (folders / "a.mp4", folders / "output" / "s_00001_.mp4"):
        assert torch.equal(VideoFromFile(str(path)).get_components().images, eager)
    assert torch.equal(video.get_components().images, images)


# ---- latents


@pytest.mark.parametrize("shape", [(7, 4, 3, 5), (1, 4, 7, 3, 5), (2, 4, 6, 3, 5)])
@pytest.mark.parametrize("chunk", SPLITS)
def test_latents_go_through_streams_and_files_unchanged(folders, shape, chunk):
    samples = torch.rand(shape)
    stream = first(run(nodes_latent_stream.LatentBatchToStream, {"samples": samples}))
    back = first(run(nodes_latent_stream.LatentStreamToBatch, stream))
    assert torch.equal(back["samples"], samples)
    assert "item_starts" not in back
    output = run(nodes_latent_stream.SaveLatentStream, TensorLatentStream({"samples": samples}), "l")
    (entry,) = output.ui["latents"]
    path = str(folders / "output" / entry["filename"])
    assert torch.equal(read_latent(path, "l"), samples)
    with safe_open(path, "pt") as found:
        assert json.loads(found.metadata()["workflow"]) == {"é": 1}


def test_latents_of_two_sizes_are_refused_and_leave_nothing(folders):
    from comfy_api.stream_generators import latent_stream

    def frames():
        yield {"samples": torch.rand(8, 4, 3, 5)}
        yield {"samples": torch.rand(8, 4, 3, 6)}

    with pytest.raises(NodeInputError, match="frame 8"):
        list(run_raw(nodes_latent_stream.SaveLatentStream, latent_stream(frames), "l"))
    assert leftovers(folders) == []


@pytest.fixture(scope="module")
def image_vae(request):
    from pathlib import Path

    from safetensors.torch import load_file

    from comfy.vae.autoencoder import VAE

    root = Path(__file__).parent.parent / "data" / "vectors" / "vae_kl_sd1"
    return VAE.from_state_dict(load_file(root / "state.safetensors"))


@pytest.mark.parametrize("chunk", SPLITS)
def test_image_vaes_decode_and_encode_frame_by_frame(image_vae, chunk):
    torch.manual_seed(1)
    samples = torch.randn(5, image_vae.latent_channels, 4, 6)
    single = torch.cat([image_vae.decode(one) for one in samples.split(1)])
    stream = first(run(nodes_image_stream.VAEDecodeStream, {"samples": samples}, image_vae))
    assert stream.get_dimensions() == (48, 32)
    assert stream.frame_count == 5
    assert torch.equal(drained(stream, chunk), single)
    assert (image_vae.decode(samples) - single).abs().max() < 1e-5
    again = first(
        run(nodes_latent_stream.LatentStreamDecode, TensorLatentStream({"samples": samples}), image_vae)
    )
    assert torch.equal(drained(again, chunk), single)
    encoded = first(run(nodes_latent_stream.VAEEncodeStream, TensorImageStream(single), image_vae))
    found = drained(encoded, chunk)["samples"]
    assert torch.equal(found, torch.cat([image_vae.encode(one) for one in single.split(1)]))


@pytest.fixture(scope="module")
def video_vae():
    from pathlib import Path

    from safetensors.torch import load_file

    from comfy.vae.autoencoder import VAE

    root = Path(__file__).parent.parent / "data" / "vectors" / "wan21_vae"
    return VAE.from_state_dict(load_file(root / "state.safetensors"))


@pytest.mark.parametrize("chunk", SPLITS)
@pytest.mark.parametrize("items", [1, 2])
def test_video_vaes_decode_and_encode_piece_by_piece(video_vae, chunk, items):
    torch.manual_seed(1)
    samples = torch.randn(items, 16, 4, 3, 2)
    eager = video_vae.decode(samples).flatten(0, 1)
    stream = first(run(nodes_image_stream.VAEDecodeStream, {"samples": samples}, video_vae))
    assert stream.frame_count == items * 13
    assert stream.get_dimensions() == (16, 24)
    assert torch.equal(drained(stream, chunk), eager)
    assert torch.equal(drained(stream, chunk), eager), "a second drain gives the same"
    latents = TensorLatentStream({"samples": samples})
    again = first(run(nodes_latent_stream.LatentStreamDecode, latents, video_vae))
    assert torch.equal(drained(again, chunk), eager)
    encoded = first(run(nodes_latent_stream.VAEEncodeStream, TensorImageStream(eager[:13]), video_vae))
    assert torch.equal(drained(encoded, chunk)["samples"], video_vae.encode(eager[:13]))


def test_latents_are_emitted_while_they_come_and_the_last_part_says_so():
    from codec_transport.channel import channels
    from comfy_extras.nodes_codec import EmitLatents

    samples = torch.rand(20, 4, 3, 5)
    heard = []
    channels.listen("", "here", heard.append)
    try:
        running = EmitLatents.drain_stream(TensorLatentStream({"samples": samples}), "", "raw", 24.0, "here")
        next(running)
        assert heard == []
        next(running)
        assert len(heard) == 1
        output = stepped(running)
    finally:
        channels.forget("", "here")
    assert torch.equal(torch.cat([part.samples for part in heard]), samples)
    assert [part.is_last for part in heard] == [False] * (len(heard) - 1) + [True]
    assert output.ui["codec_latents"][0]["num_frames"] == 20
    assert output.ui["codec_latents"][0]["shape"] == "4x3x5"


def test_a_listener_that_is_gone_ends_this_sink_only():
    from codec_transport.channel import channels
    from codec_transport.errors import ListenerGoneError
    from comfy_api.streams import ConsumerGone
    from comfy_extras.nodes_codec import EmitLatents

    def gone(part):
        raise ListenerGoneError("p", "gone")

    channels.listen("", "gone", gone)
    try:
        with pytest.raises(ConsumerGone):
            list(
                EmitLatents.drain_stream(
                    TensorLatentStream({"samples": torch.rand(9, 4, 3, 5)}), "", "raw", 0.0, "gone"
                )
            )
    finally:
        channels.forget("", "gone")


def test_every_stream_node_is_listed():
    names = set()
    for module in (nodes_image_stream, nodes_latent_stream, nodes_video):
        extension = asyncio.run(module.comfy_entrypoint())
        names |= {node.GET_SCHEMA().node_id for node in asyncio.run(extension.get_node_list())}
    assert {
        "VAEDecodeStream",
        "StreamRate",
        "SaveLatentStream",
        "SavePassthroughVideoStream",
        "SaveVideo",
    } <= names
