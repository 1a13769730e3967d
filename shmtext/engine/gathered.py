"""What a shard's batches come to beside pixels: values for label columns, and what has no picture.

Where pictures go is a sink's business.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from shmtext.columns import Column
from shmtext.corpus.ragged import RaggedTexts
from shmtext.corpus.ranges import Ints
from shmtext.dataset.folder import FileBytes
from shmtext.dataset.fragment import SkippedRow
from shmtext.draw.batch import Batch, Colors, GlyphBoxes
from shmtext.draw.encode import Encoder
from shmtext.draw.labels import Drawn, labels_of, needs_boxes
from shmtext.draw.settings import RenderSettings
from shmtext.draw.texts import ShardTexts, Skip


class Gathering:
    """What is known of a shard's pictures, batch by batch."""

    def __init__(self, settings: RenderSettings, texts: ShardTexts) -> None:
        num_texts = len(texts.texts)
        self._settings, self._texts = settings, texts
        self._labels = texts.labels(np.arange(num_texts))
        # 0 where there is no picture.
        self._width_px, self._height_px = np.zeros((2, num_texts), np.int32)
        self._has_boxes = needs_boxes(settings)
        self._glyphs: list[tuple[Ints, GlyphBoxes]] = []
        self._effects: dict[int, str] = {}
        self._colors: dict[int, Colors] = {}

    def take(self, batch: Batch) -> None:
        """Take note of a batch; of its pictures, their sizes."""
        self._width_px[batch.positions] = [picture.shape[1] for picture in batch.pictures]
        self._height_px[batch.positions] = [picture.shape[0] for picture in batch.pictures]
        if batch.glyphs is not None:
            self._glyphs.append((batch.positions, batch.glyphs))
        self._effects.update(zip(batch.positions.tolist(), batch.effects, strict=False))
        self._colors.update(zip(batch.positions.tolist(), batch.colors, strict=False))

    def encoded(
        self, batch: Batch, encode: Encoder, mark: Callable[[int], None]
    ) -> tuple[list[int], list[FileBytes]]:
        """Encode a batch; return the positions that could be, and their bytes.

        ``mark`` is told each before. The others are examples without a picture.
        """
        positions, encoded = [], []
        for position, picture in zip(batch.positions.tolist(), batch.pictures, strict=True):
            mark(position)
            try:
                encoded.append(encode(picture))
            except cv2.error as error:
                reason = f"cannot be encoded: {error}"
                self._texts.skips.append(Skip(position, reason, failed=True))
            else:
                positions.append(position)
        return positions, encoded

    def labels(self, positions: Ints) -> RaggedTexts:
        """What was drawn at some positions, line breaks included."""
        return self._labels.take(positions)

    def columns(self, positions: Ints) -> list[Column]:
        """The columns that drawing knows, of the pictures at some positions."""
        drawn = Drawn(
            settings=self._settings,
            styles=self._texts.styles.take(positions),
            width_px=self._width_px[positions],
            height_px=self._height_px[positions],
            further_fonts=[self._texts.further_fonts(each) for each in positions.tolist()],
            texts=self.labels(positions),
            glyphs=GlyphBoxes.join(self._glyphs, positions) if self._has_boxes else None,
            effects=[self._effects[each] for each in positions.tolist()] if self._effects else (),
            colors=[self._colors[each] for each in positions.tolist()] if self._colors else (),
        )
        return [label.column(drawn) for label in labels_of(self._settings)]

    def skipped(self) -> list[SkippedRow]:
        """The texts that have no picture, and why."""
        settings, texts = self._settings, self._texts
        rows = []
        for skip in texts.skips:
            font = size_px = None
            if skip.failed:
                font_id = texts.styles.font_id[skip.position]
                font = settings.fonts[font_id].name
                size_px = settings.sizes_px[font_id][texts.styles.size_id[skip.position]]
            rows.append(
                SkippedRow(
                    example_index=int(texts.examples[skip.position]),
                    text=texts.texts[skip.position],
                    font=font,
                    font_size_px=size_px,
                    reason=skip.reason,
                    failed=skip.failed,
                )
            )
        return rows
