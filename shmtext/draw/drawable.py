"""Which examples of a corpus can be drawn, by the rules of a run, before any is.

What depends on the size or look that is drawn for a text is seen when it is: see ``pictures.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
    table = CharacterTable(settings.fonts)
    is_drawable = np.ones(len(examples), np.bool_)
    reasons: dict[int, str] = {}
    for start in range(0, len(examples), TEXTS_AT_ONCE):
        if len(table) * len(settings.fonts) > SLOT_TABLE_ENTRIES:
            table = CharacterTable(settings.fonts)
        some = np.arange(start, min(start + TEXTS_AT_ONCE, len(examples)))
        decoded = decode_texts(examples.take(some), settings.style.max_chars_per_line)
        styled = style_texts(decoded, some, settings, table, asked_fonts(some, settings))
        is_drawable[start : start + len(some)] = styled.is_drawable
        reasons |= {start + skip.position: skip.reason for skip in styled.skips}
    return is_drawable, reasons
