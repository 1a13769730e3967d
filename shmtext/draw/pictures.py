"""The room's front: texts of a shard in, pictures out, in batches.

``PictureMaker`` lives as long as a worker and holds what is worth keeping between shards: open
faces, the glyph atlas, colour ramps. What a picture looks like depends on its example alone, never
on what was drawn before it or beside it. Encoding, files and labels are other people's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ragged import RaggedTexts, pack_texts
from shmtext.corpus.ranges import Ints
from shmtext.draw.basic import BasicLayout
from shmtext.draw.batch import Batch, Pixels
from shmtext.draw.characters import CharacterTable
from shmtext.draw.compose import Composer, Composition
from shmtext.draw.examples import Examples, asked_fonts
from shmtext.draw.faces import Faces
from shmtext.draw.full import FullLayout
from shmtext.draw.glyphs import FaceMetrics
from shmtext.draw.ink import Ink
from shmtext.draw.laid import Group, in_groups
from shmtext.draw.measure import Measure
from shmtext.draw.page import PageDrawer
from shmtext.draw.plain import PlainDrawer
from shmtext.draw.settings import RenderSettings
from shmtext.draw.shape.lines import LineShaper
from shmtext.draw.spans import boxes_of_words
from shmtext.draw.strip import Strip
from shmtext.draw.texts import (
    MAX_LABEL_CHARACTERS,
    FirstLinesOf,
    ShardTexts,
    Skip,
    decode_texts,
    first_of,
    style_texts,
)
from shmtext.limits import MAX_BOXED_PX, fits, why_unboxed
from shmtext.looks.own import Mark

if TYPE_CHECKING:
    from shmtext.draw.looked import Looker
    from shmtext.draw.others import OtherLines

SLOT_TABLE_ENTRIES = 16 << 20
"""Bound of characters x faces, 4 bytes each. At the bound what is known of them is forgotten."""

LOOKED_PX = 8 << 20
"""Of masks that are given looks at once, some 600: what is done once for all of them, drawing what
effects they have above all, costs by the strip a third of what effects do."""


class PictureMaker:
    """Draws texts; keeps faces and glyphs between calls."""

    def __init__(self, settings: RenderSettings, *, with_boxes: bool = False) -> None:
        self.settings = settings
        self.faces = Faces(settings.fonts, settings.sizes_px)
        self._with_boxes = with_boxes
        self._boxes_words = with_boxes and settings.output.boxes == "words"
        self._labelled: ShardTexts | None = None
        self._labels = pack_texts([])
        self._metrics = FaceMetrics(self.faces)
        self._page_drawer = PageDrawer(settings, self._metrics)
        self._ink = Ink(settings.color_pairs, settings.mode)
        if with_boxes:
            settings.refuse_moving()
        has_look = bool(settings.config.look.looks or settings.own)
        self._looker = self._new_looker() if has_look else None
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
        self._others = self._new_others() if self._looker is not None else None

    # Effects are dozens of modules: a run without a look starts in two thirds of the time.

    def _new_looker(self) -> Looker:
        from shmtext.draw.looked import Looker  # noqa: PLC0415 - see above

        return Looker(self.settings, self.faces, self._metrics, self._ink)

    def _new_others(self) -> OtherLines:
        from shmtext.draw.others import OtherLines  # noqa: PLC0415 - see above

        return OtherLines(self.settings, self.faces, self._metrics, self._table, self._shaper)

    def prepare(
        self, texts: RaggedTexts, start: int, corpus: RaggedTexts | None = None
    ) -> ShardTexts:
        """Wrap, check and style the texts of examples ``[start, start + len(texts))``.

        ``corpus`` has those of all examples up to these, which looks may show edges of.
        """
        examples = np.arange(start, start + len(texts))
        styled = self._styled(texts, examples, asked_fonts(examples, self.settings))
        if corpus is not None:
            styled = self._beside(styled, self.examples_of(corpus))
        return self.wrapped(styled)

    def prepare_examples(self, all_of_them: Examples, examples: Ints, numbers: Ints) -> ShardTexts:
        """Likewise, some of a run's or a stream's, that are drawn by ``numbers``, ``(num_texts,)``.

        Lines that may not be wider than so many pixels are not broken yet: ``wrapped`` draws
        glyphs. Numbers go on beyond the last example: another epoch's.
        """
        texts = all_of_them.take(examples)
        styled = self._styled(texts, numbers, asked_fonts(examples, self.settings))
        return self._beside(styled, all_of_them)

    def examples_of(self, corpus: RaggedTexts) -> Examples:
        """The examples that a corpus comes to."""
        return Examples.of(corpus, self.settings)

    def _styled(self, texts: RaggedTexts, numbers: Ints, font_id: Ints | None) -> ShardTexts:
        if len(self._table) * len(self.faces) > SLOT_TABLE_ENTRIES:
            self._start_over()
        decoded = decode_texts(texts, self.settings.style.max_chars_per_line)
        return self._paged(style_texts(decoded, numbers, self.settings, self._table, font_id))

    def _paged(self, styled: ShardTexts) -> ShardTexts:
        pages = self._page_drawer.draw(styled.examples, styled.styles, styled.face_id)
        return styled if pages is None else replace(styled, pages=pages)

    def _beside(self, styled: ShardTexts, all_of_them: Examples) -> ShardTexts:
        def lines_of(numbers: Ints) -> tuple[NDArray[np.uint32], Ints]:
            examples = numbers % len(all_of_them)
            fonts = asked_fonts(examples, self.settings)
            return self.first_lines(all_of_them.take(examples), numbers, fonts)

        return replace(styled, first_lines_of=lines_of)

    def first_lines(
        self, texts: RaggedTexts, numbers: Ints, font_id: Ints | None
    ) -> tuple[NDArray[np.uint32], Ints]:
        """First lines of texts that are drawn by ``numbers``, wrapped, to stand beside others'.

        ``font_id`` is as in ``style_texts``.
        """
        if self.settings.config.page.max_width_px is not None:
            return first_of(self.wrapped(self._styled(texts, numbers, font_id)).lines)
        return first_of(decode_texts(texts, self.settings.style.max_chars_per_line).lines)

    def wrapped(self, shard: ShardTexts, mark: Mark = lambda _position: None) -> ShardTexts:
        """Texts with their lines broken where these would be too wide in pixels.

        ``mark`` is told of each text that glyphs are drawn for.
        """
        max_width_px = self.settings.config.page.max_width_px
        if max_width_px is None:
            return shard
        measure = Measure(self._by_character, self._by_glyph, self._plain, self._full, mark)
        wrapped = measure.wrapped(shard, max_width_px)
        mark(None)
        return wrapped

    def prepare_labels(
        self, labels: RaggedTexts, start: int, lines_of: FirstLinesOf | None = None
    ) -> ShardTexts:
        """Likewise, of texts that were drawn before: every line stands where it was wrapped."""
        decoded = decode_texts(labels, None, MAX_LABEL_CHARACTERS)
        examples = np.arange(start, start + len(labels))
        font_id = asked_fonts(examples, self.settings)
        styled = style_texts(decoded, examples, self.settings, self._table, font_id)
        return replace(self._paged(styled), first_lines_of=lines_of)

    def draw(self, shard: ShardTexts, mark: Mark) -> Iterator[Batch]:
        """Draw every drawable text, in batches, in whatever order is fastest.

        Texts that turn out not to be drawable are added to ``shard.skips``.
        """
        alone: list[int] = []
        yield from self._finished(shard, self._strips_together(shard, mark, alone), mark)
        for batch in self._finished(shard, self._strips_alone(shard, mark, alone), mark):
            yield replace(batch, is_alone=True)

    def _strips_together(self, shard: ShardTexts, mark: Mark, alone: list[int]) -> Iterator[Strip]:
        """Draw masks of many texts at a time; those that can't be, exactly, come to ``alone``."""
        by_character = shard.is_drawable & ~shard.is_shaped
        if by_character.any():
            by_itself = by_character & self._has_unread_kerning[shard.styles.font_id]
            alone += np.flatnonzero(by_itself).tolist()
            together = np.flatnonzero(by_character & ~by_itself)
            yield from self._strips_of(shard, together, self._by_character, mark, alone)
        # Batches are of lines side by side, each in one face.
        is_batched = np.full(len(shard.texts), not self._full.is_vertical)
        is_batched[list(shard.fonts)] = False
        by_glyph = shard.is_drawable & shard.is_shaped
        alone += np.flatnonzero(by_glyph & ~is_batched).tolist()
        together = np.flatnonzero(by_glyph & is_batched)
        yield from self._strips_of(shard, together, self._by_glyph, mark, alone)

    def _strips_of(
        self, shard: ShardTexts, positions: Ints, composer: Composer, mark: Mark, alone: list[int]
    ) -> Iterator[Strip]:
        for group in self._groups(shard, positions):
            try:
                composed = composer.lay_out(group, mark, shard.pages_of(group.positions))
            except OSError:
                # A glyph that FreeType refuses: one by one finds the texts that have it.
                alone += group.positions.tolist()
                continue
            mark(None)
            alone += group.positions[~composed.is_exact].tolist()
            yield from composer.strips(composed, _drawn_together(shard, composed), alone)

    def _strips_alone(self, shard: ShardTexts, mark: Mark, alone: list[int]) -> Iterator[Strip]:
        """Draw masks one text at a time; those that can't be drawn are skipped."""
        for position in alone:
            mark(position)
            strip_or_skip = self._draw_alone(shard, position)
            mark(None)
            if isinstance(strip_or_skip, Skip):
                shard.skips.append(strip_or_skip)
            else:
                yield strip_or_skip

    def draw_plainly(self, shard: ShardTexts, position: int) -> Pixels | Skip:
        """Draw one text the plain way, whatever way ``draw`` would choose."""
        strip = self._draw_alone(shard, position)
        if isinstance(strip, Skip):
            return strip
        batch = next(self._finished(shard, iter([strip]), lambda _position: None), None)
        return shard.skips[-1] if batch is None else batch.pictures[0]

    def _groups(self, shard: ShardTexts, positions: Ints) -> Iterator[Group]:
        """Divide texts, those whose faces share a stride, and of as many lines, side by side."""
        strides = self._metrics.stride[shard.face_id[positions]]
        num_lines = np.diff(shard.lines.text_lines)[positions]
        ordered = positions[np.lexsort((num_lines, strides))]
        num_characters = np.diff(shard.lines.line_starts[shard.lines.text_lines])
        return (Group.gather(shard, group) for group in in_groups(ordered, num_characters))

    def _draw_alone(self, shard: ShardTexts, position: int) -> Strip | Skip:
        try:
            if shard.is_shaped[position]:
                return self._plain.strip_of_glyphs(shard, position, self._full)
            return self._plain.strip_of_characters(shard, position, self._basic)
        except OSError as error:
            # FreeType's errors come as OSError; no file is written here.
            return Skip(position, f"cannot be drawn: {error}", failed=True)

    def _finished(self, shard: ShardTexts, strips: Iterator[Strip], mark: Mark) -> Iterator[Batch]:
        """Make pictures of masks.

        A stage that changes masks takes a strip and returns one, before the ink; one that changes
        what has colour comes after it. Texts touch in a strip: what reaches beyond a pixel needs
        cells that stand apart, as looks have them.
        """
        if self._boxes_words:
            strips = (self._boxed_by_words(shard, strip) for strip in strips)
        for batch in self._batches(shard, strips, mark):
            within = _within_reach_of_boxes(shard, batch)
            if within.pictures:
                yield within

    def _batches(self, shard: ShardTexts, strips: Iterator[Strip], mark: Mark) -> Iterator[Batch]:
        if self._looker is None or self._others is None:
            for strip in strips:
                pictures = self._ink.pictures(strip, shard.styles.pair_id[strip.positions])
                yield Batch(strip.positions, pictures, strip.boxes)
            return
        for together in _gathered(strips):
            yield self._looker.batch(shard, together, mark, self._others)

    def _boxed_by_words(self, shard: ShardTexts, strip: Strip) -> Strip:
        labels = self._labels_of(shard).take(strip.positions)
        return replace(strip, boxes=strip.boxes and boxes_of_words(labels, strip.boxes))

    def _labels_of(self, shard: ShardTexts) -> RaggedTexts:
        if shard is not self._labelled:
            self._labelled = shard
            self._labels = shard.labels(np.arange(len(shard.texts)))
        return self._labels


def _gathered(strips: Iterator[Strip]) -> Iterator[list[Strip]]:
    """Gather strips that one after another come to ``LOOKED_PX``."""
    together, num_px = [], 0
    for strip in strips:
        together.append(strip)
        num_px += strip.masks.size
        if num_px >= LOOKED_PX:
            yield together
            together, num_px = [], 0
    if together:
        yield together


def _drawn_together(shard: ShardTexts, composed: Composition) -> NDArray[np.bool_]:
    """Which texts of a group are drawn; those that are too large are skipped."""
    frame = composed.frame
    is_drawn = composed.is_exact & frame.is_fit & fits(frame.width_px, frame.height_px)
    for text in np.flatnonzero(composed.is_exact & ~is_drawn).tolist():
        shard.skips.append(Skip(int(composed.group.positions[text]), frame.why_unfit(text)))
    return is_drawn


def _within_reach_of_boxes(shard: ShardTexts, batch: Batch) -> Batch:
    """A batch without pictures that are too large for the numbers of boxes; these are skipped."""
    if batch.glyphs is None or not (batch.glyphs.corners > MAX_BOXED_PX).any():
        return batch
    sides = [max(picture.shape[:2]) for picture in batch.pictures]
    for position, side in zip(batch.positions.tolist(), sides, strict=True):
        if side > MAX_BOXED_PX:
            shard.skips.append(Skip(position, why_unboxed(side)))
    return batch.take(np.flatnonzero(np.array(sides) <= MAX_BOXED_PX))
