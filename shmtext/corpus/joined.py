"""What Python can do to a text, done to all texts of a chunk at once: they are joined for it.

No text holds a NUL, so that these can stand between them. To Unicode they are controls: no letter,
no mark and no cased character, so that nothing that is said of a text reaches into the next one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from shmtext.corpus.ragged import TextChunk

_NUL = 0


def rewrite(chunk: TextChunk, function: Callable[[str], str]) -> TextChunk:
    """What ``function`` makes of each text; it is called once, and must leave NULs alone.

    >>> made = rewrite(TextChunk(np.frombuffer(b"abc", np.uint8), np.array([1, 2])), str.upper)
    >>> bytes(made.values), made.lengths_bytes.tolist()
    (b'ABC', [1, 2])
    """
    stops = np.cumsum(chunk.lengths_bytes, dtype=np.int64)
    joined = np.insert(chunk.values, stops, _NUL)
    made = np.frombuffer(function(joined.tobytes().decode()).encode(), np.uint8)
    lengths = np.diff(np.flatnonzero(made == _NUL), prepend=-1) - 1
    return TextChunk(made[made != _NUL], lengths.astype(np.int32))
