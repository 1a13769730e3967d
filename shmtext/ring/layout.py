"""Where everything of a batch is in its slot: arrays end to end, each from a multiple of 64 bytes.

What a slot says of itself comes first, then pictures, then what is said of them. Pure arithmetic,
and views of bytes that somebody else has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints

ALIGNMENT = 64
"""Bytes: a cache line, and as wide as a processor's widest loads."""

NOTE_BYTES = 4_096
"""For the reasons why pictures are missing; what has no room there is told by numbers alone."""

FIRST_POSITION, NUM_ROWS, WIDTH_PX, NUM_NOTE_BYTES = range(4)
"""Places in ``Slot.says``."""

Missing = tuple[int, int, str]
"""A picture that turned out not to be drawable: its position, its example, why."""


@dataclass(frozen=True, slots=True)
class SlotLayout:
    """How large the arrays of a slot are."""

    batch_size: int
    height_px: int
    width_px: int
    channels: int
    num_boxes: int = 0
    """At most, of a batch; 0 where there are none."""
    num_bytes: int = field(init=False)
    """Of a slot."""
    _places: tuple[tuple[int, int], ...] = field(init=False, repr=False)
    """First byte of each array, and the one behind its last, in the order of ``Slot``."""

    def __post_init__(self) -> None:
        num, boxes = self.batch_size, self.num_boxes
        sizes = (
            *(64, num * self.height_px * self.width_px * self.channels),
            *(4 * num, 4 * num, 8 * num, 8 * num),
            *(8 * (num + 1) if boxes else 0, 8 * boxes, 32 * boxes),
            NOTE_BYTES,
        )
        firsts = [0, *accumulate(-(-size // ALIGNMENT) * ALIGNMENT for size in sizes)]
        places = tuple((first, first + size) for first, size in zip(firsts, sizes, strict=False))
        object.__setattr__(self, "num_bytes", firsts[-1])
        object.__setattr__(self, "_places", places)

    @property
    def picture_shape(self) -> tuple[int, ...]:
        """Of one picture."""
        size = (self.height_px, self.width_px)
        return size if self.channels == 1 else (*size, self.channels)

    def view(self, memory: NDArray[np.uint8]) -> Slot:
        """The arrays in a slot's bytes, ``(num_bytes,)``, which begin at a multiple of 64."""
        says, images, widths, heights, indices, positions, seams, clusters, corners, note = (
            memory[first:stop] for first, stop in self._places
        )
        return Slot(
            says=says.view(np.int64),
            images=images.reshape(self.batch_size, *self.picture_shape),
            widths=widths.view(np.int32),
            heights=heights.view(np.int32),
            indices=indices.view(np.int64),
            positions=positions.view(np.int64),
            box_seams=seams.view(np.int64),
            box_clusters=clusters.view(np.int64),
            box_corners=corners.view(np.float32).reshape(-1, 4, 2),
            note=note,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """The arrays of a slot; those of rows are ``batch_size`` long, whatever the batch has."""

    says: Ints
    images: NDArray[np.uint8]
    widths: NDArray[np.int32]
    heights: NDArray[np.int32]
    indices: Ints
    positions: Ints
    box_seams: Ints
    box_clusters: Ints
    box_corners: NDArray[np.float32]
    note: NDArray[np.uint8]
