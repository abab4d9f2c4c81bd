"""Re-encoding pictures for /view and /upload/mask. Pillow is imported on first use; all of it blocks."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING

from app.errors import RequestError

if TYPE_CHECKING:
    from PIL import Image

DEFAULT_QUALITY = 90


def open_picture(source: Path | IO[bytes], field: str = "filename") -> Image.Image:
    """A decoded picture. Raises: RequestError when the file is no picture or one of absurd size."""
    from PIL import Image, UnidentifiedImageError

    try:
        picture = Image.open(source)
        picture.load()
    except UnidentifiedImageError as error:
        raise RequestError("not_a_picture", "is no picture that can be decoded", field=field) from error
    except (Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        raise RequestError("not_a_picture", f"cannot be decoded: {error}", field=field) from error
    return picture


def preview_bytes(path: Path, wish: str, channel: str) -> tuple[bytes, str]:
    """The picture in small form: (bytes, content type). `wish` is `webp` or `jpeg`, maybe `;quality`.

    An unknown format, or a channel that has an 'a' in it, gives webp.
    """
    kind, _, quality_text = wish.partition(";")
    if kind not in ("webp", "jpeg") or "a" in channel:
        kind = "webp"
    quality = int(quality_text) if quality_text.isdigit() else DEFAULT_QUALITY
    picture = open_picture(path)
    if kind == "jpeg" or channel == "rgb":
        picture = picture.convert("RGB")
    out = BytesIO()
    picture.save(out, format=kind, quality=min(quality, 100))
    return out.getvalue(), f"image/{kind}"


def channel_bytes(path: Path, channel: str) -> bytes:
    """A PNG of the colours without alpha (`rgb`), or black with the alpha (`a`)."""
    from PIL import Image

    picture = open_picture(path)
    if channel == "rgb":
        wanted = picture.convert("RGB")
    else:
        alpha = picture.convert("RGBA").getchannel("A")
        wanted = Image.new("RGBA", picture.size)
        wanted.putalpha(alpha)
    out = BytesIO()
    wanted.save(out, format="PNG")
    return out.getvalue()


def masked_png(original: Path, mask: IO[bytes]) -> bytes:
    """The original as RGBA PNG with the mask's alpha and the original's text chunks."""
    from PIL.PngImagePlugin import PngInfo

    picture = open_picture(original, field="original_ref")
    alpha = open_picture(mask, field="image").convert("RGBA").getchannel("A")
    if alpha.size != picture.size:
        alpha = alpha.resize(picture.size)
    text = PngInfo()
    for key, value in picture.info.items():
        if isinstance(key, str) and isinstance(value, str):
            text.add_text(key, value)
    picture = picture.convert("RGBA")
    picture.putalpha(alpha)
    out = BytesIO()
    picture.save(out, format="PNG", compress_level=4, pnginfo=text)
    return out.getvalue()
