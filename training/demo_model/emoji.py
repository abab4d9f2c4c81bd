"""Emoji bitmaps out of Debian's `fonts-noto-color-emoji`, names out of `unicode-data`.

The font holds CBDT strikes of 136x128 RGBA pictures: `cmap` finds single code points, GSUB ligatures sequences.
Source: OpenType 1.9, chapters CBDT, cmap and GSUB; Unicode emoji-test.txt 15.0.
"""

import argparse
import io
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FONT_FILE = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
NAMES_FILE = Path("/usr/share/unicode/emoji/emoji-test.txt")
#: Side of the square canvas every bitmap is centred on.
BITMAP_SIDE = 136
VARIATION_SELECTOR = 0xFE0F
SKIN_TONES = frozenset(range(0x1F3FB, 0x1F400))

Bitmap = NDArray[np.uint8]


def read_names(path: Path = NAMES_FILE) -> dict[tuple[int, ...], str]:
    """Code points -> English name, of all fully-qualified emoji without skin tones."""
    names: dict[tuple[int, ...], str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        match = re.match(r"([0-9A-F ]+?)\s*; fully-qualified\s*# \S+ E[\d.]+ (.*)", line)
        if match is None:
            continue
        code_points = tuple(int(code, 16) for code in match[1].split())
        if not SKIN_TONES & set(code_points):
            names[code_points] = match[2].strip().lower()
    return names


def open_font(path: Path = FONT_FILE) -> Callable[[tuple[int, ...]], Bitmap | None]:
    """A function from code points to a bitmap (136,136,4) uint8, or None where the font has none."""
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped] # here: only this reads the font

    font = TTFont(str(path))
    cmap, strike = font.getBestCmap(), font["CBDT"].strikeData[0]
    ligatures: dict[tuple[str, ...], str] = {}
    for lookup in font["GSUB"].table.LookupList.Lookup:
        for subtable in lookup.SubTable:
            table = getattr(subtable, "ExtSubTable", subtable)
            for first, found in getattr(table, "ligatures", {}).items():
                for ligature in found:
                    ligatures[(first, *ligature.Component)] = ligature.LigGlyph

    def bitmap(code_points: tuple[int, ...]) -> Bitmap | None:
        for sequence in (code_points, tuple(c for c in code_points if c != VARIATION_SELECTOR)):
            glyphs = [cmap.get(c) for c in sequence]
            if None in glyphs:
                continue
            glyph = glyphs[0] if len(glyphs) == 1 else ligatures.get(tuple(glyphs))
            if glyph in strike:
                return _centred(strike[glyph].imageData)
        return None

    return bitmap


def _centred(png: bytes) -> Bitmap:
    picture = Image.open(io.BytesIO(png)).convert("RGBA")
    canvas = Image.new("RGBA", (BITMAP_SIDE, BITMAP_SIDE))
    canvas.paste(picture, ((BITMAP_SIDE - picture.width) // 2, (BITMAP_SIDE - picture.height) // 2))
    return np.asarray(canvas)


def extract_all(font: Path, names: Path, out: Path) -> int:
    """Writes every distinct bitmap with its name and code points to an .npz; gives their number."""
    bitmap = open_font(font)
    pictures, labels, codes, seen = [], [], [], set()
    for code_points, name in read_names(names).items():
        picture = bitmap(code_points)
        if picture is None or (digest := zlib.crc32(picture.tobytes())) in seen:
            continue
        seen.add(digest)
        pictures.append(picture)
        labels.append(name)
        codes.append(" ".join(f"{c:X}" for c in code_points if c != VARIATION_SELECTOR))
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out, pictures=np.stack(pictures), names=np.array(labels), code_points=np.array(codes))
    return len(pictures)


def load_bitmaps(path: Path) -> dict[tuple[int, ...], Bitmap]:
    """What `extract_all` wrote: code points (without variation selectors) -> bitmap."""
    with np.load(path) as data:
        keys = [tuple(int(c, 16) for c in text.split()) for text in data["code_points"]]
        return dict(zip(keys, data["pictures"], strict=True))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--font", type=Path, default=FONT_FILE)
    parser.add_argument("--names", type=Path, default=NAMES_FILE)
    parser.add_argument("--out", type=Path, default=Path("training/demo_model/state/emoji.npz"))
    args = parser.parse_args()
    print(f"{extract_all(args.font, args.names, args.out)} bitmaps in {args.out}")


if __name__ == "__main__":
    main()
