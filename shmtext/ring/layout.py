"""Where everything of a batch is in its slot: arrays end to end, each from a multiple of 64 bytes.

What a slot says of itself comes first, then pictures, then what is said of them. Pure arithmetic,
and views of bytes that somebody else has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints

ALIGNMENT = 64
"""Bytes: a cache line, and as wide as a processor's widest loads."""

NOTE_BYTES = 4_096
"""For the reasons why pictures are missing; what has no room there is told by numbers alone."""

FIRST_POSITION, NUM_ROWS, WIDTH_PX, NUM_NOTE_BYTES = range(4)
"""Places in ``Slot.says``."""


@dataclass(frozen=True, slots=True)
class SlotLayout:
    """How large the arrays of a slot are."""

    batch_size: int
    height_px: int
    width_px: int
    channels: int
    num_boxes: int = 0
    """At most, of a batch; 0 where there are none."""

    @property
    def picture_shape(self) -> tuple[int, ...]:
        """Of one picture."""
        size = (self.height_px, self.width_px)
        return size if self.channels == 1 else (*size, self.channels)

    @property
    def num_bytes(self) -> int:
        """Of a slot."""
        return sum(_aligned(num_bytes) for _, num_bytes in self._parts())

    def view(self, memory: NDArray[np.uint8]) -> Slot:
        """The arrays in a slot's bytes, ``(num_bytes,)``, which begin at a multiple of 64."""
        arrays: dict[str, NDArray[np.uint8]] = {}
        first = 0
        for name, num_bytes in self._parts():
            arrays[name] = memory[first : first + num_bytes]
            first += _aligned(num_bytes)
        return Slot(
            says=arrays["says"].view(np.int64),
            images=arrays["images"].reshape(self.batch_size, *self.picture_shape),
            widths=arrays["widths"].view(np.int32),
            heights=arrays["heights"].view(np.int32),
            indices=arrays["indices"].view(np.int64),
            positions=arrays["positions"].view(np.int64),
            box_seams=arrays["box_seams"].view(np.int64),
            box_clusters=arrays["box_clusters"].view(np.int64),
            box_corners=arrays["box_corners"].view(np.float32).reshape(-1, 4, 2),
            note=arrays["note"],
        )

    def _parts(self) -> list[tuple[str, int]]:
        num, boxes = self.batch_size, self.num_boxes
        return [
            ("says", 64),
            ("images", num * self.height_px * self.width_px * self.channels),
            ("widths", 4 * num),
            ("heights", 4 * num),
            ("indices", 8 * num),
            ("positions", 8 * num),
            ("box_seams", 8 * (num + 1) if boxes else 0),
            ("box_clusters", 8 * boxes),
            ("box_corners", 32 * boxes),
            ("note", NOTE_BYTES),
        ]


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


def _aligned(num_bytes: int) -> int:
    return -(-num_bytes // ALIGNMENT) * ALIGNMENT
