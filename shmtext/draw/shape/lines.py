"""The room's front: lines of text in, glyphs and their places out.

Lines that tables can shape go through ``pairs.py`` all at once, others to HarfBuzz through
``words.py``. Both come to what Pillow's Raqm has, to the 64th of a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, seams, spell_out
from shmtext.draw.faces import Faces
from shmtext.draw.shape.pairs import PairShaper
from shmtext.draw.shape.runs import GlyphRun
from shmtext.draw.shape.shaper import WITHOUT_LIGATURES
from shmtext.draw.shape.words import Shaped, Shaper


@dataclass(frozen=True, slots=True, eq=False)
class TextLines:
    """Lines to be shaped, their characters end to end."""

    face_id: Ints
    """Of each line, ``(num_lines,)``; likewise ``is_rtl``."""
    is_rtl: NDArray[np.bool_]
    """Lines of texts that read from right to left."""
    codes: NDArray[np.uint32]
    """Code points."""
    line_starts: Ints
    """Seams of lines among the characters, ``(num_lines + 1,)``."""
    is_apart: NDArray[np.bool_]
    """Lines whose letters are to stand apart, and so without ligatures, ``(num_lines,)``."""

    def take(self, lines: Ints) -> TextLines:
        """Some of the lines."""
        count = np.diff(self.line_starts)[lines]
        codes = self.codes[spell_out(self.line_starts[lines], count)]
        return TextLines(
            self.face_id[lines], self.is_rtl[lines], codes, seams(count), self.is_apart[lines]
        )


@dataclass(frozen=True, slots=True, eq=False)
class ShapedLines:
    """Lines with their glyphs."""

    run: GlyphRun
    is_circled: NDArray[np.bool_]
    """Lines in which a mark stands on a dotted circle that is not in the text, ``(num_lines,)``."""


class LineShaper:
    """Shapes lines; what was found out about fonts and words is kept between calls."""

    def __init__(self, faces: Faces) -> None:
        self._pairs = PairShaper(faces)
        self._shaper = Shaper(faces)
        self._shaper_apart = Shaper(faces, WITHOUT_LIGATURES)

    def lines(self, lines: TextLines) -> ShapedLines:
        """Shape lines. Raises ``OSError`` where a font's file is gone."""
        num_lines = lines.face_id.size
        is_tried = ~(lines.is_rtl | lines.is_apart)
        tried = lines if is_tried.all() else lines.take(np.flatnonzero(is_tried))
        is_known, known = self._pairs.lines(tried.face_id, tried.codes, tried.line_starts)
        if tried is lines and is_known.all():
            return ShapedLines(known, np.zeros(num_lines, np.bool_))
        known_lines = np.flatnonzero(is_tried)[is_known]
        others = np.setdiff1d(np.arange(num_lines), known_lines, assume_unique=True)
        is_apart = lines.is_apart[others]
        parts, is_circled = [(known_lines, known)], np.zeros(num_lines, np.bool_)
        for shaper, which in (
            (self._shaper, others[~is_apart]),
            (self._shaper_apart, others[is_apart]),
        ):
            if which.size:
                rest = lines.take(which)
                shaped = shaper.lines(rest.face_id, rest.codes, rest.line_starts, rest.is_rtl)
                parts.append((which, shaped.run))
                is_circled[which] = shaped.circled
        return ShapedLines(GlyphRun.join(parts), is_circled)

    def mixed(self, lines: TextLines, face_of_character: Ints) -> ShapedLines:
        """Shape lines of one text, whose characters are each of a face of their own."""
        text = lines.codes.astype("<u4").tobytes().decode("utf-32-le")
        shaper = self._shaper_apart if lines.is_apart.any() else self._shaper
        shaped = [
            shaper.mixed_line(face_of_character[start:stop], text[start:stop], is_rtl=is_rtl)
            for is_rtl, (start, stop) in zip(
                lines.is_rtl.tolist(), pairwise(lines.line_starts.tolist()), strict=True
            )
        ]
        return _joined(shaped)

    def columns(self, lines: TextLines, face_of_character: Ints) -> ShapedLines:
        """Likewise, lines from top to bottom."""
        text = lines.codes.astype("<u4").tobytes().decode("utf-32-le")
        shaped = [
            self._shaper.vertical_line(face_of_character[start:stop], text[start:stop])
            for start, stop in pairwise(lines.line_starts.tolist())
        ]
        return _joined(shaped)


def _joined(shaped: Sequence[Shaped]) -> ShapedLines:
    run = GlyphRun.join([(np.array([at]), each.run) for at, each in enumerate(shaped)])
    return ShapedLines(run, np.concatenate([each.circled for each in shaped]))
