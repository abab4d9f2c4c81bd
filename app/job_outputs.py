"""Counting a job's outputs and choosing the one that stands for it in the job list. Pure.

Counted are the file entries in all list-valued ui keys except `animated`; texts count only when they name a
3D file. The preview is the first visual entry of type output, else the first other visual one, else a text
file, else plain text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MAX_PREVIEW_CHARS = 1024

_VISUAL_KINDS = frozenset({"images", "video", "audio", "3d", "gifs"})
_TYPES = frozenset({"input", "output", "temp"})
_SUFFIXES = {
    "images": (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif", ".tif", ".tiff", ".svg"),
    "video": (".mp4", ".webm", ".mov", ".mkv", ".avi"),
    "audio": (".mp3", ".wav", ".flac", ".ogg", ".opus", ".m4a"),
    "3d": (".obj", ".fbx", ".gltf", ".glb", ".usdz"),
}
_TEXT_SUFFIXES = (".txt", ".json", ".md", ".csv", ".srt", ".xml", ".yaml")


@dataclass(frozen=True, slots=True)
class OutputSummary:
    """Numbers of outputs, and the entry that is shown (None when nothing can be)."""

    num_outputs: int
    num_previewable: int
    preview: dict[str, Any] | None


def summarize_outputs(outputs: Mapping[str, Any]) -> OutputSummary:
    """Counts the entries of all nodes and picks the preview."""
    files = list(_files(outputs))
    visual = [entry for entry in files if _is_visual(entry)]
    preview = next((entry for entry in visual if entry["type"] == "output"), None)
    preview = preview or next(iter(visual), None)
    preview = preview or next((entry for entry in files if _is_text_file(entry)), None)
    preview = preview or next(_texts(outputs), None)
    return OutputSummary(len(files), len(visual), preview)


def _lists(outputs: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for node_id, ui in outputs.items():
        if not isinstance(ui, Mapping):
            continue
        for key, values in ui.items():
            if key == "animated" or not isinstance(values, list | tuple):
                continue
            for value in values:
                yield str(node_id), str(key), value


def _files(outputs: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for node_id, key, value in _lists(outputs):
        if isinstance(value, Mapping) and isinstance(value.get("filename"), str):
            kind = value.get("type", "output")
            entry = {**value, "nodeId": node_id, "mediaType": _media_type(key, value["filename"])}
            entry["type"] = kind if kind in _TYPES else "output"
            entry.setdefault("subfolder", "")
            yield entry
        elif isinstance(value, str) and value.lower().endswith(_SUFFIXES["3d"]):
            yield {
                "filename": value,
                "type": "output",
                "subfolder": "",
                "mediaType": "3d",
                "nodeId": node_id,
            }


def _texts(outputs: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for node_id, key, value in _lists(outputs):
        if key == "text" and isinstance(value, str):
            entry: dict[str, Any] = {"content": value[:MAX_PREVIEW_CHARS]}
            if len(value) > MAX_PREVIEW_CHARS:
                entry["truncated"] = True
            yield {**entry, "nodeId": node_id, "mediaType": "text"}


def _media_type(key: str, filename: str) -> str:
    if key in _VISUAL_KINDS or key == "text":
        return key
    lower = filename.lower()
    return next((kind for kind, suffixes in _SUFFIXES.items() if lower.endswith(suffixes)), key)


def _is_visual(entry: Mapping[str, Any]) -> bool:
    lower = str(entry["filename"]).lower()
    if entry["mediaType"] == "gifs":
        return True
    return entry["mediaType"] in _VISUAL_KINDS and not lower.endswith((*_TEXT_SUFFIXES, ".latent"))


def _is_text_file(entry: Mapping[str, Any]) -> bool:
    return str(entry["filename"]).lower().endswith(_TEXT_SUFFIXES)
