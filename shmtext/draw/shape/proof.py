"""Whether what was read of a font's rules is what HarfBuzz makes of them.

HarfBuzz refuses tables that are damaged anywhere, and may read doubtful ones differently: a sample
of lines tells. It is no proof of every pair (the tests have that), but of having read the tables
that HarfBuzz reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, pairwise
from operator import add

import numpy as np
import uharfbuzz as hb

from shmtext.corpus.ranges import seams
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
    if not code_of:
        return True
    lines = list(_sample(list(code_of.values()), _ligature_texts(rules, code_of)))
    by_rules = _by_rules(font, [[glyph_of[code] for code in line] for line in lines], rules)
    return all(
        expected is None or expected == _by_harfbuzz(font, script, line)
        for line, expected in zip(lines, by_rules, strict=True)
    )


def _sample(codes: list[int], texts: list[list[int]]) -> Iterator[list[int]]:
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


def _by_rules(font: hb.Font, lines: list[list[int]], rules: Rules) -> Iterator[Places | None]:
    """Shape lines of glyphs slowly; ``None`` for those of which the rules don't say how."""
    nominal = rules.glyphs[rules.becomes[np.searchsorted(rules.glyphs, np.concatenate(lines))]]
    line_starts = seams(np.array([len(line) for line in lines]))
    complex_glyphs = set(rules.glyphs[rules.is_complex].tolist())
    for line, (start, stop) in zip(lines, pairwise(line_starts.tolist()), strict=True):
        left, met = apply_ligatures(rules.ligatures, tuple(nominal[start:stop].tolist()))
        if not complex_glyphs.isdisjoint(met.union(line)):
            yield None
            continue
        places = np.searchsorted(rules.glyphs, [glyph for glyph, _ in left])
        kerning = rules.kerning[rules.left_class[places[:-1]], rules.right_class[places[1:]]]
        values = [*kerning.tolist(), 0]
        if UNKNOWN_VALUE in values:
            yield None
            continue
        advances = [font.get_glyph_h_advance(glyph) for glyph, _ in left]
        pens = accumulate(map(add, advances, values), initial=0)
        yield [(glyph, pen, first) for (glyph, first), pen in zip(left, pens, strict=False)]


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
