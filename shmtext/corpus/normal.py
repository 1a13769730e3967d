"""Texts brought to one of Unicode's normal forms, a chunk at a time.

Most chunks are in that form already, and leave as they came: that is seen from their bytes, where
these can't be of anything else, and else from the text as a whole. (A part of a text in a normal
form is in that form, so that what holds for all of them end to end holds for each.)
"""

from __future__ import annotations

import unicodedata
from functools import partial
from typing import Literal

import numpy as np

from shmtext.corpus.joined import rewrite
from shmtext.corpus.ragged import TextChunk

Form = Literal["NFC", "NFKC"]

_PLAIN_BYTES: dict[Form, tuple[int, tuple[tuple[int, int], ...]]] = {
    # Up to U+02FF, from where on there are marks; Cyrillic but for its rare letters; ideographs
    # from U+4000 to U+9FFF, and most of Hangul, from U+B000 to U+CFFF.
    "NFC": (0xCC, ((0xD0, 0xD1), (0xE4, 0xE9), (0xEB, 0xEC))),
    "NFKC": (0x80, ()),
}
"""Bytes that make up such texts alone as are in the form, whatever stands beside what: those below
the first number, and in the ranges, whose ends are included."""

_BYTES_AT_ONCE = 2**16
"""Looked at while they are in the processor's cache."""


def normalized(chunk: TextChunk, form: Form) -> TextChunk:
    """Each text in its normal form; the same chunk where all are."""
    if _is_plain(chunk, form):
        return chunk
    if unicodedata.is_normalized(form, chunk.values.tobytes().decode()):
        return chunk
    return rewrite(chunk, partial(unicodedata.normalize, form))


def _is_plain(chunk: TextChunk, form: Form) -> bool:
    """Whether all bytes are among those that no other form has."""
    values, (bound, ranges) = chunk.values, _PLAIN_BYTES[form]
    if values.size == 0 or int(values.max()) < bound:
        return True
    for start in range(0, values.size, _BYTES_AT_ONCE):
        some = values[start : start + _BYTES_AT_ONCE]
        num_others = np.count_nonzero(some >= bound)
        for first, last in ranges:
            if num_others:  # bytes below ``first`` come out as large ones
                num_others -= np.count_nonzero(some - np.uint8(first) <= last - first)
        if num_others:
            return False
    return True
