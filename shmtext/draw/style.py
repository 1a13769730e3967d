"""What is drawn for example ``i``: a font, a size, a pair of colours.

Draws come from a Philox stream addressed by ``(seed, example_index)``: four 64-bit words an
example, whichever worker asks, in whatever order. Nothing is drawn on a canvas here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WORDS_PER_EXAMPLE = 4
STYLE_STREAM = 1
"""Second half of the Philox key; other purposes take other numbers, so that streams never meet."""


@dataclass(frozen=True, slots=True, eq=False)
class Styles:
    """What was drawn for each of a shard's texts; all arrays have shape ``(num_texts,)``."""

    font_id: NDArray[np.int64]
    size_id: NDArray[np.int64]
    pair_id: NDArray[np.int64]


def style_words(seed: int, start: int, stop: int) -> NDArray[np.uint64]:
    """Random words of examples ``[start, stop)``, shape ``(stop - start, 4)``.

    >>> bool((style_words(7, 5, 9)[2] == style_words(7, 7, 8)[0]).all())
    True
    """
    # Philox4x64 makes four words from each value of its counter: the counter is the example.
    key = np.array([seed, STYLE_STREAM], np.uint64)
    stream = np.random.Philox(key=key, counter=np.array([start, 0, 0, 0], np.uint64))
    words = stream.random_raw(WORDS_PER_EXAMPLE * (stop - start))
    return np.asarray(words, np.uint64).reshape(-1, WORDS_PER_EXAMPLE)


def choose(words: NDArray[np.uint64], num_choices: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """Map words evenly to ``[0, num_choices)``; the bias is below ``num_choices / 2**32``."""
    high = words >> np.uint64(32)
    return ((high * np.asarray(num_choices, np.uint64)) >> np.uint64(32)).astype(np.int64)


def draw_styles(
    words: NDArray[np.uint64], support: NDArray[np.bool_] | None, counts: tuple[int, int, int]
) -> Styles:
    """Draw a style for each row of ``words``.

    ``counts`` are the numbers of fonts, sizes and colour pairs. ``support`` tells which fonts
    (columns) cover each text (rows), None that all do; a text that no font covers gets font 0.
    """
    num_fonts, num_sizes, num_pairs = counts
    if support is None:
        font_id = choose(words[:, 0], num_fonts)
    else:
        # The n-th font among those that cover the text: count up along the row.
        nth = choose(words[:, 0], np.maximum(support.sum(axis=1), 1))
        font_id = np.argmax(np.cumsum(support, axis=1) == (nth + 1)[:, None], axis=1)
    return Styles(font_id, choose(words[:, 1], num_sizes), choose(words[:, 2], num_pairs))
