"""What is drawn for example ``i``: a font, a size, a pair of colours, a look.

Of an example's words in the stream ``STYLE`` (see ``draws.py``) the first decides the font, the
second the size, the third the colours; the first in the stream ``LOOK`` the look. Nothing is drawn
on a canvas here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import unit
from shmtext.draw.draws import Words, choose


@dataclass(frozen=True, slots=True, eq=False)
class Styles:
    """What was drawn for each of a shard's texts; all arrays have shape ``(num_texts,)``."""

    font_id: NDArray[np.int64]
    size_id: NDArray[np.int64]
    pair_id: NDArray[np.int64]
    look_id: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> Styles:
        """Those of some texts."""
        return Styles(
            self.font_id[rows], self.size_id[rows], self.pair_id[rows], self.look_id[rows]
        )


def draw_styles(
    words: Words,
    support: NDArray[np.bool_] | None,
    counts: tuple[int, int, int],
    shares: NDArray[np.float64] | None = None,
) -> Styles:
    """Draw a style for each row of ``words``, all with the first look.

    ``counts`` are the numbers of fonts, sizes and colour pairs. ``support`` tells which fonts
    (columns) cover each text (rows), None that all do; a text that no font covers gets font 0.
    ``shares`` say how often each font is drawn among those that cover a text, None equally often.
    """
    num_fonts, num_sizes, num_pairs = counts
    if shares is not None:
        font_id = _by_share(words[:, 0], support, shares)
    elif support is None:
        font_id = choose(words[:, 0], num_fonts)
    else:
        # The n-th font among those that cover the text: count up along the row.
        nth = choose(words[:, 0], np.maximum(support.sum(axis=1), 1))
        font_id = np.argmax(np.cumsum(support, axis=1) == (nth + 1)[:, None], axis=1)
    size_id, pair_id = choose(words[:, 1], num_sizes), choose(words[:, 2], num_pairs)
    return Styles(font_id, size_id, pair_id, np.zeros_like(pair_id))


def draw_looks(words: Words, weights: Sequence[float]) -> NDArray[np.int64]:
    """Draw one of some looks for each row of ``words``, as often as its weight says."""
    if len(weights) < 2:
        return np.zeros(len(words), np.int64)
    return _by_share(words[:, 0], None, np.asarray(weights))


def _by_share(
    drawn: NDArray[np.uint64], support: NDArray[np.bool_] | None, shares: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Draw one of some things for each word, as often as its share says among those supported.

    Where nothing is supported that is the first.
    """
    if support is None:
        up_to = np.cumsum(shares)
        chosen: NDArray[np.int64] = np.searchsorted(
            up_to[:-1], unit(drawn) * up_to[-1], side="right"
        )
        return chosen
    up_to_of = np.cumsum(np.where(support, shares, 0.0), axis=1)
    # What is not supported ends where the one before it does: no draw falls into it. Rounded up,
    # one comes to all of the shares at most, and then belongs to the last that is supported.
    total = up_to_of[:, -1:]
    at = np.minimum(unit(drawn)[:, None] * total, np.nextafter(total, 0.0))
    chosen = np.count_nonzero(up_to_of <= at, axis=1)
    chosen[total[:, 0] == 0] = 0
    return chosen
