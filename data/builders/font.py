"""Make the plots' Chinese font: Noto Sans SC Regular, cut to what a plot in Chinese may need.

    python data/builders/font.py               # needs npm, and fontTools (pip install fonttools)
    python data/builders/font.py --from DIR    # DIR: the package, unpacked anyhow

Two things are changed besides the cut, so that formulas inside Chinese text look right: operators
that are as wide as a Chinese character (∂ ≤ ∈ ×) get the width of their shape, and super- and
subscripts, ✗ and a few more that the source lacks are put together from its own glyphs.

The result depends on the package's version and on fontTools' (both named in the manifest), not on
the clock: the source's own dates are kept.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from common import DataError, build, fetch_npm, find, main

PACKAGE = "@expo-google-fonts/noto-sans-sc@0.4.3"
SOURCE = "NotoSansSC_400Regular.ttf"
# Its own family name, so that another Noto Sans SC on the machine is never taken for it.
FAMILY = "Noto Sans SC AIGC"
RANGES = (
    (0x0020, 0x007E),  # ASCII
    (0x00A0, 0x017F),  # Latin-1 and Latin Extended-A
    (0x01CD, 0x01DC),  # pinyin vowels with tone marks
    (0x02B0, 0x02FF),  # modifier letters: ˇ ˉ ˊ ˋ
    (0x0370, 0x03FF),  # Greek
    (0x2000, 0x206F),  # dashes, quotes, ellipsis
    (0x2070, 0x209F),  # super- and subscripts
    (0x20A0, 0x20BF),  # currency
    (0x2100, 0x218F),  # letter-like symbols, number forms
    (0x2190, 0x21FF),  # arrows
    (0x2200, 0x22FF),  # mathematical operators
    (0x2300, 0x23FF),  # technical
    (0x2460, 0x24FF),  # circled numbers
    (0x2500, 0x25FF),  # box drawing, blocks, geometric shapes
    (0x2600, 0x27EF),  # symbols, dingbats (✓), more arrows
    (0x3000, 0x303F),  # CJK punctuation
    (0xFF01, 0xFFE6),  # full-width forms
)

NARROW = [*range(0x2200, 0x2300), 0x00B1, 0x00D7, 0x00F7]  # mathematical operators, ± × ÷
BEARING = 70  # font units (1000 an em) left free on both sides of a narrowed operator
SMALL, RAISED, LOWERED = 0.595, 441, -170  # size and baseline of the source's own ² and of H₂O

# character: (parts it is made of, scale, x and y shift of each part in font units)
MADE: dict[str, list[tuple[str, float, int, int]]] = {
    **{
        c: [(of, SMALL, 0, RAISED)]
        for c, of in zip("⁰⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁱⁿᵀ", "056789+−=()inT", strict=True)
    },
    **{c: [(of, SMALL, 0, LOWERED)] for c, of in zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True)},
    **{c: [(of, SMALL, 0, LOWERED)] for c, of in zip("₊₋₌₍₎", "+−=()", strict=True)},
    **{
        c: [(of, SMALL, 0, LOWERED)]
        for c, of in zip("ₐₑₕᵢⱼₖₗₘₙₒₚₛₜₓ", "aehijklmnopstx", strict=True)
    },
    "ŷ": [("y", 1.0, 0, 0), ("^", 0.6, 81, 410)],
    "\u0302": [("^", 0.6, -416, 410)],
    "✗": [("×", 1.0, 0, 0)],
    "✘": [("×", 1.0, 0, 0), ("×", 1.0, 28, 0), ("×", 1.0, 14, 14), ("×", 1.0, 14, -14)],
    "✔": [("✓", 1.0, 0, 0), ("✓", 1.0, 24, 0), ("✓", 1.0, 12, 14)],
    "⋅": [("·", 0.75, 0, 90)],
    "∘": [("°", 0.85, 0, -215)],
    "⟨": [("〈", 1.0, 0, 0)],
    "⟩": [("〉", 1.0, 0, 0)],
    "ϵ": [("ε", 1.0, 0, 0)],
    "ϕ": [("φ", 1.0, 0, 0)],
}
COMBINING = {"\u0302"}


def wanted_characters() -> set[int]:
    """Code points to keep: the ranges above and all of GB 2312 (6,763 characters and symbols)."""
    points = {point for first, last in RANGES for point in range(first, last + 1)}
    for high in range(0xA1, 0xF8):
        for low in range(0xA1, 0xFF):
            points.update(map(ord, bytes((high, low)).decode("gb2312", errors="ignore")))
    return points


def cut(folder: Path) -> bytes:
    """The subset font's bytes, from a folder that holds the source font somewhere below it."""
    try:
        from fontTools.subset import Options, Subsetter
        from fontTools.ttLib import TTFont
    except ImportError as error:
        raise DataError("fontTools is not installed; run: pip install fonttools") from error
    font = TTFont(find(folder, SOURCE), recalcTimestamp=False)
    options = Options()
    options.hinting = False  # matplotlib draws on its own grid
    options.layout_features = ["kern", "ccmp"]
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]  # 0, 13, 14: copyright and licence stay
    options.name_languages = [0x409]
    options.notdef_outline = True
    options.glyph_names = False
    options.drop_tables += ["vhea", "vmtx", "BASE", "STAT", "gasp"]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=wanted_characters())
    subsetter.subset(font)
    narrow_operators(font)
    make_missing(font)
    compact = FAMILY.replace(" ", "")
    for name_id, text in ((1, FAMILY), (3, compact), (4, FAMILY), (6, f"{compact}-Regular")):
        font["name"].setName(text, name_id, 3, 1, 0x409)
    buffer = io.BytesIO()
    font.save(buffer, reorderTables=True)
    return buffer.getvalue()


def narrow_operators(font: Any) -> None:
    """Give full-width operators the width of their shape plus :data:`BEARING` on both sides."""
    cmap, widths, shapes = font.getBestCmap(), font["hmtx"], font["glyf"]
    for name in sorted({cmap[point] for point in NARROW if point in cmap}):
        shape = shapes[name]
        if widths[name][0] == 1000 and shape.numberOfContours > 0:
            shape.coordinates.translate((BEARING - shape.xMin, 0))
            shape.recalcBounds(shapes)
            widths[name] = (shape.xMax + BEARING, BEARING)


def make_missing(font: Any) -> None:
    """Add the characters of :data:`MADE` that the font has not, as composites of its glyphs."""
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    cmap, widths, shapes = font.getBestCmap(), font["hmtx"], font["glyf"]
    for character, parts in MADE.items():
        if ord(character) in cmap:
            continue
        pen = TTGlyphPen(font.getGlyphSet())
        width = 0.0
        for of, scale, right, up in parts:
            part = cmap[ord(of)]
            full, bearing = widths[part]
            if full == 1000:  # ⟨ from a full-width 〈, ⋅ from ·: cut off the empty half
                right += round(scale * (BEARING - bearing))
                full = shapes[part].xMax - shapes[part].xMin + 2 * BEARING
            pen.addComponent(part, (scale, 0, 0, scale, right, up))
            width = max(width, scale * full)
        name = f"made{ord(character):04X}"
        shapes[name] = pen.glyph()
        shapes[name].recalcBounds(shapes)
        width = 0 if character in COMBINING else round(width)
        widths[name] = (width, shapes[name].xMin)
        for table in font["cmap"].tables:
            if table.isUnicode():
                table.cmap[ord(character)] = name


def make(source: Path | None = None, out: Path | None = None) -> Path:
    """Build the font, from the registry or from an unpacked package."""
    return build("font", cut, lambda into: fetch_npm(PACKAGE, into), source, out)


if __name__ == "__main__":
    raise SystemExit(main(__doc__ or "", make))
