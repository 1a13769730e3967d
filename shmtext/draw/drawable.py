"""Which examples of a corpus can be drawn, by the rules of a run, before any is.

What depends on the size or look that is drawn for a text is seen when it is: see ``pictures.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints
from shmtext.draw.characters import CharacterTable
from shmtext.draw.examples import Examples, asked_fonts
from shmtext.draw.pictures import SLOT_TABLE_ENTRIES
from shmtext.draw.settings import RenderSettings
from shmtext.draw.texts import decode_texts, style_texts

TEXTS_AT_ONCE = 10_000


def find_drawable(
    examples: Examples, settings: RenderSettings
) -> tuple[NDArray[np.bool_], dict[int, str]]:
    """Which examples can be drawn, ``(num_examples,)``, and of each of the others the reason."""
    is_drawable = np.ones(len(examples), np.bool_)
    reasons: dict[int, str] = {}
    starts = range(0, len(examples), TEXTS_AT_ONCE)
    pieces = (np.arange(each, min(each + TEXTS_AT_ONCE, len(examples))) for each in starts)
    for some, are_drawable, why_not in drawable_in_pieces(examples, settings, pieces):
        is_drawable[some] = are_drawable
        reasons |= why_not
    return is_drawable, reasons


def drawable_in_pieces(
    examples: Examples, settings: RenderSettings, pieces: Iterable[Ints]
) -> Iterator[tuple[Ints, NDArray[np.bool_], dict[int, str]]]:
    """Likewise, of some, given in pieces of ``TEXTS_AT_ONCE`` or fewer; each piece comes back."""
    table = CharacterTable(settings.fonts)
    for some in pieces:
        if len(table) * len(settings.fonts) > SLOT_TABLE_ENTRIES:
            table = CharacterTable(settings.fonts)
        decoded = decode_texts(examples.take(some), settings.style.max_chars_per_line)
        styled = style_texts(decoded, some, settings, table, asked_fonts(some, settings))
        reasons = {int(some[skip.position]): skip.reason for skip in styled.skips}
        yield some, styled.is_drawable, reasons
