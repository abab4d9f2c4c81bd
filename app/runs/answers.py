"""Which form of a result a caller wants, by its Accept header and body. Pure."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from app.runs.shapes import RunFile


class Form(enum.Enum):
    """How a run is answered."""

    JSON = "application/json"
    EVENTS = "text/event-stream"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The form, and for FILE the media ranges in the caller's order."""

    form: Form
    ranges: tuple[str, ...] = ()


def wanted_form(accept: str | None, *, stream: bool) -> Wanted:
    """The first form of the header that we can give; JSON without one."""
    if stream:
        return Wanted(Form.EVENTS)
    ranges = media_ranges(accept or "*/*")
    for name in ranges:
        if name in ("*/*", "application/*", Form.JSON.value):
            break
        if name == Form.EVENTS.value:
            return Wanted(Form.EVENTS)
        return Wanted(Form.FILE, ranges)
    return Wanted(Form.JSON)


def media_ranges(accept: str) -> tuple[str, ...]:
    """The ranges of an Accept header, best first; those with q=0 and what is no range are left out."""
    found = []
    for i, part in enumerate(accept.split(",")):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        try:
            weight = float(quality)
        except ValueError:
            weight = 0.0
        kind, slash, detail = name.partition("/")
        if 0 < weight <= 1 and kind and slash and detail:
            found.append((-weight, i, name))
    return tuple(name for _, _, name in sorted(found))


def chosen_file(files: Sequence[RunFile], ranges: Sequence[str]) -> RunFile | None:
    """The file to answer with: by the caller's order, kept files before temporary ones."""
    kept_first = sorted(files, key=lambda file: file["type"] != "output")
    for wanted in ranges:
        for file in kept_first:
            if _matches(file["content_type"], wanted):
                return file
    return None


def _matches(content_type: str, wanted: str) -> bool:
    if wanted == "application/octet-stream":
        return True
    kind, _, detail = wanted.partition("/")
    return (
        content_type == wanted or (detail == "*" and content_type.startswith(f"{kind}/")) or wanted == "*/*"
    )
