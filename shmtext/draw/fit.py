"""Pictures of any size put into rows of one size: scaled, laid to the upper left, padded.

    row     | picture picture  padding |
            | padding padding  padding |    below only where pictures are kept as they were drawn

A row depends on its picture, its paper and the fit alone, never on what else there is. What scales
comes to the same bytes on every processor, given that OpenCV leaves out IPP (``libraries.py`` in
the engine). Whose memory rows are is not known here: every byte of them is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self, cast, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.kinds import Choice, Limits, Whole
from shmtext.corpus.ranges import Ints
from shmtext.draw.batch import Pixels
from shmtext.errors import ConfigError
from shmtext.looks.channels import in_gray

How = Literal["pad", "stretch", "keep"]
Pad = Literal["background", "edge"]

Place = tuple[int, int, int, int]
"""Of a picture in its row: width, height, and how many pixels of it are blurred to one before they
are sampled, across and down, as ``blurred_px`` has them."""

MAX_FIT_PX = 1 << 15


@dataclass(frozen=True, slots=True, eq=False)
class Sizes:
    """Of some pictures; both arrays have shape ``(num_pictures,)``."""

    width_px: NDArray[np.int32]
    height_px: NDArray[np.int32]

    @classmethod
    def of(cls, pictures: Sequence[Pixels]) -> Self:
        """Those that pictures have."""
        sizes = [picture.shape[1::-1] for picture in pictures]
        width_px, height_px = np.array(sizes, np.int32).reshape(-1, 2).T
        return cls(width_px, height_px)


@dataclass(frozen=True, slots=True)
class Fit:
    """What size rows have, and how pictures get into them.

    Raises ``ConfigError`` at what can't be.
    """

    height_px: int
    width_px: int
    how: How = "pad"
    """``pad``: as high as the row and as wide as that makes it, at most as the row. ``stretch``: as
    large as the row. ``keep``: as drawn; a larger one is made to fit, in its shape."""
    channels: Literal[1, 3] = 1
    """Gray, or red, green, blue, whichever of them pictures are."""
    pad: Pad = "background"
    """What the right is filled up with: the paper's colour, or the last column over and over.
    Below it is always paper: a last row has ink of letters that reach down."""

    def __post_init__(self) -> None:
        side = Whole(Limits(1, MAX_FIT_PX))
        side.take("height_px", self.height_px)
        side.take("width_px", self.width_px)
        Choice(get_args(How)).take("how", self.how)
        Choice(get_args(Pad)).take("pad", self.pad)
        if self.channels not in (1, 3):
            raise ConfigError(f"channels must be 1 or 3, got {self.channels!r}")

    def shape_of(self, num_rows: int) -> tuple[int, ...]:
        """The shape of an array of rows; gray ones have no axis of channels."""
        channels = () if self.channels == 1 else (self.channels,)
        return num_rows, self.height_px, self.width_px, *channels

    def sizes(self, drawn: Sizes) -> Sizes:
        """The sizes that pictures come to, given those that they were drawn in.

        >>> drawn = Sizes(np.array([60, 900], np.int32), np.array([40, 40], np.int32))
        >>> fitted = Fit(32, 128).sizes(drawn)
        >>> fitted.width_px.tolist(), fitted.height_px.tolist()
        ([48, 128], [32, 32])
        """
        is_kept = (drawn.width_px <= self.width_px) & (drawn.height_px <= self.height_px)
        if self.how == "keep" and is_kept.all():
            return drawn
        width, height = drawn.width_px.astype(np.int64), drawn.height_px.astype(np.int64)
        new_width = np.full_like(width, self.width_px)
        new_height = np.full_like(height, self.height_px)
        if self.how != "stretch":
            new_width = np.minimum(_share(width, self.height_px, height), new_width)
        if self.how == "keep":
            new_height = np.minimum(_share(height, self.width_px, width), new_height)
            new_width = np.where(is_kept, width, new_width)
            new_height = np.where(is_kept, height, new_height)
        return Sizes(*(np.maximum(each, 1).astype(np.int32) for each in (new_width, new_height)))


def blurred_px(drawn_px: NDArray[np.integer], new_px: NDArray[np.integer]) -> Ints:
    """How many pixels along axes are blurred to one before they are sampled; shapes are alike.

    A sample lies between two pixels. Where an axis is made smaller than half there would be pixels
    that no sample sees: 3 or 5 are blurred first. At 0, beyond, means of areas are taken. Means
    would always do, but they cost 45 to 90 us a picture of 38 rows, samples 10, and blurred ones
    17, which to here are as near to a cubic filter of fitting width as Pillow's linear one is.

    >>> blurred_px(np.array([20, 40, 41, 60, 99]), np.array([20, 20, 20, 20, 20])).tolist()
    [1, 1, 3, 5, 0]
    """
    num = 1 + 2 * (drawn_px > 2 * new_px) + 2 * (4 * drawn_px > 11 * new_px)
    return num * (4 * drawn_px <= 15 * new_px)


def fit_into(rows: Sequence[Pixels], pictures: Sequence[Pixels], papers: Pixels, fit: Fit) -> Sizes:
    """Put each picture into its row, and return what of each row is picture.

    ``rows`` are contiguous, each of the shape that ``fit`` says. Pictures are as in ``Batch``, all
    of them gray or all in colour, and ``papers`` the colours of what they are drawn on,
    ``(num_pictures, num_channels)`` with the channels of pictures.
    """
    shape = fit.shape_of(1)[1:]
    if len(rows) and rows[0].shape != shape:
        # OpenCV would write elsewhere, and say nothing.
        raise ValueError(f"rows must be of shape {shape}, they are of {rows[0].shape}")
    drawn = Sizes.of(pictures)
    fitted = fit.sizes(drawn)
    is_grayed, is_tripled = papers.shape[1] > fit.channels, papers.shape[1] < fit.channels
    if is_grayed:
        papers = in_gray(papers[None]).T
        pictures = [in_gray(picture) for picture in pictures]
    # Gray is made colour at the end: before, it is a third of the work.
    laid = np.empty((fit.height_px, fit.width_px), np.uint8)
    for row, picture, paper, place in zip(
        rows, pictures, papers.tolist(), _places(drawn, fitted), strict=True
    ):
        to = laid if is_tripled else row
        is_scaled = place[:2] != picture.shape[1::-1]
        if is_scaled and place[:2] == (fit.width_px, fit.height_px):
            _scale(picture, to, place)
        else:
            part = _scale(picture, None, place) if is_scaled else picture
            _pad(part, to, paper, fit.pad)
        if is_tripled:
            cv2.cvtColor(laid, cv2.COLOR_GRAY2RGB, dst=row)
    return fitted


def _places(drawn: Sizes, fitted: Sizes) -> list[Place]:
    width, height = fitted.width_px, fitted.height_px
    if drawn is fitted:
        return [(*size, 1, 1) for size in zip(width.tolist(), height.tolist(), strict=True)]
    across, down = blurred_px(drawn.width_px, width), blurred_px(drawn.height_px, height)
    return list(zip(*(each.tolist() for each in (width, height, across, down)), strict=True))


def _scale(picture: Pixels, to: Pixels | None, place: Place) -> Pixels:
    """Scale a picture to its size in the row, into an array of that size or into a new one.

    Made so small along an axis that samples alone won't do, it is blurred before, or its means are
    taken; an axis that grows in spite of that is sampled when the other is done.
    """
    width, height, *blurred = place
    if 0 not in blurred:
        soft = picture if blurred == [1, 1] else cv2.GaussianBlur(picture, blurred, 0)
        return cast("Pixels", cv2.resize(soft, (width, height), to, 0, 0, cv2.INTER_LINEAR))
    smaller = min(width, picture.shape[1]), min(height, picture.shape[0])
    if smaller == (width, height):
        return cast("Pixels", cv2.resize(picture, smaller, to, 0, 0, cv2.INTER_AREA))
    small = cv2.resize(picture, smaller, None, 0, 0, cv2.INTER_AREA)
    return cast("Pixels", cv2.resize(small, (width, height), to, 0, 0, cv2.INTER_LINEAR))


def _pad(picture: Pixels, row: Pixels, paper: Sequence[int], pad: Pad) -> None:
    """Put a picture into the upper left of a row, and fill what is left.

    OpenCV does both in three fifths of the time that numpy takes for one after the other.
    """
    below_px, beside_px = len(row) - len(picture), row.shape[1] - picture.shape[1]
    if pad == "background":
        cv2.copyMakeBorder(picture, 0, below_px, 0, beside_px, cv2.BORDER_CONSTANT, row, paper)
        return
    beside = row[: len(picture)]
    cv2.copyMakeBorder(picture, 0, 0, 0, beside_px, cv2.BORDER_REPLICATE, beside)
    row[len(picture) :] = paper


def _share(size_px: Ints, numerator: int, denominator: Ints) -> Ints:
    """``size_px * numerator / denominator``, exactly; halves go to the even number.

    >>> _share(np.array([5, 6, 7]), 1, np.array([2, 4, 2])).tolist()
    [2, 2, 4]
    """
    quotient, rest = np.divmod(size_px * numerator, denominator)
    is_odd = quotient & 1
    quotient += 2 * rest + is_odd > denominator
    return quotient
