"""Neighbours: other lines and words of the page, of which an edge is in the picture.

They lie on the paper that the text lies on, and go through its warp. How far away they are is found
from how the text is framed: so much of them is to be seen, and no more, wherever margins end. What
they say, and how it is drawn, comes from outside: ``draw/others.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats, Range, unit
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import (
    FIRST_OWN_WORD,
    Draws,
    Kind,
    Step,
    Traits,
    Values,
    ranged,
)
from shmtext.looks.planes import compose, matrices
from shmtext.looks.remapping import Cells, Part, moved_masks
from shmtext.looks.sheet import Pixels, Sheet, within
from shmtext.looks.warp import Warp, ink_boxes

LINE, WORD = "line", "word"
"""What an example has beside it: one text each, of which several sides may have a part."""

SIDES = {"above": LINE, "below": LINE, "left": WORD, "right": WORD}

LEAST_GAP_PX = 2
"""Between the text's ink and that of others; what of the others is nearer is left out."""

MOST_OF_LINE = 0.4
"""Of a line's height that is seen anywhere, unless more is asked for: pictures that geometry made
higher show more at one end than at the other, and half a line can be read."""

LEAST_OF_INK = 0.12
"""Of a line's ink that is seen: the tips of a few letters look like dots and accents of the
text's, and what hangs below a baseline or rises above most letters is seldom a tenth."""

WORD_GAP_EM = 0.45
"""Between the text and words beside it, at least: nearer ones would be a part of it."""

MOST_OF_LETTER = 0.4
"""Of the width of a letter beside the text that is seen: one seen whole might be read."""

MOST_BESIDE_EM = 0.12

STEM_EM = 0.35
"""Of ink in a column, and there is a stem: one that is seen reads as an l or an I."""

NOTHING = np.zeros((1, 1), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class OtherInk:
    """A line of another text."""

    mask: Pixels
    """Cut to its ink; ``NOTHING`` where there is none."""
    top_px: int
    """Of that, from the top of its line."""


NO_INK = OtherInk(NOTHING, 0)

OthersOf = Callable[[Ints, Floats], Sequence[OtherInk]]
"""Draws lines of other examples: given the numbers in a batch of those that they are beside, and
for each of these a place among the examples before it, from 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours(Step):
    """Edges of lines above and below, and of words to the left and right, of the same corpus."""

    kind: ClassVar[Kind] = Kind.MASK
    number: ClassVar[int] = 27

    above: Range = ranged((0.45, 0.45), "How often a line above is seen, given room.", (0, 1), "P")
    below: Range = ranged((0.45, 0.45), "How often a line below is seen, given room.", (0, 1), "P")
    left: Range = ranged(
        (0.1, 0.1), "How often a word to the left is seen, given room.", (0, 1), "P"
    )
    right: Range = ranged(
        (0.1, 0.1), "How often a word to the right is seen, given room.", (0, 1), "P"
    )
    share: Range = ranged((0.06, 0.28), "Of the height of a line that is seen.", (0, 0.5))
    gap_px: Range = ranged((2, 5), "Between it and the text, at least.", (LEAST_GAP_PX, 64), "PX")

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Draw, too, which sides have others, whose these are and where along the line.

        Whose they are is a place among the examples before, from 0 to 1.
        """
        values = super(Neighbours, self).draw(draws, traits)
        values["gap_px"] = np.maximum(np.rint(values["gap_px"]), LEAST_GAP_PX)
        drawn = [unit(draws.word(FIRST_OWN_WORD + number)) for number in range(8)]
        for side, occurs in zip(SIDES, drawn, strict=False):
            values[side] = (occurs < values[side]).astype(np.int64)
        values[LINE], values[WORD], values["along_above"], values["along_below"] = drawn[4:]
        return values

    @classmethod
    def reach_px(cls, values: Values, traits: Traits) -> Ints:
        """As far as the text's ink keeps others away."""
        del values
        return np.full(traits.em_px.shape, LEAST_GAP_PX)

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Draw what ``place_others`` has placed, but not on the text or close to it."""
        del rows, values
        beside = sheet.beside
        if beside is None:
            return
        others, row_of = sheet.others(), beside.row.tolist()
        cells = Cells.of(sheet).take(beside.row)
        for number, part, ink in moved_masks(beside.warp, cells):
            if ink.size:
                free = _kept_away(ink, part, sheet, row_of[number])
                cv2.max(others[part], free, dst=others[part])


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """Other ink, and where it goes."""

    warp: Warp
    """Of its masks."""
    row: Ints
    """Number of the example that each is beside, ``(num_masks,)``."""

    def within(self, place: Ints, first: int, last: int) -> Beside:
        """For examples whose places in an order lie in ``[first, last)``, counted from there."""
        which, rows = within(self.row, place, first, last)
        return Beside(self.warp.take(which), rows)


def _kept_away(ink: Pixels, part: Part, sheet: Sheet, row: int) -> Pixels:
    """What of some ink, at its place in an example's cell, is not too close to the text's."""
    down, across = part
    cell = sheet.cell(sheet.mask, row)
    left = across.start - int(sheet.left[row])
    x, y = max(left - LEAST_GAP_PX, 0), max(down.start - LEAST_GAP_PX, 0)
    right = left + ink.shape[1] + LEAST_GAP_PX
    around = cell[y : down.stop + LEAST_GAP_PX, x:right]
    if not cv2.countNonZero(around):
        return ink
    side_px = 2 * LEAST_GAP_PX + 1
    near = cv2.dilate(around, np.ones((side_px, side_px), np.uint8))
    near = near[down.start - y :, left - x :][: ink.shape[0], : ink.shape[1]]
    _, free = cv2.threshold(near, 0, 255, cv2.THRESH_BINARY_INV)
    return cv2.bitwise_and(ink, free)  # type: ignore[return-value]


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """What is to be seen of masks where they lie flat, in their pixels; arrays have one length."""

    left: Floats
    top: Floats
    right: Floats
    bottom: Floats
    wider_px: Floats
    """By how much more, in width, is seen somewhere, as geometry made the picture larger."""
    higher_px: Floats
    ink: Floats
    """Left, top, right, bottom of the text's ink, ``(num, 4)``."""
    em_px: Floats
    gap_px: Floats

    @classmethod
    def of(cls, warp: Warp, rows: Ints, em_px: Floats, gap_px: Floats) -> Self:
        """Of some examples of a warp that has settled."""
        scale = warp.form[rows][:, [0, 1, 0, 1], [0, 1, 0, 1]]
        out = warp.margin_px[rows] / scale * [-1, -1, 1, 1]
        sides = warp.box[rows] + out
        size = np.stack([warp.width_px, warp.height_px], axis=1)[rows]
        more = np.maximum(np.floor(size / scale[:, :2] - (sides[:, 2:] - sides[:, :2])), 0)
        left, top, right, bottom = sides.T
        return cls(
            left=left,
            top=top,
            right=right,
            bottom=bottom,
            wider_px=more[:, 0],
            higher_px=more[:, 1],
            ink=warp.ink[rows],
            em_px=em_px,
            gap_px=gap_px,
        )

    def take(self, which: Ints) -> Self:
        """Those of some."""
        return type(self)(*(getattr(self, each.name)[which] for each in fields(self)))

    def room_px(self, side: str) -> Floats:
        """Whole pixels on one side of the text that others may be seen in."""
        gap_px = self.gap_px
        if SIDES[side] == WORD:
            gap_px = np.maximum(gap_px, np.ceil(WORD_GAP_EM * self.em_px))
        room_px = {
            "above": self.ink[:, 1] - np.ceil(self.top),
            "below": np.floor(self.bottom) - self.ink[:, 3],
            "left": self.ink[:, 0] - np.ceil(self.left),
            "right": np.floor(self.right) - self.ink[:, 2],
        }
        return np.floor(room_px[side] - gap_px)


def place_others(
    warp: Warp, rows: Ints, values: Values, em_px: Floats, others_of: OthersOf
) -> Beside | None:
    """Find out where other ink goes; None where none is seen.

    ``warp`` has settled. ``rows`` are the numbers in it of examples that have neighbours, with
    their ``values`` and font sizes. Few have room for others: only theirs are drawn.
    """
    frames = _Frame.of(warp, rows, em_px, values["gap_px"])
    which_of = {
        side: np.flatnonzero((values[side] > 0) & (frames.room_px(side) >= 1)) for side in SIDES
    }
    masks: list[Pixels] = []
    found: list[tuple[Ints, Floats, Floats]] = []
    for side, inks in _drawn(which_of, rows, values, others_of).items():
        has_ink = [at for at, ink in enumerate(inks) if ink is not NO_INK]
        if not has_ink:
            continue
        which, inks = which_of[side][has_ink], [inks[at] for at in has_ink]
        frame = frames.take(which)
        if SIDES[side] == LINE:
            drawn = values["share"][which], values[f"along_{side}"][which]
            x, y, seen_px = _line_place(side, frame, inks, drawn)
            seen_px += frame.higher_px
        else:
            x, y, seen_px = _word_place(side, frame, inks)
        is_seen = np.flatnonzero(seen_px >= 1)
        masks += [inks[at].mask for at in is_seen.tolist()]
        found.append((rows[which[is_seen]], x[is_seen], y[is_seen]))
    if not masks:
        return None
    row, x, y = (np.concatenate(each) for each in zip(*found, strict=True))
    beside = warp.take(row)
    form = compose(beside.form, matrices(row.size, x=x, y=y))
    return Beside(replace(beside, masks=masks, ink=ink_boxes(masks), form=form), row)


def _drawn(
    which_of: Mapping[str, Ints], rows: Ints, values: Values, others_of: OthersOf
) -> dict[str, list[OtherInk]]:
    """Draw what is wanted on each side; of two sides of an example it is the same line or word."""
    wanted = {
        kind: np.unique(np.concatenate([which_of[side] for side in SIDES if SIDES[side] == kind]))
        for kind in (LINE, WORD)
    }
    keys = [(kind, at) for kind, which in wanted.items() for at in which.tolist()]
    place = np.concatenate([values[kind][which] for kind, which in wanted.items()])
    inks = others_of(rows[[at for _, at in keys]], place) if keys else []
    ink_of = dict(zip(keys, inks, strict=True))
    return {
        side: [ink_of[SIDES[side], at] for at in which.tolist()] for side, which in which_of.items()
    }


def _sizes(inks: Sequence[OtherInk]) -> Floats:
    """Heights and widths, ``(2, num)``."""
    return np.array([ink.mask.shape for ink in inks], np.float64).T


def _line_place(
    side: str, frame: _Frame, inks: Sequence[OtherInk], drawn: tuple[Floats, Floats]
) -> tuple[Floats, Floats, Floats]:
    """Left and top of lines above or below, and how much of them is seen, lying flat.

    ``drawn`` are the shares of their heights, and where along them the text is.
    """
    height, width = _sizes(inks)
    share, along = drawn
    most_px = np.floor(np.maximum(share, MOST_OF_LINE) * height) - frame.higher_px
    most_px = np.minimum(most_px, frame.room_px(side))
    is_above = side == "above"
    least_px = _least_px([ink.mask for ink in inks], at_bottom=is_above)
    seen_px = np.maximum(np.minimum(np.rint(share * height), most_px), least_px)
    seen_px = np.where(seen_px <= most_px, seen_px, -np.inf)
    y = np.ceil(frame.top) + seen_px - height if is_above else np.floor(frame.bottom) - seen_px
    x = np.rint(frame.left + along * (frame.right - frame.left - width))
    return x, y, seen_px


def _word_place(
    side: str, frame: _Frame, inks: Sequence[OtherInk]
) -> tuple[Floats, Floats, Floats]:
    """Left and top of words to the left or right, and how much of them is seen."""
    is_left = side == "left"
    seen_px = np.array(
        [
            _harmless_px(ink.mask, em_px, at_end=is_left)
            for ink, em_px in zip(inks, frame.em_px.tolist(), strict=True)
        ]
    )
    seen_px = np.floor(np.minimum(seen_px - frame.wider_px, frame.room_px(side)))
    y = np.array([ink.top_px for ink in inks], np.float64)
    if is_left:
        return np.ceil(frame.left) + seen_px - _sizes(inks)[1], y, seen_px
    return np.floor(frame.right) - seen_px, y, seen_px


def _least_px(masks: Sequence[Pixels], *, at_bottom: bool) -> Ints:
    """How many rows of lines are seen at least, so that they look like those of a line."""
    by_row = np.zeros((len(masks), max(len(mask) for mask in masks)), np.int64)
    for sums, mask in zip(by_row, masks, strict=True):
        found = cv2.reduce(mask, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0]
        sums[: len(mask)] = found[::-1] if at_bottom else found
    seen = np.cumsum(by_row, axis=1)
    too_few: Ints = np.count_nonzero(seen < LEAST_OF_INK * seen[:, -1:], axis=1)
    return too_few + 1


def _harmless_px(mask: Pixels, em_px: float, *, at_end: bool) -> float:
    """How much of a line's first or last letter may be seen, and be no letter."""
    most_px = int(np.ceil(MOST_BESIDE_EM * em_px / MOST_OF_LETTER))
    part = mask[:, -most_px:] if at_end else mask[:, :most_px]
    ink = cv2.reduce(part, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[0]
    ink = ink[::-1] if at_end else ink
    gaps, stems = np.flatnonzero(ink == 0), np.flatnonzero(ink > STEM_EM * em_px * 255)
    letter_px = gaps[0] if gaps.size else part.shape[1]
    return float(min(MOST_OF_LETTER * letter_px, stems[0] if stems.size else most_px))
