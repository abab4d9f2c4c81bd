"""Sound nodes: files to AUDIO and back. AUDIO: waveform (B,channels,samples) float32 at a sample rate in Hz."""

from __future__ import annotations

import os
from typing import Any

import folder_paths
from comfy_api.media import saving
from comfy_api.media.audio_files import read_audio_file
from comfy_api.media.values import AudioInput
from comfy_api.schema.saved import temp_prefix
from comfy_api.schema.saved_audio import save_sounds
from comfy_extras.video_ops import file_fingerprint, naming_inputs, naming_output, prefix_verdict, video_path

_HIDDEN = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}
_PREFIX = ("STRING", {"default": "audio/ComfyUI"})


class LoadAudio:
    """The sound of a file of the input folder, of a video too."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        root = folder_paths.get_input_directory()
        names = [entry.name for entry in os.scandir(root) if entry.is_file()] if os.path.isdir(root) else []
        sounds = folder_paths.filter_files_content_types(names, ["audio", "video"])
        return {"required": {"audio": (sorted(sounds), {"audio_upload": True})}}

    RETURN_TYPES = ("AUDIO",)
    FUNCTION = "load"
    CATEGORY = "audio"

    def load(self, audio: str) -> tuple[AudioInput]:
        path = video_path(audio, "audio")
        with naming_inputs({"audio": audio}):
            return (read_audio_file(path),)

    @classmethod
    def IS_CHANGED(cls, audio: str) -> str:
        return file_fingerprint(video_path(audio, "audio"))

    @classmethod
    def VALIDATE_INPUTS(cls, audio: str) -> bool | str:
        found = not isinstance(audio, str) or folder_paths.exists_annotated_filepath(audio)
        return True if found else f"Invalid audio file: {audio}"


class AudioSaver:
    """What saving sounds has in common, whatever the format."""

    format = "flac"
    folder_type = "output"

    RETURN_TYPES = ()
    FUNCTION = "save"
    OUTPUT_NODE = True
    CATEGORY = "audio"

    @classmethod
    def VALIDATE_INPUTS(cls, filename_prefix: str | None = None) -> bool | str:
        return prefix_verdict(filename_prefix)

    def save(
        self,
        audio: AudioInput,
        filename_prefix: str = "audio/ComfyUI",
        quality: str = "128k",
        prompt: Any = None,
        extra_pnginfo: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        text = saving.metadata_text(prompt, extra_pnginfo)
        with naming_inputs({"audio": audio, "quality": quality}), naming_output(filename_prefix):
            saved = save_sounds(audio, filename_prefix, self.folder_type, self.format, quality, text)
        entries = [
            {"filename": name, "subfolder": subfolder, "type": self.folder_type} for name, subfolder in saved
        ]
        return {"ui": {"audio": entries}}


class SaveAudio(AudioSaver):
    """Saves sounds without loss."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"audio": ("AUDIO",), "filename_prefix": _PREFIX}, "hidden": _HIDDEN}


class SaveAudioMP3(AudioSaver):
    """Saves sounds as MP3."""

    format = "mp3"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        quality = (["V0", "128k", "320k"], {"default": "V0"})
        return {
            "required": {"audio": ("AUDIO",), "filename_prefix": _PREFIX, "quality": quality},
            "hidden": _HIDDEN,
        }


class SaveAudioOpus(AudioSaver):
    """Saves sounds as Opus."""

    format = "opus"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        quality = (["64k", "96k", "128k", "192k", "320k"], {"default": "128k"})
        return {
            "required": {"audio": ("AUDIO",), "filename_prefix": _PREFIX, "quality": quality},
            "hidden": _HIDDEN,
        }


class PreviewAudio(AudioSaver):
    """Plays sounds without keeping them."""

    folder_type = "temp"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"audio": ("AUDIO",)}, "hidden": _HIDDEN}

    FUNCTION = "preview"

    def preview(
        self, audio: AudioInput, prompt: Any = None, extra_pnginfo: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        return self.save(audio, temp_prefix(), prompt=prompt, extra_pnginfo=extra_pnginfo)


NODE_CLASS_MAPPINGS = {
    "LoadAudio": LoadAudio,
    "SaveAudio": SaveAudio,
    "SaveAudioMP3": SaveAudioMP3,
    "SaveAudioOpus": SaveAudioOpus,
    "PreviewAudio": PreviewAudio,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "LoadAudio": "Load Audio",
    "SaveAudio": "Save Audio (FLAC)",
    "SaveAudioMP3": "Save Audio (MP3)",
    "SaveAudioOpus": "Save Audio (Opus)",
    "PreviewAudio": "Preview Audio",
}
