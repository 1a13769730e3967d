"""The room's front: texts of a shard in, pictures out, in batches.

``PictureMaker`` lives as long as a worker and holds what is worth keeping between shards: open
faces, the glyph atlas, colour ramps. What a picture looks like depends on its example alone, never
on what was drawn before it or beside it. Encoding, files and labels are other people's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ragged import RaggedTexts
from shmtext.corpus.ranges import Ints
from shmtext.draw.basic import BasicLayout
from shmtext.draw.batch import Batch, Pixels
from shmtext.draw.characters import CharacterTable
from shmtext.draw.compose import Composer, Composition
from shmtext.draw.faces import Faces
from shmtext.draw.full import FullLayout
from shmtext.draw.glyphs import FaceMetrics
from shmtext.draw.ink import Ink
from shmtext.draw.laid import Group
from shmtext.draw.limits import fits, why_unfit
from shmtext.draw.plain import PlainDrawer
from shmtext.draw.settings import RenderSettings
from shmtext.draw.shape.lines import LineShaper
from shmtext.draw.strip import Strip
from shmtext.draw.texts import (
    MAX_LABEL_CHARACTERS,
    ShardTexts,
    Skip,
    decode_texts,
    style_texts,
)

SLOT_TABLE_ENTRIES = 16 << 20
"""Bound of characters x faces, 4 bytes each. At the bound what is known of them is forgotten."""

GROUP_CHARACTERS = 24_576
"""About, of texts that are laid out at once: arrays of more leave a core's cache, and layout takes
a third longer."""

Mark = Callable[[int | None], None]
"""Told a text's position in its shard before anything that could crash on it, and None when that
went well."""


class PictureMaker:
    """Draws texts; keeps faces and glyphs between calls."""

    def __init__(self, settings: RenderSettings, *, with_boxes: bool = False) -> None:
        self.settings = settings
        self.faces = Faces(settings.fonts, settings.style.font_sizes)
        self._with_boxes = with_boxes
        self._metrics = FaceMetrics(self.faces)
        self._ink = Ink(settings.color_pairs, settings.mode)
        self._has_unread_kerning = np.array([font.has_unread_kerning for font in settings.fonts])
        self._shaper = LineShaper(self.faces)
        self._start_over()

    def _start_over(self) -> None:
        self._table = CharacterTable(self.settings.fonts)
        self._basic = BasicLayout(self.faces, self._metrics, self._table)
        self._full = FullLayout(
            self.faces,
            self._metrics,
            self._table,
            self._shaper,
            is_vertical=self.settings.style.direction == "ttb",
        )
        more = {"with_boxes": self._with_boxes}
        self._by_character = Composer(self._metrics, self._table, self._basic, **more)
        self._by_glyph = Composer(self._metrics, self._table, self._full, **more)
        self._plain = PlainDrawer(self.faces, self._metrics, self._table, **more)

    def prepare(self, texts: RaggedTexts, start: int) -> ShardTexts:
        """Wrap, check and style the texts of examples ``[start, start + len(texts))``."""
        if len(self._table) * len(self.faces) > SLOT_TABLE_ENTRIES:
            self._start_over()
        decoded = decode_texts(texts, self.settings.style.max_chars_per_line)
        return style_texts(decoded, start, self.settings, self._table)

    def prepare_labels(self, labels: RaggedTexts, start: int) -> ShardTexts:
        """Likewise, of texts that were drawn before: every line stands where it was wrapped."""
        decoded = decode_texts(labels, None, MAX_LABEL_CHARACTERS)
        return style_texts(decoded, start, self.settings, self._table)

    def draw(self, shard: ShardTexts, mark: Mark) -> Iterator[Batch]:
        """Draw every drawable text, in batches, in whatever order is fastest.

        Texts that turn out not to be drawable are added to ``shard.skips``.
        """
        by_character = shard.is_drawable & ~shard.is_shaped
        alone: list[int] = []
        if by_character.any():
            by_itself = by_character & self._has_unread_kerning[shard.styles.font_id]
            alone += np.flatnonzero(by_itself).tolist()
            together = np.flatnonzero(by_character & ~by_itself)
            yield from self._draw_together(shard, together, self._by_character, mark, alone)
        # Batches are of lines side by side, each in one face.
        is_batched = np.full(len(shard.texts), not self._full.is_vertical)
        is_batched[list(shard.fonts)] = False
        by_glyph = shard.is_drawable & shard.is_shaped
        alone += np.flatnonzero(by_glyph & ~is_batched).tolist()
        together = np.flatnonzero(by_glyph & is_batched)
        yield from self._draw_together(shard, together, self._by_glyph, mark, alone)
        for position in alone:
            mark(position)
            strip_or_skip = self._draw_alone(shard, position)
            mark(None)
            if isinstance(strip_or_skip, Skip):
                shard.skips.append(strip_or_skip)
            else:
                yield replace(self._finish(shard, strip_or_skip), is_alone=True)

    def _draw_together(
        self, shard: ShardTexts, positions: Ints, composer: Composer, mark: Mark, alone: list[int]
    ) -> Iterator[Batch]:
        """Draw some texts in batches; those that can't be, exactly, are added to ``alone``."""
        for group in self._groups(shard, positions):
            try:
                composed = composer.lay_out(group, mark)
            except OSError:
                # A glyph that FreeType refuses: one by one finds the texts that have it.
                alone += group.positions.tolist()
                continue
            mark(None)
            alone += group.positions[~composed.is_exact].tolist()
            for strip in composer.strips(composed, _drawn_together(shard, composed)):
                yield self._finish(shard, strip)

    def draw_plainly(self, shard: ShardTexts, position: int) -> Pixels | Skip:
        """Draw one text the plain way, whatever way ``draw`` would choose."""
        strip = self._draw_alone(shard, position)
        return strip if isinstance(strip, Skip) else self._finish(shard, strip).pictures[0]

    def _groups(self, shard: ShardTexts, positions: Ints) -> Iterator[Group]:
        """Divide texts, those whose faces share a stride side by side."""
        strides = self._metrics.stride[shard.face_id[positions]]
        ordered = positions[np.argsort(strides, kind="stable")]
        num_characters = np.diff(shard.lines.line_starts[shard.lines.text_lines])[ordered]
        number = np.cumsum(num_characters) // GROUP_CHARACTERS
        for group in np.split(ordered, np.flatnonzero(np.diff(number)) + 1):
            if group.size:
                yield Group.gather(shard, group)

    def _draw_alone(self, shard: ShardTexts, position: int) -> Strip | Skip:
        try:
            if shard.is_shaped[position]:
                return self._plain.strip_of_glyphs(shard, position, self._full)
            return self._plain.strip_of_characters(shard, position, self._basic)
        except OSError as error:
            # FreeType's errors come as OSError; no file is written here.
            return Skip(position, f"cannot be drawn: {error}", failed=True)

    def _finish(self, shard: ShardTexts, strip: Strip) -> Batch:
        """Make pictures of masks, those of one text or of many.

        A stage that changes masks takes a strip and returns one, before the ink; one that changes
        what has colour comes after it. Texts touch in a strip: what reaches beyond a pixel needs
        strips whose cells stand apart, as wide as all stages together reach.
        """
        pictures = self._ink.pictures(strip, shard.styles.pair_id[strip.positions])
        return Batch(strip.positions, pictures, strip.boxes)


def _drawn_together(shard: ShardTexts, composed: Composition) -> NDArray[np.bool_]:
    """Which texts of a group are drawn; those that are too large are skipped."""
    width, height = composed.width_px, composed.height_px
    is_drawn = composed.is_exact & fits(width, height)
    for text in np.flatnonzero(composed.is_exact & ~is_drawn).tolist():
        reason = why_unfit(int(width[text]), int(height[text]))
        shard.skips.append(Skip(int(composed.group.positions[text]), reason))
    return is_drawn
