"""Which glyph a font has for each character, where those who draw agree on it.

Characters are mapped twice: by FreeType, which draws layout ``basic``, and by HarfBuzz, which
shapes. The two choose among a font's character maps by rules of their own. Where they would draw
different glyphs for a character, or one of them none, the font does not have it. Whether a glyph
leaves ink is told by ``coverage.py``.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable
from typing import Any, TypeVar

Glyph = TypeVar("Glyph", int, str)
"""By number, or by name."""

UNICODE_MAPS = ((3, 10), (0, 6), (0, 4), (3, 1), (0, 3), (0, 2), (0, 1), (0, 0))
"""Platform and encoding of Unicode's character maps, best first. Both libraries prefer those of all
planes, which fontTools' own order does not for (0, 4)."""

SYMBOL_MAP = 3, 0
MAC_ROMAN_MAP = 1, 0

LEGACY_MAPS = {
    MAC_ROMAN_MAP: "Mac OS Roman",
    (1, 1): "Mac OS Japanese",
    (1, 2): "Mac OS Traditional Chinese",
    (1, 3): "Mac OS Korean",
    (1, 25): "Mac OS Simplified Chinese",
    SYMBOL_MAP: "symbols",
    (3, 2): "Shift JIS",
    (3, 3): "GB 2312",
    (3, 4): "Big5",
    (3, 5): "Wansung",
    (3, 6): "Johab",
}


def read_little(font: Any) -> None:
    """Spare a font (a fontTools ``TTFont``) the reading of what is not needed of its characters.

    Names of its glyphs take 6 ms of the 8 that its character maps do. They are numbers after this,
    but where the font has none of Unicode's maps: then characters are found by name. Of several
    names of one of these maps, as most fonts have them, the best stays: fontTools reads a map for
    another's sake even if nobody asks for it.
    """
    from fontTools.ttLib import newTable  # noqa: PLC0415 - as in ``reading.py``

    # Both before fontTools names glyphs, which it does as soon as it reads the table.
    data = font.reader["cmap"] if "cmap" in font else bytes(4)
    head, records = data[:2], data[4 : 4 + 8 * struct.unpack_from(">H", data, 2)[0]]
    kept: dict[int, tuple[int, int, int]] = {}
    others = []
    for record in struct.iter_unpack(">2HL", records):
        if record[:2] not in UNICODE_MAPS:
            others.append(record)
        elif record[2] not in kept or _rank(record) < _rank(kept[record[2]]):
            kept[record[2]] = record
    if not kept:
        return
    font.setGlyphOrder(range(font["maxp"].numGlyphs))
    few = [*kept.values(), *others]
    directory = b"".join(struct.pack(">2HL", *record) for record in few)
    table = newTable("cmap")
    table.decompile(
        head + struct.pack(">H", len(few)) + directory + data[4 + len(directory) :], font
    )
    font["cmap"] = table


def _rank(record: tuple[int, ...]) -> int:
    return UNICODE_MAPS.index((record[0], record[1]))


def agreed_map(font: Any) -> dict[int, int]:
    """Numbers of the glyphs that FreeType and HarfBuzz both draw for characters of a font.

    ``font`` is a fontTools ``TTFont`` that ``read_little`` has been told of. Empty where they agree
    on nothing: see ``maps_of``.
    """
    by_unicode = font.getBestCmap(cmapPreferences=UNICODE_MAPS)
    symbols = font["cmap"].getcmap(*SYMBOL_MAP)
    if not by_unicode:
        number_of = font.getReverseGlyphMap()
        found = {} if symbols else _mac_map(font)
        return {code: number_of[glyph] for code, glyph in found.items()}
    if not symbols:
        return dict(by_unicode)
    # HarfBuzz prefers the map of symbols, and finds U+0041 there as U+F041, too; FreeType has no
    # use for it. Version 0 of OS/2 may name an old Arabic encoding instead.
    of_symbol = _without_notdef(font, symbols.cmap)
    is_arabic = "OS/2" in font and font["OS/2"].version == 0 and font["OS/2"].fsSelection >> 8
    if not is_arabic:
        of_symbol = {code & 0xFF: of_symbol[code] for code in _symbols(of_symbol)} | of_symbol
    return {code: glyph for code, glyph in by_unicode.items() if of_symbol.get(code) == glyph}


def maps_of(font: Any) -> str:
    """Name the character maps that a font has in Unicode's place, for a message."""
    keys = sorted({(each.platformID, each.platEncID) for each in font["cmap"].tables})
    named = [f"{LEGACY_MAPS.get(key, 'an unknown one')} {key}" for key in keys]
    return ", ".join(named) or "none"


def _mac_map(font: Any) -> dict[int, str]:
    """What HarfBuzz finds by Mac OS Roman codes, and FreeType by the glyphs' names."""
    mac = font["cmap"].getcmap(*MAC_ROMAN_MAP)
    has_names = "glyf" not in font or font["post"].formatType in (1, 2)
    if not mac or not has_names:
        return {}
    from fontTools import agl  # noqa: PLC0415 - 20 ms, and few fonts are so old

    characters = [agl.toUnicode(name) for name in font.getGlyphOrder() if "." not in name]
    num_named = Counter(characters)  # which of two namesakes FreeType takes is not known here
    found = {}
    for code, glyph in _without_notdef(font, mac.cmap).items():
        character = bytes([code]).decode("mac_roman")
        if agl.toUnicode(glyph) == character and num_named[character] == 1:
            found[ord(character)] = glyph
    return found


def _without_notdef(font: Any, cmap: dict[int, Glyph]) -> dict[int, Glyph]:
    notdef = font.getGlyphOrder()[0]
    return {code: glyph for code, glyph in cmap.items() if glyph != notdef}


def _symbols(codes: Iterable[int]) -> list[int]:
    return [code for code in codes if 0xF000 <= code <= 0xF0FF]
