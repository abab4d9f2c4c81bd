"""Sound that nodes save or show: `AudioSaveHelper` and `PreviewAudio`."""

from __future__ import annotations

from typing import Any

from comfy_api.media import saving
from comfy_api.media.audio_files import write_audio
from comfy_api.media.values import AudioInput
from comfy_api.media.video_audio import checked_audio
from comfy_api.schema.choices import FolderType
from comfy_api.schema.node import ComfyNode
from comfy_api.schema.saved import SavedAudios, SavedResult, metadata_of, temp_prefix


class AudioSaveHelper:
    """Saves sounds. `audio` holds a waveform (b,channels,samples); `cls` is the running node, for its metadata."""

    @staticmethod
    def save_audio(
        audio: AudioInput,
        filename_prefix: str,
        folder_type: FolderType,
        cls: type[ComfyNode] | None,
        format: str = "flac",
        quality: str = "128k",
    ) -> list[SavedResult]:
        """One file per sound of the batch, as flac, mp3 or opus. Raises: MediaError; OSError of the files."""
        kind = FolderType(folder_type).value
        return [
            SavedResult(name, subfolder, kind)
            for name, subfolder in save_sounds(
                audio, filename_prefix, kind, format, quality, metadata_of(cls)
            )
        ]

    @staticmethod
    def get_save_audio_ui(
        audio: AudioInput,
        filename_prefix: str,
        cls: type[ComfyNode] | None,
        format: str = "flac",
        quality: str = "128k",
    ) -> SavedAudios:
        """Saves to the output folder, ready for `ui=`."""
        saved = AudioSaveHelper.save_audio(audio, filename_prefix, FolderType.output, cls, format, quality)
        return SavedAudios(saved)


class PreviewAudio:
    """Plays sounds from the temp folder."""

    def __init__(self, audio: AudioInput, cls: type[ComfyNode] | None = None, **_: Any) -> None:
        self.values = AudioSaveHelper.save_audio(audio, temp_prefix(), FolderType.temp, cls)

    def as_dict(self) -> dict[str, Any]:
        """{"audio": [...]}."""
        return {"audio": self.values}


def save_sounds(
    audio: AudioInput, prefix: str, folder_type: str, format: str, quality: str, text: dict[str, str]
) -> list[tuple[str, str]]:
    """Writes every sound of a batch under a counted name; gives (file name, subfolder) of each. Raises: MediaError."""
    checked_audio(audio)
    saved = []
    for index in range(len(audio["waveform"])):
        one: AudioInput = {
            "waveform": audio["waveform"][index : index + 1],
            "sample_rate": audio["sample_rate"],
        }
        numbered = prefix.replace("%batch_num%", str(index))
        with saving.counted_output(numbered, folder_type, f".{format}") as out:
            write_audio(out.temporary, one, format, quality, text)
        saved.append((out.filename, out.subfolder))
    return saved
