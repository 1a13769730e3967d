"""Masks to pictures by way of effects: the order of what happens to a batch.

Geometry first, all of it at once; then a sheet of masks, papers, inks; then what is laid on paper
is a picture, and optics, noise, resampling and compression are done to that. ``registry.py`` has
the effects in this order. What examples have drawn is known here, how is ``drawing.py``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats
from shmtext.corpus.ranges import Ints, seams
from shmtext.looks.drawing import Drawn
from shmtext.looks.effect import Geometry, Kind, Step, Traits, Values
from shmtext.looks.guard import can_be_read
from shmtext.looks.neighbours import Beside, Neighbours, OthersOf, place_others
from shmtext.looks.own import OwnBatch
from shmtext.looks.remapping import draw_masks
from shmtext.looks.sheet import Pixels, Sheet
from shmtext.looks.warp import Warp

SHEET_COLUMNS = 65_536
"""Of pictures that are developed together: a batch as it comes, unless pictures grew much. For a
quarter of it calls cost more than layers gain that stay in a second cache: a tenth in all."""

FEW_COLUMNS = 8192
"""Of a batch that is one sheet, whatever its ink: what is drawn again, mostly."""

MOST_SPARE = 1 << 19
"""Pixels of a sheet below cells that are less high than its highest: where there were more, a sheet
of its own costs less."""

PIECE_COLUMNS, PIECE_BYTES = 2048, 3 << 15
"""Of a layer that several operations are done to, one after another: so much stays in a core's
caches. With colour that takes half the time that whole layers take."""


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What examples of a batch are made of; arrays have one length."""

    masks: Sequence[Pixels]
    ink: Floats
    """Left, top, right, bottom of the ink in each mask, ``(num_examples, 4)``."""
    traits: Traits
    paper_color: Pixels
    """Unless an effect has another, ``(num_examples, num_channels)``."""
    ink_color: Pixels

    def take(self, rows: Ints) -> Material:
        """That of some examples."""
        which = rows.tolist()
        return Material(
            masks=[self.masks[row] for row in which],
            ink=self.ink[rows],
            traits=self.traits.take(rows),
            paper_color=self.paper_color[rows],
            ink_color=self.ink_color[rows],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Developed:
    """Pictures of a batch, in its order."""

    pictures: list[Pixels]
    """Shape ``(height, width)`` or ``(height, width, 3)``; views of a few arrays."""
    warp: Warp
    """Where everything went."""
    can_be_read: NDArray[np.bool_]
    """``(num_examples,)``."""
    paper_color: Pixels
    """Before anything was done to papers, ``(num_examples, num_channels)``."""
    ink_color: Pixels


def develop(
    material: Material, drawn: Sequence[Drawn], own: OwnBatch, others_of: OthersOf
) -> Developed:
    """Do what was drawn to a batch; ``drawn`` is in the order of ``registry.EFFECTS``.

    ``others_of`` draws ink beside the texts', where effects want it. The user's own effects come
    last. Pictures that these fail at are as they were before.
    """
    num = len(material.masks)
    warp = Warp.of_masks(material.masks, material.ink)
    for each in drawn:
        if issubclass(each.effect, Geometry):
            each.effect.bend(warp, each.rows, each.values)
    warp.settle()
    beside = None
    for each in drawn:
        if each.effect is Neighbours:
            em_px = material.traits.em_px[each.rows]
            beside = place_others(warp, each.rows, each.values, em_px, others_of)
    bleed_px = _bleed_px(material.traits, drawn)
    width_px, height_px = (side + 2 * bleed_px for side in (warp.width_px, warp.height_px))
    order, sheets = _order(width_px, height_px, drawn)
    place = np.argsort(order)
    pictures: list[Pixels] = []
    is_read = np.zeros(num, np.bool_)
    paper_color, ink_color = material.paper_color.copy(), material.ink_color.copy()
    for first, last in sheets:
        rows = order[first:last]
        steps = [each.within(place, first, last) for each in drawn if _is_step(each)]
        ground = warp.take(rows), beside and beside.within(place, first, last)
        sheet = _developed_sheet(material.take(rows), ground, bleed_px[rows], steps)
        own.within(place, first, last).apply(sheet)
        pictures += sheet.pictures(sheet.paper)
        is_read[rows] = can_be_read(sheet)
        paper_color[rows], ink_color[rows] = sheet.paper_color, sheet.ink_color
    in_order = [pictures[at] for at in place.tolist()]
    return Developed(in_order, warp, is_read, paper_color, ink_color)


def _is_step(drawn: Drawn) -> bool:
    return issubclass(drawn.effect, Step)


def _order(
    width_px: Ints, height_px: Ints, drawn: Sequence[Drawn]
) -> tuple[Ints, list[tuple[int, int]]]:
    """The order of a batch, given the sides of cells, and the sheets that it is divided into.

    Cells of like height are in one sheet, so that little of its layers is for nothing, and those
    whose ink is more than a colour apart from others, but where these are few. Within, they are in
    the order in which an effect needs the fewest calls.
    """
    num = width_px.size
    is_layered, key = np.zeros(num, np.bool_), np.full(num, -1.0)
    is_few = int(width_px.sum()) <= FEW_COLUMNS
    for each in drawn:
        if each.effect.kind is Kind.INK and not is_few:
            is_layered[each.rows] = True
    for each in drawn:
        if issubclass(each.effect, Step) and each.effect.done_by:
            key[each.rows] = each.values[each.effect.done_by]
            break
    order: list[Ints] = []
    sheets: list[tuple[int, int]] = []
    start = 0
    for group in (np.flatnonzero(~is_layered), np.flatnonzero(is_layered)):
        group = group[np.argsort(height_px[group], kind="stable")]
        for first, last in _sheets(width_px[group], height_px[group]):
            rows = group[first:last]
            order.append(rows[np.argsort(key[rows], kind="stable")])
            sheets.append((start + first, start + last))
        start += group.size
    return np.concatenate(order), sheets


def _sheets(width_px: Ints, height_px: Ints) -> Iterator[tuple[int, int]]:
    """Divide cells, by height, into sheets of ``SHEET_COLUMNS`` with ``MOST_SPARE`` below cells.

    But of at least one.
    """
    columns, area = seams(width_px), seams(width_px * height_px)
    first, num = 0, width_px.size
    while first < num:
        spare = height_px[first:] * (columns[first + 1 :] - columns[first])
        spare -= area[first + 1 :] - area[first]
        ends = (
            np.searchsorted(columns[first + 1 :] - columns[first], SHEET_COLUMNS, side="right"),
            np.searchsorted(spare, MOST_SPARE, side="right"),
        )
        last = first + max(int(min(ends)), 1)
        yield first, last
        first = last


def _developed_sheet(
    material: Material,
    ground: tuple[Warp, Beside | None],
    bleed_px: Ints,
    drawn: Sequence[Drawn],
) -> Sheet:
    """Make pictures of some masks, given where these go, and what lies beside them."""
    warp, beside = ground
    is_colored = material.paper_color.shape[1] == 3
    sizes = warp.width_px, warp.height_px
    sheet = Sheet.blank(material.traits, sizes, bleed_px, is_colored=is_colored)
    sheet.warp = warp
    draw_masks(warp, sheet)
    sheet.beside = beside
    sheet.paper_color[...] = material.paper_color
    sheet.ink_color[...] = material.ink_color
    _apply(sheet, drawn, (Kind.MASK, Kind.COLOR))
    sheet.paper = sheet.fill(sheet.paper_color)
    _apply(sheet, drawn, (Kind.PAPER,))
    has_layer = any(each.effect.kind is Kind.INK and each.rows.size for each in drawn)
    sheet.ink = sheet.fill(sheet.ink_color) if has_layer else sheet.row(sheet.ink_color)
    _apply(sheet, drawn, (Kind.INK,))
    lay_ink(sheet)
    _apply(sheet, drawn, (Kind.OPTICS, Kind.NOISE, Kind.TONE, Kind.RESAMPLE, Kind.COMPRESS))
    return sheet


def _apply(sheet: Sheet, drawn: Sequence[Drawn], kinds: tuple[Kind, ...]) -> None:
    for each in drawn:
        if each.rows.size and each.effect.kind in kinds and issubclass(each.effect, Step):
            each.effect.apply(sheet, each.rows, each.values)


def lay_ink(sheet: Sheet) -> None:
    """Lay ink on paper: as much of it as the masks cover, as much of the paper as they leave.

    Each product is rounded to nearest, so that a level may be one off.
    """
    height, width = sheet.mask.shape
    is_layer = len(sheet.ink) == height
    num_rows = PIECE_BYTES // (PIECE_COLUMNS * (3 if sheet.is_colored else 1))
    for left in range(0, width, PIECE_COLUMNS):
        columns = slice(left, left + PIECE_COLUMNS)
        covered = sheet.mask[:, columns]
        if sheet.other.size:
            covered = cv2.max(covered, sheet.other[:, columns])  # type: ignore[assignment]
        _, first, _, num = cv2.boundingRect(covered)
        for top in range(first, first + num, num_rows):
            rows = slice(top, min(top + num_rows, first + num))
            paper, mask = sheet.paper[rows, columns], covered[rows]
            ink = sheet.ink[rows if is_layer else slice(1), columns]
            if not is_layer:
                ink = np.repeat(ink, len(mask), axis=0)
            if sheet.is_colored:
                mask = cv2.cvtColor(mask, cv2.COLOR_GRAY2RGB)  # type: ignore[assignment]
            cv2.multiply(paper, cv2.bitwise_not(mask), dst=paper, scale=1 / 255)
            cv2.add(paper, cv2.multiply(ink, mask, scale=1 / 255), dst=paper)


def widened_px(traits: Traits, drawn: Sequence[Drawn]) -> Ints:
    """How much further the text's ink reaches on every side than it did in the masks."""
    return _summed_px(traits, drawn, lambda effect, *given: effect.widens_px(*given))


def _bleed_px(traits: Traits, drawn: Sequence[Drawn]) -> Ints:
    return _summed_px(traits, drawn, lambda effect, *given: effect.reach_px(*given))


def _summed_px(
    traits: Traits, drawn: Sequence[Drawn], px_of: Callable[[type[Step], Values, Traits], Ints]
) -> Ints:
    """What the steps of each example come to, in all."""
    total = np.zeros(traits.em_px.size, np.int64)
    for each in drawn:
        if issubclass(each.effect, Step):
            total[each.rows] += px_of(each.effect, each.values, traits.take(each.rows))
    return total
