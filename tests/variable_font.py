"""A small variable font: weight and width, kerning and widths that vary, four named instances."""

from __future__ import annotations

from pathlib import Path

from fontTools.feaLib.builder import addOpenTypeFeaturesFromString
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont, newTable
from fontTools.ttLib.tables.TupleVariation import TupleVariation
from fontTools.varLib.hvar import add_HVAR

CHARACTERS = "AVTome"

FEATURES = """
languagesystem DFLT dflt;
feature kern {
    pos A V (wght=100:-40 wght=400:-90 wght=900:-171);
    pos V A (wght=400:-90 wght=900:-133 wdth=62:-31);
    pos T o -80;
} kern;
"""


def variable_font(path: Path, *, with_widths: bool = True, with_gpos: bool = True) -> Path:
    """Make the font, with or without ``HVAR``, the widths of glyphs at every place, and kerning."""
    drawn = {}
    for number, glyph in enumerate([".notdef", "space", *CHARACTERS]):
        pen = TTGlyphPen(None)
        if glyph != "space":
            pen.moveTo((40, 0))
            pen.lineTo((90 + 31 * number, 703))
            pen.lineTo((140 + 31 * number, 703 - 17 * number))
            pen.lineTo((480, 11 * number - 40))
            pen.closePath()
        drawn[glyph] = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(list(drawn))
    builder.setupCharacterMap({0x20: "space"} | {ord(each): each for each in CHARACTERS})
    builder.setupGlyf(drawn)
    builder.setupHorizontalMetrics({glyph: (523, 40 if glyph != "space" else 0) for glyph in drawn})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Varied", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.setupFvar(
        [("wght", 100, 400, 900, "Weight"), ("wdth", 62.5, 100, 100, "Width")],
        [
            {"location": {"wght": wght, "wdth": wdth}, "stylename": name}
            for name, wght, wdth in (
                ("Light", 300, 100),
                ("Regular", 400, 100),
                ("Bold", 700, 100),
                ("Condensed Bold", 700, 87.5),
            )
        ],
    )
    builder.font["avar"] = avar = newTable("avar")
    avar.segments = {"wght": {-1: -1, 0: 0, 0.6: 0.47, 1: 1}, "wdth": {}}
    builder.setupGvar({glyph: _deltas(number) for number, glyph in enumerate(drawn)})
    if with_widths:
        add_HVAR(builder.font)
    if with_gpos:
        addOpenTypeFeaturesFromString(builder.font, FEATURES)
    builder.save(path)
    return path


def _deltas(number: int) -> list[TupleVariation]:
    """How a glyph's four points and its advance vary; the second glyph is a space."""
    points = [] if number == 1 else [(0, 0), (-9, 21), (33 + number, -12), (57, 5)]

    def delta(axes: dict[str, tuple[float, float, float]], scale: float) -> TupleVariation:
        moved = [(round(scale * x), round(scale * y)) for x, y in points]
        advance = (round(scale * (61 + 3 * number)), 0)
        return TupleVariation(axes, [*moved, (0, 0), advance, (0, 0), (0, 0)])

    return [
        delta({"wght": (0, 1, 1)}, 1.0),
        delta({"wght": (-1, -1, 0)}, -0.55),
        delta({"wdth": (-1, -1, 0)}, -2.1),
        delta({"wght": (0, 1, 1), "wdth": (-1, -1, 0)}, 0.37),
    ]


def with_axes_times(path: Path, source: Path, factor: int) -> Path:
    """Write a variable font whose axes are ``factor`` times as long: a truth for fractions."""
    with TTFont(source) as font:
        for axis in font["fvar"].axes:
            axis.minValue, axis.defaultValue, axis.maxValue = (
                factor * end for end in (axis.minValue, axis.defaultValue, axis.maxValue)
            )
        font["fvar"].instances = []
        font.save(path)
    return path
