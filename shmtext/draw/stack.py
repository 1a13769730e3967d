"""Lines of texts, drawn side by side in a strip, laid one below the other.

Where a line's rows reach into those of the one above it, both may have ink there, as long as no
pixel has ink of two lines: Pillow inks a line after the other, which rounds otherwise than one
mask for both. Such texts are drawn alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints
from shmtext.draw.batch import Pixels


@dataclass(frozen=True, slots=True, eq=False)
class StackedLines:
    """Lines of some texts, as many of each; arrays have shape ``(num_texts * num_lines,)``, those
    of one text end to end."""

    left: Ints
    """First column of a line in the strip."""
    first_row: Ints
    """First row of it that is of interest there, and behind the last; likewise the next."""
    stop_row: Ints
    top: Ints
    """Row of its text's picture that the first one comes to."""


def stack(
    strip: Pixels, lines: StackedLines, width_px: Ints, height_px: Ints
) -> tuple[Pixels, NDArray[np.bool_]]:
    """Lay lines out as pictures side by side, ``(largest height, sum of widths)``.

    ``width_px`` and ``height_px`` are of pictures, ``(num_texts,)``. Also returned is in which
    texts lines meet, ``(num_texts,)``: their pictures are not to be used.
    """
    stacked = np.zeros((int(height_px.max()), int(width_px.sum())), np.uint8)
    meets = np.zeros(width_px.size, np.bool_)
    num_lines = lines.left.size // width_px.size
    left = np.cumsum(width_px) - width_px
    columns = zip(left.tolist(), (left + width_px).tolist(), strict=True)
    places = zip(
        lines.left.tolist(),
        lines.first_row.tolist(),
        lines.stop_row.tolist(),
        lines.top.tolist(),
        strict=True,
    )
    for text, (first, last) in enumerate(columns):
        picture, reached = stacked[:, first:last], 0
        for _ in range(num_lines):
            from_column, from_row, to_row, top = next(places)
            line = strip[from_row:to_row, from_column : from_column + last - first]
            bottom = top + to_row - from_row
            num_shared = min(max(reached - top, 0), len(line))
            if num_shared:
                over = picture[top : top + num_shared]
                meets[text] |= bool(np.logical_and(over, line[:num_shared]).any())
                np.maximum(over, line[:num_shared], out=over)
            picture[top + num_shared : bottom] = line[num_shared:]
            reached = max(reached, bottom)
    return stacked, meets
