"""Sound files: every format gives back what was saved, metadata inside, errors by name."""

from __future__ import annotations

import math

import pytest
import torch

from comfy_api.latest import io, ui
from comfy_api.media.audio_files import read_audio_file
from comfy_extras.errors import InputFileError, NodeInputError
from comfy_extras.nodes_audio import LoadAudio, PreviewAudio, SaveAudio, SaveAudioMP3, SaveAudioOpus


def tone(seconds=0.5, rate=44_100, channels=2, items=1):
    wave = 0.5 * torch.sin(2 * math.pi * 440 * torch.arange(round(seconds * rate)) / rate)
    return {"waveform": wave.expand(items, channels, -1).clone(), "sample_rate": rate}


@pytest.mark.parametrize(
    ("node", "quality", "rate"),
    [
        (SaveAudio, None, 44_100),
        (SaveAudioMP3, "V0", 44_100),
        (SaveAudioMP3, "128k", 44_100),
        (SaveAudioOpus, "96k", 48_000),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_what_was_saved_is_heard_again(folders, node, quality, rate, channels):
    audio = tone(channels=channels)
    more = {} if quality is None else {"quality": quality}
    shown = node().save(audio, "a/s", prompt={"1": {}}, extra_pnginfo={"workflow": {}}, **more)
    (entry,) = shown["ui"]["audio"]
    path = folders / "output" / entry["subfolder"] / entry["filename"]
    found = read_audio_file(str(path))
    assert found["sample_rate"] == rate
    assert found["waveform"].shape[:2] == (1, channels)
    assert abs(found["waveform"].shape[-1] / rate - 0.5) < 0.06
    level = found["waveform"][0, 0, rate // 10 : rate // 3].pow(2).mean().sqrt()
    assert 0.33 < level < 0.38  # a sine of 0.5: 0.354
    if node is SaveAudio:
        assert (found["waveform"] - audio["waveform"]).abs().max() < 1e-4


def test_metadata_is_inside(folders):
    import av

    for node, suffix in ((SaveAudio, "flac"), (SaveAudioMP3, "mp3"), (SaveAudioOpus, "opus")):
        node().save(tone(), suffix, prompt={"1": {"class_type": "X"}})
        with av.open(str(folders / "output" / f"{suffix}_00001_.{suffix}")) as found:
            metadata = {**found.metadata, **found.streams.audio[0].metadata}
            assert {key.lower(): value for key, value in metadata.items()}[
                "prompt"
            ] == '{"1": {"class_type": "X"}}'


def test_batches_give_a_file_each_and_previews_go_to_temp(folders):
    shown = SaveAudio().save(tone(items=3), "b")
    assert [entry["filename"] for entry in shown["ui"]["audio"]] == [f"b_0000{i}_.flac" for i in (1, 2, 3)]
    (entry,) = PreviewAudio().preview(tone())["ui"]["audio"]
    assert entry["type"] == "temp"
    assert (folders / "temp" / entry["filename"]).is_file()


def test_loading_takes_sound_and_video_files_and_names_what_is_neither(folders):
    SaveAudio().save(tone(), "x")
    (folders / "output" / "x_00001_.flac").rename(folders / "input" / "x.flac")
    (folders / "input" / "bad.flac").write_text("no sound")
    assert LoadAudio.INPUT_TYPES()["required"]["audio"][0] == ["bad.flac", "x.flac"]
    (audio,) = LoadAudio().load("x.flac")
    assert audio["waveform"].shape == (1, 2, 22_050)
    for name in ("bad.flac", "none.flac", "../x.flac"):
        with pytest.raises(InputFileError) as caught:
            LoadAudio().load(name)
        assert caught.value.input_name == "audio"


@pytest.mark.parametrize(
    "audio", [None, {}, {"waveform": torch.zeros(1, 2), "sample_rate": 8_000}, tone(0.0)]
)
def test_what_is_no_sound_is_refused_and_leaves_nothing(folders, audio):
    with pytest.raises(NodeInputError) as caught:
        SaveAudio().save(audio, "n")
    assert caught.value.input_name == "audio"
    assert not list((folders / "output").rglob("*.*"))


def test_packs_save_and_show_through_the_interface(folders):
    saved = ui.AudioSaveHelper.save_audio(tone(), "p", io.FolderType.output, None, "mp3", "128k")
    assert (folders / "output" / saved[0].filename).is_file()
    assert (
        ui.AudioSaveHelper.get_save_audio_ui(tone(), "q", None).as_dict()["audio"][0]["filename"]
        == "q_00001_.flac"
    )
    assert ui.PreviewAudio(tone()).as_dict()["audio"][0]["type"] == "temp"
