"""Small numbers for the code points met so far, in the order in which they are met.

Arrays indexed by code point would be mostly empty. What is known of each is kept by those who have
a number for it: ``characters.py`` for fonts and texts, ``shape/batch_scripts.py`` for shaping.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.properties import NUM_CODE_POINTS


class CodePointIds:
    """Ids of code points; only ever more of them."""

    def __init__(self) -> None:
        self._id_of = np.full(NUM_CODE_POINTS, -1, np.int32)
        self.code_points = np.empty(0, np.uint32)
        """Code point of each id, shape ``(num_ids,)``."""

    def __len__(self) -> int:
        return self.code_points.size

    def of(self, codes: NDArray[np.uint32]) -> NDArray[np.int32]:
        """Return the id of each code point, of shape ``codes.shape``; new ones get one."""
        ids: NDArray[np.int32] = self._id_of.take(codes)
        if codes.size and int(ids.min()) < 0:
            new = np.unique(codes[ids < 0])
            self._id_of[new] = np.arange(len(self), len(self) + new.size)
            self.code_points = np.concatenate([self.code_points, new])
            ids = self._id_of.take(codes)
        return ids
