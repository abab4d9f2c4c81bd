"""POST /upload/image and /upload/mask."""

from __future__ import annotations

import asyncio
import json
from io import BytesIO
from pathlib import Path
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

import folder_paths
from app.bodies import read_form
from app.errors import RequestError
from app.pictures import masked_png
from app.uploads import checked_name, place, upload_folder

Form = MultiDictProxy[str | bytearray | bytes | web.FileField]


async def post_image(request: web.Request) -> web.Response:
    """Stores a file of any kind and answers where it is."""
    form = await read_form(request)
    upload = _file_of(form)
    return await _store(form, upload.filename, upload)


async def post_mask(request: web.Request) -> web.Response:
    """Puts the upload's alpha on the original picture and stores the result as PNG."""
    form = await read_form(request)
    upload = _file_of(form)
    original = _original(form)
    if not original.is_file():
        name = checked_name(upload.filename)
        return web.json_response(_answer(form, name))
    content = await asyncio.to_thread(masked_png, original, upload.file)
    return await _store(form, upload.filename, content)


async def _store(form: Form, filename: str | None, content: web.FileField | bytes) -> web.Response:
    name = checked_name(filename)
    folder = upload_folder(_text(form, "type", "input"), _text(form, "subfolder", ""))
    overwrite = _text(form, "overwrite", "") in ("true", "1")
    stream = BytesIO(content) if isinstance(content, bytes) else content.file
    stored = await asyncio.to_thread(place, folder, name, stream, overwrite=overwrite)
    return web.json_response(_answer(form, stored))


def _answer(form: Form, name: str) -> dict[str, str]:
    return {"name": name, "subfolder": _text(form, "subfolder", ""), "type": _text(form, "type", "input")}


def _file_of(form: Form) -> web.FileField:
    upload = form.get("image")
    if not isinstance(upload, web.FileField) or not upload.file:
        raise RequestError("no_image", "needs an uploaded file", field="image")
    return upload


def _original(form: Form) -> Path:
    try:
        reference: Any = json.loads(_text(form, "original_ref", ""))
    except (ValueError, RecursionError) as error:
        raise RequestError("invalid_reference", "must be JSON", field="original_ref") from error
    if not isinstance(reference, dict) or not isinstance(reference.get("filename"), str):
        raise RequestError("invalid_reference", "must hold a filename", field="original_ref")
    name, root = folder_paths.annotated_filepath(reference["filename"])
    root = root or folder_paths.get_directory_by_type(str(reference.get("type", "output")))
    if root is None:
        raise RequestError("unknown_type", "type must be input, temp or output", field="original_ref")
    subfolder = str(reference.get("subfolder") or "")
    try:
        return folder_paths.jailed_path(root, f"{subfolder}/{name}" if subfolder else name)
    except folder_paths.PathEscapeError as error:
        raise RequestError("path_refused", error.reason, field="original_ref") from error


def _text(form: Form, name: str, default: str) -> str:
    value = form.get(name, default)
    return value if isinstance(value, str) else default


ROUTES = (web.post("/upload/image", post_image), web.post("/upload/mask", post_mask))
