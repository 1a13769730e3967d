"""Boxes of label rows as formats of text detection have them: corners, bounds, what is in each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shmtext.dataset.reading import LabelRow

Point = list[int]


def corners(box: Sequence[int]) -> list[Point]:
    """Four corners, clockwise from the upper left, of a box of two corners or of four.

    >>> corners([1, 2, 5, 4])
    [[1, 2], [5, 2], [5, 4], [1, 4]]
    """
    if len(box) == 4:
        x0, y0, x1, y1 = box
        return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
    return [list(box[at : at + 2]) for at in range(0, 8, 2)]


def bounds(box: Sequence[int]) -> tuple[int, int, int, int]:
    """The upright box around one: x0, y0, x1, y1.

    >>> bounds([1, 2, 5, 3, 4, 8, 0, 7])
    (0, 2, 5, 8)
    """
    xs, ys = box[::2], box[1::2]
    return min(xs), min(ys), max(xs), max(ys)


def boxed_texts(row: LabelRow) -> Iterator[tuple[Sequence[int], str]]:
    """The boxes of a label row, and what of its text each is around."""
    text: str = row["text"]
    for box, (first, stop) in zip(row["boxes"], row["box_characters"], strict=True):
        yield box, text[first:stop]
