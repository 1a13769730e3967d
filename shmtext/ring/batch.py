"""A batch as a training loop has it: views of a slot, and the texts when they are asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints
from shmtext.draw.batch import GlyphBoxes
from shmtext.draw.examples import Examples
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.settings import RenderSettings
from shmtext.draw.texts import labels_of_texts
from shmtext.errors import InputError
from shmtext.ring.layout import FIRST_POSITION, NUM_NOTE_BYTES, NUM_ROWS, WIDTH_PX, Missing, Slot
from shmtext.ring.sink import StreamSpec


class TextsOf:
    """Labels of examples, exactly as they are drawn.

    Where lines are broken by their width, what is drawn depends on the font, which a position has:
    then labels are found as pictures are, by what draws these, made when the first are asked for.
    """

    def __init__(self, examples: Examples, settings: RenderSettings, spec: StreamSpec) -> None:
        self._examples, self._settings = examples, settings
        self._order = None
        if settings.config.page.max_width_px is not None:
            self._order = spec.attach_order()

    def __call__(self, examples: Ints, positions: Ints) -> list[str]:
        """As strings, lines joined with newlines, by their numbers and positions."""
        if self._order is None:
            texts = self._examples.take(examples)
            return labels_of_texts(texts, self._settings.style.max_chars_per_line).strings()
        _, numbers = self._order.look_up(self._examples, positions)
        shard = self._maker.wrapped(self._maker.prepare_examples(self._examples, examples, numbers))
        return shard.labels(np.arange(examples.size)).strings()

    @cached_property
    def _maker(self) -> PictureMaker:
        return PictureMaker(self._settings)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An example that is not drawn, and why."""

    index: int
    """Of the example in the corpus."""
    text: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class StreamBatch:
    """Pictures with texts; all arrays have ``len(batch)`` rows.

    The arrays are views of memory that the stream uses again, once none of them is left: keep the
    batch, or any of them, and it stays as it is. A loop that keeps many should ``copy`` them.
    """

    images: NDArray[np.uint8]
    """``(num, height, width)`` gray or ``(num, height, width, 3)`` red, green, blue."""
    widths: NDArray[np.int32]
    """How many columns of each are its picture, from the left; the others are padding."""
    heights: NDArray[np.int32]
    """Likewise, rows from the top."""
    indices: Ints
    """Numbers of the examples in the corpus: ``example_index`` in the label table of a run."""
    positions: Ints
    """In the stream, ascending."""
    boxes: GlyphBoxes | None
    """Of characters or words, in pixels of ``images``; None unless the config asks for some."""
    first_position: int
    """Of its step, also where the picture there is missing."""
    missing: tuple[Missing, ...]
    """Pictures of the step that have no row; where they are many, some of them."""
    _texts_of: TextsOf
    _texts: list[list[str]] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """What is drawn in each, with newlines between lines."""
        if not self._texts:
            self._texts.append(self._texts_of(self.indices, self.positions))
        return self._texts[0]

    def __len__(self) -> int:
        return len(self.images)

    def copy(self) -> StreamBatch:
        """The same in memory of its own."""
        return replace(
            self,
            images=self.images.copy(),
            widths=self.widths.copy(),
            heights=self.heights.copy(),
            indices=self.indices.copy(),
            positions=self.positions.copy(),
            boxes=self.boxes and self.boxes.take(np.arange(len(self))),
        )


class Empties:
    """Batches of which nothing could be drawn, one after the other."""

    def __init__(self, num_drawable: int) -> None:
        self._num_drawable, self._num_pictures = num_drawable, 0

    def count(self, batch: StreamBatch) -> bool:
        """Whether a batch is empty. Raises ``InputError`` once all of an epoch is."""
        if len(batch):
            self._num_pictures = 0
            return False
        self._num_pictures += max(1, len(batch.missing))
        if self._num_pictures < self._num_drawable or not batch.missing:
            return True
        raise InputError(
            f"{self._num_pictures:,} pictures one after the other could not be drawn, the last "
            f"for this: {batch.missing[-1][2]}"
        )


def batch_of(slot: Slot, texts_of: TextsOf, *, has_boxes: bool) -> StreamBatch:
    """The batch in a slot that is filled."""
    says = slot.says.tolist()
    num, width_px = says[NUM_ROWS], says[WIDTH_PX]
    _, height_px, full_px, *channels = slot.images.shape
    images = slot.images[:num]
    if width_px < full_px:
        num_bytes = num * height_px * width_px * int(np.prod(channels, dtype=np.int64))
        narrow = slot.images.reshape(-1)[:num_bytes]
        images = narrow.reshape(num, height_px, width_px, *channels)
    note = slot.note[: says[NUM_NOTE_BYTES]].tobytes()
    return StreamBatch(
        images=images,
        widths=slot.widths[:num],
        heights=slot.heights[:num],
        indices=slot.indices[:num],
        positions=slot.positions[:num],
        boxes=_boxes(slot, num) if has_boxes else None,
        first_position=says[FIRST_POSITION],
        missing=tuple(map(tuple, json.loads(note))) if note else (),
        _texts_of=texts_of,
    )


def _boxes(slot: Slot, num: int) -> GlyphBoxes:
    seams = slot.box_seams[: num + 1]
    num_boxes = int(seams[-1])
    return GlyphBoxes(seams, slot.box_clusters[:num_boxes], slot.box_corners[:num_boxes])
