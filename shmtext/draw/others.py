"""Lines of other examples, for those whose page they are on: each drawn in that example's face.

A line that the face does not have all of, or that a batch would not draw exactly, is left out: it
is there for its looks, and nobody is told what it says. Where it goes is ``looks/neighbours.py``'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, seams, spell_out
from shmtext.draw.basic import BasicLayout
from shmtext.draw.batch import Pixels
from shmtext.draw.characters import CharacterTable
from shmtext.draw.compose import Composer
from shmtext.draw.faces import Faces
from shmtext.draw.full import FullLayout
from shmtext.draw.glyphs import FaceMetrics
from shmtext.draw.laid import Group
from shmtext.draw.settings import RenderSettings
from shmtext.draw.shape.lines import LineShaper
from shmtext.draw.texts import FirstLinesOf, drawn_as_written, read_leftwards
from shmtext.limits import fits
from shmtext.looks.neighbours import NO_INK, OtherInk
from shmtext.looks.own import Mark


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Other lines that are wanted; arrays have one length."""

    position: Ints
    """In the shard, of the text that each is to be beside."""
    face_id: Ints
    example: Ints
    """Whose text it is."""

    def take(self, which: Ints) -> Asked:
        """Some of them."""
        return Asked(self.position[which], self.face_id[which], self.example[which])


class OtherLines:
    """Draws other lines; keeps their glyphs."""

    def __init__(
        self,
        settings: RenderSettings,
        faces: Faces,
        metrics: FaceMetrics,
        table: CharacterTable,
        shaper: LineShaper,
    ) -> None:
        self._style = settings.style
        self._num_sizes = faces.num_sizes
        self._metrics = metrics
        self._table = table
        # An atlas of its own: one that is emptied would be missed by texts that are laid out, and
        # are only then given neighbours.
        layout = (
            BasicLayout(faces, metrics, table)
            if settings.style.layout == "basic"
            else FullLayout(faces, metrics, table, shaper, is_vertical=False)
        )
        self._composer = Composer(metrics, table, layout, with_boxes=False)

    def draw(self, asked: Asked, lines_of: FirstLinesOf, mark: Mark) -> list[OtherInk]:
        """Draw what is asked for, as far as it can be."""
        inks = [NO_INK] * asked.position.size
        if self._style.direction == "ttb":
            return inks
        codes, starts = lines_of(asked.example)
        characters = self._table.ids(codes)
        font_id = asked.face_id // self._num_sizes
        can_be = drawn_as_written(font_id, characters, starts, self._table, self._style)
        drawable = np.flatnonzero(can_be)
        stride = self._metrics.stride[asked.face_id[drawable]]
        order = drawable[np.argsort(stride, kind="stable")]
        if order.size:
            group = self._group(asked.take(order), characters, starts, order)
            for number, ink in self._inks(group, mark):
                inks[int(order[number])] = ink
            mark(None)
        return inks

    def _group(
        self, asked: Asked, characters: NDArray[np.int32], starts: Ints, lines: Ints
    ) -> Group:
        """Gather what is asked for, given all lines, and which of these it is."""
        length = np.diff(starts)[lines]
        own, own_starts = characters[spell_out(starts[lines], length)], seams(length)
        return Group(
            positions=asked.position,
            face_id=asked.face_id,
            is_rtl=read_leftwards(own, own_starts, self._table, self._style),
            characters=own,
            line_starts=own_starts,
            text_lines=np.arange(lines.size + 1),
        )

    def _inks(self, group: Group, mark: Mark) -> Iterator[tuple[int, OtherInk]]:
        """Draw a group's texts; yield the number of each that is drawn, and its ink."""
        try:
            composed = self._composer.lay_out(group, mark)
        except OSError:
            # A glyph that FreeType refuses: one by one finds the texts that have it.
            if group.positions.size > 1:
                for number in range(group.positions.size):
                    yield from ((number, ink) for _, ink in self._inks(group.one(number), mark))
            return
        is_drawn = composed.is_exact & fits(composed.frame.width_px, composed.frame.height_px)
        numbers = iter(np.flatnonzero(is_drawn).tolist())
        # Each is one line: none come to be drawn alone.
        for strip in self._composer.strips(composed, is_drawn, []):
            masks = strip.cells.cut(strip.masks)
            # Rows of the atlas above a line's top, of its face, are no part of the line.
            above = self._metrics.above_px[group.face_id]
            for mask, top, number in zip(masks, strip.cells.top.tolist(), numbers, strict=False):
                yield number, _cut_to_ink(mask, top - int(above[number]))


def _cut_to_ink(mask: Pixels, top_px: int) -> OtherInk:
    """A line's ink, given its mask and that's first row below the top of the line."""
    x, y, width, height = cv2.boundingRect(mask)
    if width < 2 or height < 2:
        return NO_INK
    return OtherInk(mask[y : y + height, x : x + width], top_px + y)
