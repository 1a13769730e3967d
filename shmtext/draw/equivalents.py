"""Clusters that a font draws though it lacks one of their characters.

Shaping composes and decomposes: a font with é draws an e that is followed by U+0301, whether or not
it has that mark, and one with e and U+0301 draws é. With a variation selector a font draws what its
table of such sequences names. Whether a font does any of this is asked of HarfBuzz, once a font and
cluster. Which single characters a font has is told by ``coverage.py``, which texts need to be asked
about by ``texts.py``; nothing is drawn or placed here.
"""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import numpy as np
import uharfbuzz
from numpy.typing import NDArray

from shmtext.draw.faces import FontFile
from shmtext.draw.opened import open_tables
from shmtext.draw.rules import Rule, is_composable, rule_of

MAX_CLUSTERS = 1 << 16
"""Remembered, then all are forgotten: marks can be piled up without end."""


class Equivalents:
    """Which fonts draw the clusters met so far."""

    def __init__(self, fonts: tuple[FontFile, ...]) -> None:
        self._fonts = fonts
        self._open: dict[int, uharfbuzz.Font] = {}
        self._rows: dict[str, NDArray[np.bool_]] = {}

    def row(self, cluster: str) -> NDArray[np.bool_]:
        """Which fonts draw a cluster, shape ``(num_fonts,)``.

        A cluster is a character and those after it that combine with it: see ``continues`` in
        ``CharacterTable``. Hidden characters and joiners within it need no glyph.
        """
        row = self._rows.get(cluster)
        if row is None:
            if len(self._rows) >= MAX_CLUSTERS:
                self._rows.clear()
            drawn = [self._draws(font_id, cluster) for font_id in range(len(self._fonts))]
            row = self._rows[cluster] = np.array(drawn, np.bool_)
        return row

    def _draws(self, font_id: int, cluster: str) -> bool:
        lacking = [c for c in cluster if self._lacks(font_id, c)]
        if not all(map(is_composable, lacking)):
            return False
        for before, character in pairwise(f"\0{cluster}"):
            if rule_of(character) is Rule.SELECTS:
                variant = self._font(font_id).get_variation_glyph(ord(before), ord(character))
                if variant is None:
                    return False
        return not lacking or self._is_shaped_whole(font_id, cluster)

    def _is_shaped_whole(self, font_id: int, cluster: str) -> bool:
        """Whether shaping finds a glyph, with ink, for everything in a cluster."""
        font = self._font(font_id)
        buffer = uharfbuzz.Buffer()
        buffer.add_str(cluster)
        buffer.guess_segment_properties()
        uharfbuzz.shape(font, buffer)
        # A character may have a glyph without ink, and then is not covered.
        forms = {*cluster}.union(*(unicodedata.normalize(form, cluster) for form in ("NFC", "NFD")))
        bare = {font.get_nominal_glyph(ord(c)) for c in forms if self._lacks(font_id, c)}
        return {0, *bare}.isdisjoint(info.codepoint for info in buffer.glyph_infos)

    def _lacks(self, font_id: int, character: str) -> bool:
        covered = self._fonts[font_id].code_points
        place = int(np.searchsorted(covered, ord(character)))
        is_covered = place < covered.size and int(covered[place]) == ord(character)
        return rule_of(character) is Rule.VISIBLE and not is_covered

    def _font(self, font_id: int) -> uharfbuzz.Font:
        if font_id not in self._open:
            self._open[font_id] = uharfbuzz.Font(open_tables(self._fonts[font_id].stored))
        return self._open[font_id]
