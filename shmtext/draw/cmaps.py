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
from typing import Any, NamedTuple

import numpy as np

from shmtext.corpus.ranges import Ints, spell_out
from shmtext.draw.tables import DamagedTableError, FontTables

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

RARE_FORMS = 0, 2, 6, 13
"""Of a map of Unicode, which fontTools reads."""

LAST_CHARACTER = 0x10FFFF

FIRST_LONG, VARIATION_SELECTORS = 8, 14
"""Forms of maps: from which on their lengths have 32 bits, and that in which these come sooner."""


class CharacterMap(NamedTuple):
    """Characters, ascending, and the number of each one's glyph."""

    characters: Ints
    glyphs: Ints


def agreed_map(font: FontTables) -> CharacterMap:
    """Which glyphs FreeType and HarfBuzz both draw for the characters of a font.

    Empty where they agree on nothing: see ``maps_of``. Raises ``DamagedTableError`` for a map that
    is out of order: the two may find different glyphs in it, and browsers refuse it, too.
    (OpenType 1.9.1, "cmap".)
    """
    tables = _tables(font["cmap"])
    best = next((tables[key] for key in UNICODE_MAPS if key in tables), None)
    if best is None:
        return _by_number(font.parsed, {} if SYMBOL_MAP in tables else _mac_map(font.parsed))
    found = _unicode_map(font, best)
    return _without_other_symbols(font.parsed, found) if SYMBOL_MAP in tables else found


def maps_of(font: FontTables) -> str:
    """Name the character maps that a font has in Unicode's place, for a message."""
    keys = sorted(_tables(font["cmap"]))
    named = [f"{LEGACY_MAPS.get(key, 'an unknown one')} {key}" for key in keys]
    return ", ".join(named) or "none"


def _tables(cmap: memoryview) -> dict[tuple[int, int], memoryview]:
    """Each of a font's maps, by platform and encoding."""
    version, num_maps = struct.unpack_from(">2H", cmap)
    records = [struct.unpack_from(">2HL", cmap, 4 + 8 * number) for number in range(num_maps)]
    keys = [(platform, encoding) for platform, encoding, _ in records]
    if version or keys != sorted(keys):
        raise DamagedTableError("its character maps are out of order")
    # Of two with one key the first counts.
    return {
        (platform, encoding): _table_at(cmap, place)
        for platform, encoding, place in reversed(records)
    }


def _table_at(cmap: memoryview, place: int) -> memoryview:
    """The bytes of one map."""
    form, length = struct.unpack_from(">2H", cmap, place)
    if form >= FIRST_LONG:
        at = place + (2 if form == VARIATION_SELECTORS else 4)
        (length,) = struct.unpack_from(">L", cmap, at)
    table = cmap[place : place + length]
    if not length or len(table) < length:
        raise DamagedTableError("a character map is cut short")
    return table


def _unicode_map(font: FontTables, table: memoryview) -> CharacterMap:
    """What the best of a font's maps of Unicode has glyphs for."""
    (form,) = struct.unpack_from(">H", table)
    read = {4: _read_segments, 12: _read_groups}.get(form)
    if read is None:
        if form not in RARE_FORMS:
            raise DamagedTableError(f"its character map is of an unknown form ({form})")
        return _by_number(font.parsed, font.parsed.getBestCmap(UNICODE_MAPS) or {})
    found = read(table)
    if found.glyphs.size and found.glyphs.max() >= font.num_glyphs:
        raise DamagedTableError("its character map names glyphs that are not there")
    is_mapped = found.glyphs != 0
    return CharacterMap(found.characters[is_mapped], found.glyphs[is_mapped])


def _read_segments(table: memoryview) -> CharacterMap:
    """Format 4."""
    words = np.frombuffer(table, ">u2").astype(np.int64)
    num_segments, words = words[3] // 2, words[7:]
    last = words[:num_segments]
    # A word between them has no use.
    first, delta, offset = words[num_segments + 1 : 4 * num_segments + 1].reshape(3, num_segments)
    numbers = words[4 * num_segments + 1 :]
    _check_order(first, last)
    # An offset is counted in bytes, from where it stands itself.
    at = offset // 2 - np.arange(num_segments, 0, -1) - first
    # The last segment is there for its end alone, U+FFFF.
    first, last, delta, offset, at = (each[:-1] for each in (first, last, delta, offset, at))
    count = last - first + 1
    characters = spell_out(first, count)
    shift, is_listed = np.repeat(delta, count), np.repeat(offset > 0, count)
    glyphs = characters + shift
    listed = (characters + np.repeat(at, count))[is_listed]
    if (listed < 0).any() or (offset & 1).any():
        raise DamagedTableError("its character map refers to what is no glyph's number")
    number = numbers[listed]
    glyphs[is_listed] = np.where(number, number + shift[is_listed], 0)
    return CharacterMap(characters, glyphs & 0xFFFF)


def _read_groups(table: memoryview) -> CharacterMap:
    """Format 12."""
    (num_groups,) = struct.unpack_from(">L", table, 12)
    groups = np.frombuffer(table, ">u4", offset=16).astype(np.int64).reshape(num_groups, 3)
    first, last, glyph = groups.T
    _check_order(first, last)
    if last.size and last[-1] > LAST_CHARACTER:
        raise DamagedTableError("its character map goes beyond Unicode")
    count = last - first + 1
    return CharacterMap(spell_out(first, count), spell_out(glyph, count))


def _check_order(first: Ints, last: Ints) -> None:
    if not ((first <= last).all() and (first[1:] > last[:-1]).all()):
        raise DamagedTableError("its character map is out of order")


def _by_number(font: Any, found: dict[int, str]) -> CharacterMap:
    """The same by glyphs' numbers."""
    number_of = font.getReverseGlyphMap() if found else {}
    characters = sorted(found)
    numbers = [number_of[found[each]] for each in characters]
    return CharacterMap(np.array(characters, np.int64), np.array(numbers, np.int64))


def _without_other_symbols(font: Any, by_unicode: CharacterMap) -> CharacterMap:
    """Those of a font's characters that its map of symbols has the same glyphs for.

    HarfBuzz prefers that map, and finds U+0041 there as U+F041, too; FreeType has no use for it.
    """
    number_of = font.getReverseGlyphMap()
    symbols = font["cmap"].getcmap(*SYMBOL_MAP).cmap
    of_symbol = {code: number_of[glyph] for code, glyph in symbols.items()}
    # Version 0 of OS/2 may name an old Arabic encoding instead.
    is_arabic = "OS/2" in font and font["OS/2"].version == 0 and font["OS/2"].fsSelection >> 8
    if not is_arabic:
        of_symbol = {code & 0xFF: of_symbol[code] for code in _symbols(of_symbol)} | of_symbol
    pairs = zip(*(each.tolist() for each in by_unicode), strict=True)
    is_alike = np.array([of_symbol.get(code) == glyph for code, glyph in pairs], np.bool_)
    return CharacterMap(by_unicode.characters[is_alike], by_unicode.glyphs[is_alike])


def _mac_map(font: Any) -> dict[int, str]:
    """What HarfBuzz finds by Mac OS Roman codes, and FreeType by the glyphs' names."""
    mac = font["cmap"].getcmap(*MAC_ROMAN_MAP)
    has_names = "glyf" not in font or font["post"].formatType in (1, 2)
    if not mac or not has_names:
        return {}
    from fontTools import agl  # noqa: PLC0415 - 20 ms, and few fonts are so old

    notdef, *names = font.getGlyphOrder()
    characters = [agl.toUnicode(name) for name in (notdef, *names) if "." not in name]
    num_named = Counter(characters)  # which of two namesakes FreeType takes is not known here
    found = {}
    for code, glyph in mac.cmap.items():
        character = bytes([code]).decode("mac_roman")
        is_named = agl.toUnicode(glyph) == character and num_named[character] == 1
        if is_named and glyph != notdef:
            found[ord(character)] = glyph
    return found


def _symbols(codes: Iterable[int]) -> list[int]:
    return [code for code in codes if 0xF000 <= code <= 0xF0FF]
