"""Texts broken into lines that are not too wide in pixels: shaped as often as it takes, not drawn.

What a line takes is its advance, rounded up, and what any glyph of its text may lie outside of it
to the left and to the right: so no text comes out wider, however its lines stand beneath one
another, and a line may end a pixel or a few before it must.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, seams, spell_out
from shmtext.draw.compose import Composer, Composition
from shmtext.draw.full import FullLayout
from shmtext.draw.laid import Group, in_groups
from shmtext.draw.pixel_wrap import UNLIMITED, wrap_by_width
from shmtext.draw.plain import PlainDrawer
from shmtext.draw.texts import ShardTexts
from shmtext.looks.own import Mark

HALF_PX = 32
"""In 64ths: by so much rounding may move a glyph to the right."""


@dataclass(frozen=True, slots=True, eq=False)
class Measure:
    """Measures a shard's texts, and pieces of them as lines of their own."""

    by_character: Composer
    by_glyph: Composer
    plain: PlainDrawer
    full: FullLayout
    mark: Mark

    def wrapped(self, shard: ShardTexts, max_width_px: int) -> ShardTexts:
        """Break the lines of texts that are wider, margins not counted."""
        beyond = self._beyond(shard, max_width_px)
        if not beyond.is_wide.any():
            return shard

        def ends_of(positions: Ints, starts: Ints, stops: Ints) -> Ints:
            return self._ends(shard, positions, starts, stops)

        room_26_6 = 64 * (max_width_px - beyond.left_px) - beyond.right_26_6
        limit_26_6 = np.where(beyond.is_wide, room_26_6, UNLIMITED)
        return shard.with_lines(*wrap_by_width(shard.lines, limit_26_6, ends_of))

    def _beyond(self, shard: ShardTexts, max_width_px: int) -> _Beyond:
        num_texts = len(shard.texts)
        left_px, right_26_6 = np.zeros((2, num_texts), np.int64)
        beyond = _Beyond(left_px, right_26_6, np.zeros(num_texts, np.bool_))
        length = np.diff(shard.lines.line_starts[shard.lines.text_lines])
        positions = np.arange(num_texts)
        for composer, which in self._composers(shard, positions):
            for some in in_groups(np.flatnonzero(which & shard.is_drawable), length):
                for composed in self._laid_out(composer, Group.gather(shard, some), shard):
                    beyond.note(composed, max_width_px)
        alone = [position for position in shard.fonts if shard.is_drawable[position]]
        beyond.is_wide[alone] = True
        return beyond

    def _laid_out(
        self, composer: Composer, group: Group, shard: ShardTexts
    ) -> Iterator[Composition]:
        """Lay texts out; one that FreeType refuses a glyph of is left out: it is not drawn."""
        try:
            yield composer.lay_out(group, self.mark, shard.pages_of(group.positions))
        except OSError:
            num = group.positions.size
            for number in range(num if num > 1 else 0):
                yield from self._laid_out(composer, group.one(number), shard)

    def _ends(self, shard: ShardTexts, positions: Ints, starts: Ints, stops: Ints) -> Ints:
        """How far pieces go, in 64ths of a pixel.

        A piece is the text's at a position, between two places among the shard's characters.
        """
        ends = np.zeros(positions.size, np.int64)
        for composer, which in self._composers(shard, positions):
            for some in in_groups(np.flatnonzero(which), stops - starts):
                group = _pieces(shard, positions[some], starts[some], stops[some])
                ends[some] = composer.ends_26_6(group, shard.pages_of(group.positions), self.mark)
        first = shard.lines.line_starts[shard.lines.text_lines]
        for at in np.flatnonzero(np.isin(positions, list(shard.fonts))).tolist():
            position = int(positions[at])
            piece = _pieces(shard, positions[[at]], starts[[at]], stops[[at]])
            own = slice(*(np.array([starts[at], stops[at]]) - first[position]).tolist())
            self.mark(position)
            fonts = shard.fonts[position][own]
            ends[at] = self.plain.end_26_6(shard, piece, fonts, self.full)
        return ends

    def _composers(
        self, shard: ShardTexts, positions: Ints
    ) -> Iterator[tuple[Composer, NDArray[np.bool_]]]:
        """Which texts are laid out by which composer; those in several fonts by none."""
        is_one = np.ones(positions.size, np.bool_)
        if shard.fonts:
            is_one = np.isin(positions, list(shard.fonts), invert=True)
        is_shaped = shard.is_shaped[positions]
        yield self.by_character, is_one & ~is_shaped
        yield self.by_glyph, is_one & is_shaped


@dataclass(frozen=True, slots=True, eq=False)
class _Beyond:
    """What glyphs of texts may lie outside of their lines' advances, ``(num_texts,)``."""

    left_px: Ints
    right_26_6: Ints
    is_wide: NDArray[np.bool_]
    """Texts that are too wide as they are."""

    def note(self, composed: Composition, max_width_px: int) -> None:
        """Take note of a group that is laid out unbroken."""
        positions, placement = composed.group.positions, composed.placement
        self.is_wide[positions] = placement.right - placement.left > max_width_px
        if not composed.glyphs.size:
            return
        run, line = composed.laid.run, composed.laid.line_of_glyph
        pen_px = (run.x_26_6 + 32) >> 6
        is_first = np.append(True, (np.diff(line) != 0) | (np.diff(run.cluster) != 0))
        first = np.flatnonzero(is_first)
        # A cluster goes as far as to where the next one begins, or its line ends.
        start, end = run.x_26_6[first], run.end_26_6[line[first]]
        has_next = np.append(line[first[1:]] == line[first[:-1]], False)
        end[has_next] = np.append(start[1:], 0)[has_next]
        left = np.minimum.reduceat(pen_px + composed.glyphs["box_left"], first)
        right = np.maximum.reduceat(pen_px + composed.glyphs["box_right"], first)
        text = positions[composed.laid.text_of_glyph[first]]
        np.maximum.at(self.left_px, text, ((start + 32) >> 6) - left)
        over = 64 * right - end
        np.maximum.at(self.right_26_6, text, np.where(over > HALF_PX, over + HALF_PX, 0))


def _pieces(shard: ShardTexts, positions: Ints, starts: Ints, stops: Ints) -> Group:
    length = stops - starts
    return Group(
        positions=positions,
        face_id=shard.face_id[positions],
        is_rtl=shard.is_rtl[positions],
        characters=shard.characters[spell_out(starts, length)],
        line_starts=seams(length),
        text_lines=np.arange(positions.size + 1),
    )
