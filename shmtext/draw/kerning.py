"""How Pillow's basic layout kerns a pair of characters, measured from Pillow itself.

Fonts list the pairs they kern in a ``kern`` table (``FontFile.kern_pairs``); what FreeType and
Pillow make of an entry at a size is asked of Pillow, once per face and entry, when a pair that has
it has been met: scaling and rounding are then exact without being written again here. Fonts have
thousands of pairs, but tens of different entries.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shmtext.draw.characters import CharacterTable
from shmtext.draw.faces import Faces

MOST_CHARACTERS = 256
"""Kerned characters held, 128 kB a face. Texts with later ones are drawn one by one by Pillow."""

NOT_KERNED = 0
NOT_HELD = -1

OUT_OF_BOUNDS = -(2**15)
"""Stands for a kerning that the table's 16 bits do not hold."""


class KerningTable:
    """Kerning by face and pair of characters, in 64ths of a pixel."""

    def __init__(self, faces: Faces) -> None:
        self._faces = faces
        fonts_and_sizes = [faces.font_and_size(face_id) for face_id in range(len(faces))]
        self.kerned = np.array([font.kern_pairs.size > 0 for font, _ in fonts_and_sizes], np.bool_)
        """Which faces kern at all, shape ``(num_faces,)``."""
        self._row_of_face = np.cumsum(self.kerned) - 1
        pairs = [font.kern_pairs.ravel() for font in faces.fonts]
        self._kerned_code_points = np.unique(np.concatenate(pairs))
        self._ids = np.zeros(0, np.int64)
        self._num_ids = 1
        self._values = np.zeros((int(self.kerned.sum()), 64, 64), np.int16)
        self._num_measured = np.ones(len(faces), np.int64)
        self._of_entry: dict[tuple[int, int], int] = {}
        """By face and number of the entry."""

    def kern_ids(self, characters: NDArray[np.int32], table: CharacterTable) -> NDArray[np.int64]:
        """Number kerned characters: ``NOT_KERNED``, ``NOT_HELD`` or ``[1, MOST_CHARACTERS)``."""
        new = table.code_points[self._ids.size :]
        if new.size:
            ids = np.where(np.isin(new, self._kerned_code_points), 1, NOT_KERNED)
            ids = np.where(ids > 0, np.cumsum(ids) + self._num_ids - 1, ids)
            self._num_ids += int((ids > 0).sum())
            ids[ids >= MOST_CHARACTERS] = NOT_HELD
            self._num_ids = min(self._num_ids, MOST_CHARACTERS)
            self._ids = np.concatenate([self._ids, ids])
        return self._ids[characters]

    def measure(self, face_ids: NDArray[np.int64], table: CharacterTable) -> None:
        """Measure the pairs of these faces whose characters have been met since last time."""
        if self._num_ids > self._values.shape[1]:
            num_faces, old = self._values.shape[:2]
            grown = np.zeros((num_faces, MOST_CHARACTERS, MOST_CHARACTERS), np.int16)
            grown[:, :old, :old] = self._values
            self._values = grown
        for face_id in face_ids.tolist():
            if self.kerned[face_id] and self._num_measured[face_id] < self._num_ids:
                self._measure_face(face_id, table)
                self._num_measured[face_id] = self._num_ids

    def values(
        self, face_ids: NDArray[np.int64], left: NDArray[np.int64], right: NDArray[np.int64]
    ) -> NDArray[np.int16]:
        """Kerning between characters of kerned faces, given their kern ids (``NOT_HELD`` as 0).

        ``OUT_OF_BOUNDS`` where it is not known.
        """
        rows = self._row_of_face[face_ids]
        values: NDArray[np.int16] = self._values[rows, np.maximum(left, 0), np.maximum(right, 0)]
        return values

    def _measure_face(self, face_id: int, table: CharacterTable) -> None:
        font, _ = self._faces.font_and_size(face_id)
        pairs = font.kern_pairs
        held = np.flatnonzero(self._ids > 0)
        code_points = table.code_points[held]
        order = np.argsort(code_points)
        ascending = code_points[order]
        place = np.minimum(np.searchsorted(ascending, pairs), ascending.size - 1)
        ids = np.where(ascending[place] == pairs, self._ids[held[order[place]]], 0)
        is_new = (ids.min(axis=1) > 0) & (ids.max(axis=1) >= self._num_measured[face_id])
        entries, examples, entry_of_pair = np.unique(
            font.kern_entries[is_new], return_index=True, return_inverse=True
        )
        kernings = [
            self._kerning_of(face_id, entry, chr(left) + chr(right))
            for entry, (left, right) in zip(
                entries.tolist(), pairs[is_new][examples].tolist(), strict=True
            )
        ]
        left_id, right_id = ids[is_new].T
        of_pair = np.array(kernings, np.int16)[entry_of_pair]
        self._values[self._row_of_face[face_id], left_id, right_id] = of_pair

    def _kerning_of(self, face_id: int, entry: int, pair: str) -> int:
        """Kerning of an entry, measured on a pair that has it."""
        if (face_id, entry) not in self._of_entry:
            face = self._faces.get(face_id)
            apart = face.getlength(pair[0]) + face.getlength(pair[1])
            kerning = round((face.getlength(pair) - apart) * 64)
            is_held = abs(kerning) < -OUT_OF_BOUNDS
            self._of_entry[face_id, entry] = kerning if is_held else OUT_OF_BOUNDS
        return self._of_entry[face_id, entry]
