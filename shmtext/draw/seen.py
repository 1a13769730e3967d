"""Whether all of a text can be seen: ink in each cluster with a character that is due some.

Fonts have empty glyphs where shaping would put something: letters without a medial form, a tatweel
that is drawn by nobody. Which characters are due no ink is ``characters.py``'s knowledge.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, all_in_ranges
from shmtext.draw.laid import Group, LaidLines


def is_seen(
    group: Group, laid: LaidLines, has_ink: NDArray[np.bool_], is_blank: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Of which texts all can be seen, ``(num_texts,)``.

    ``has_ink`` is known of each glyph, ``is_blank`` of each character by its id.
    """
    lacks_ink = ~unseen_characters(
        group.line_starts[:-1][laid.line_of_glyph] + laid.run.cluster,
        has_ink,
        is_blank.take(group.characters),
        group.line_starts,
    )
    return all_in_ranges(lacks_ink, group.text_starts)


def unseen_characters(
    character: Ints,
    has_ink: NDArray[np.bool_],
    is_blank: NDArray[np.bool_],
    line_starts: Ints,
) -> NDArray[np.bool_]:
    """Which characters should be seen and are not, ``(num_characters,)``.

    ``character`` is each glyph's first character, ``line_starts`` the seams of lines among the
    characters, whose clusters they are, too.
    """
    is_first = np.zeros(is_blank.size, np.bool_)
    is_first[character] = True
    is_first[line_starts[:-1][np.diff(line_starts) > 0]] = True
    inked = np.zeros(is_blank.size, np.bool_)
    inked[character[has_ink]] = True
    # What stands behind its cluster's first character shares that one's ink; few characters do.
    behind = np.flatnonzero(~is_first)
    if behind.size:
        begins = np.diff(behind, prepend=-1) > 1
        first = behind[begins] - 1
        inked[first] |= np.logical_or.reduceat(inked[behind], np.flatnonzero(begins))
        inked[behind] = inked[first][np.cumsum(begins) - 1]
    return ~(inked | is_blank)
