"""Whether what was read of a font's rules is what HarfBuzz makes of them.

HarfBuzz refuses tables that are damaged anywhere, and may read doubtful ones differently: a sample
of lines tells. It is no proof of every pair (the tests have that), but of having read the tables
that HarfBuzz reads.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import uharfbuzz as hb

from shmtext.draw.shape.rules import UNKNOWN_VALUE, Rules, apply_ligatures

SAMPLE = 512
"""Characters compared: 1 ms. A font of some hundreds of characters has each of them there."""

LINE = 32
"""Characters in a line of the sample; lines of which nothing is known are not compared."""

MOST_LIGATURES = 64

Places = list[tuple[int, int, int]]
"""Of each glyph: number, pen and offset together in font units, first character."""


def agree(font: hb.Font, script: str, glyph_of: dict[int, int], rules: Rules) -> bool:
    """Compare lines of some characters, of which ``glyph_of`` names the glyphs.

    ``font`` is scaled to font units.
    """
    code_of = {glyph: code for code, glyph in sorted(glyph_of.items()) if glyph}
    for line in _sample(list(code_of.values()), _ligature_texts(rules, code_of)):
        expected = _by_rules(font, [glyph_of[code] for code in line], rules)
        if expected is not None and expected != _by_harfbuzz(font, script, line):
            return False
    return True


def _sample(codes: list[int], texts: list[list[int]]) -> Iterator[list[int]]:
    if codes:
        random = np.random.Generator(np.random.Philox(len(codes)))
        rounds = [random.permutation(codes) for _ in range(SAMPLE // len(codes) + 1)]
        drawn = np.concatenate(rounds)[:SAMPLE].tolist()
        yield from (drawn[start : start + LINE] for start in range(0, SAMPLE, LINE))
    yield from texts


def _ligature_texts(rules: Rules, code_of: dict[int, int]) -> list[list[int]]:
    texts = [
        [code_of[glyph] for glyph in (first, *others)]
        for lookup in rules.ligatures
        for first, sets in lookup.items()
        for others, _ in sets
        if all(glyph in code_of for glyph in (first, *others))
    ]
    return texts[:MOST_LIGATURES]


def _by_rules(font: hb.Font, glyphs: list[int], rules: Rules) -> Places | None:
    """Shape a line slowly; ``None`` if the rules don't say how."""
    own = np.searchsorted(rules.glyphs, glyphs)
    if rules.is_complex[own].any():
        return None
    nominal = rules.glyphs[rules.becomes[own]]
    left, met = apply_ligatures(rules.ligatures, tuple(nominal.tolist()))
    if rules.is_complex[np.searchsorted(rules.glyphs, sorted(met))].any():
        return None
    places = np.searchsorted(rules.glyphs, [glyph for glyph, _ in left])
    kerning = rules.kerning[rules.left_class[places[:-1]], rules.right_class[places[1:]]]
    if (kerning == UNKNOWN_VALUE).any():
        return None
    found: Places = []
    pen = 0
    for (glyph, first), value in zip(left, [*kerning.tolist(), 0], strict=True):
        found.append((glyph, pen, first))
        pen += font.get_glyph_h_advance(glyph) + value
    return found


def _by_harfbuzz(font: hb.Font, script: str, line: list[int]) -> Places:
    buffer = hb.Buffer()
    buffer.add_codepoints(line)
    buffer.direction, buffer.language, buffer.script = "ltr", "c", script
    buffer.flags = hb.BufferFlags.BOT | hb.BufferFlags.EOT
    hb.shape(font, buffer)
    found: Places = []
    pen = 0
    for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        found.append((info.codepoint, pen + place.x_offset, info.cluster))
        pen += place.x_advance
    return found
