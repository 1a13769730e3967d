"""Which characters of its label a box stands for: of a cluster, or of a word.

Places are of characters in labels, newlines between lines included. Where boxes are in a picture is
known to ``boxes.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ragged import RaggedTexts, code_points
from shmtext.corpus.ranges import Ints
from shmtext.draw.batch import GlyphBoxes
from shmtext.draw.boxes import corners
from shmtext.draw.coverage import BRAILLE_BLANK

# One past the last code point that ``str.isspace`` knows; higher ones share the table's last entry.
_TABLE_STOP = 0x3001
_IS_WHITE = np.array([chr(code).isspace() for code in range(_TABLE_STOP)] + [False])

_HAS_INK = ~_IS_WHITE
_HAS_INK[[BRAILLE_BLANK, 0x200C, 0x200D]] = False
"""But for what has none and parts no words: the blank pattern, and joiners."""


def stops(labels: RaggedTexts, boxes: GlyphBoxes) -> Ints:
    """Behind the last character that each box stands for, ``(num_boxes,)``.

    Characters without ink that stand before the next box are no box's: white space, and joiners.
    """
    if not boxes.cluster.size:
        return boxes.cluster
    codes, text_seams = code_points(labels)
    starts = text_seams[boxes.text_of_box]
    begins = starts + boxes.cluster
    following = np.append(begins[1:], text_seams[-1])
    has_boxes = np.diff(boxes.seams) > 0
    following[boxes.seams[1:][has_boxes] - 1] = text_seams[1:][has_boxes]
    last_ink = np.where(_looked_up(_HAS_INK, codes), np.arange(codes.size), -1)
    stop = np.maximum.accumulate(last_ink)[following - 1] + 1
    # A space that has ink, as Ogham's has, is a box's all the same.
    behind: Ints = np.maximum(stop, begins + 1) - starts
    return behind


def boxes_of_words(labels: RaggedTexts, boxes: GlyphBoxes) -> GlyphBoxes:
    """Join upright boxes of clusters to those of words, which white space parts.

    In the result a word has the first of its characters that has a box. A word of two directions,
    whose parts may be seen apart, has one box around all of them.
    """
    if not boxes.cluster.size:
        return boxes
    codes, text_seams = code_points(labels)
    text = boxes.text_of_box
    begins = text_seams[text] + boxes.cluster
    is_white = _looked_up(_IS_WHITE, codes)
    starts_word = ~is_white
    starts_word[1:] &= is_white[:-1]
    word_of_character = np.cumsum(starts_word)
    # A space that a mark stands on belongs to the mark's word.
    has_more = begins + 1 < text_seams[text + 1]
    word = word_of_character[begins + (is_white[begins] & has_more)]
    first = np.flatnonzero(np.diff(word, prepend=-1) | np.diff(text, prepend=-1))
    least, most = boxes.corners[:, 0], boxes.corners[:, 2]
    sides = [np.minimum.reduceat(least[:, axis], first) for axis in (0, 1)]
    sides += [np.maximum.reduceat(most[:, axis], first) for axis in (0, 1)]
    text_of_word = text[first]
    return GlyphBoxes(
        seams=np.searchsorted(text_of_word, np.arange(boxes.seams.size)),
        cluster=boxes.cluster[first],
        corners=corners(*sides),
    )


def _looked_up(table: NDArray[np.bool_], codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = table[np.minimum(codes, _TABLE_STOP)]
    return found
