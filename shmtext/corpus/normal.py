"""Texts brought to one of Unicode's normal forms, a chunk at a time.

Most chunks are in that form already, and leave as they came: that is seen from their bytes, where
these can't be of anything else, and else from the text as a whole. (A part of a text in a normal
form is in that form, so that what holds for all of them end to end holds for each.)
"""

from __future__ import annotations

import unicodedata
from functools import partial
from typing import Literal

from shmtext.corpus.joined import rewrite
from shmtext.corpus.ragged import TextChunk

Form = Literal["NFC", "NFKC"]

_ASCII = range(0x80)
_PLAIN_BYTES = {
    # Up to U+02FF, from where on there are marks; Cyrillic but for its rare letters; ideographs
    # from U+4000 to U+9FFF, and most of Hangul, from U+B000 to U+CFFF.
    "NFC": bytes([*range(0xCC), 0xD0, 0xD1, *range(0xE4, 0xEA), 0xEB, 0xEC]),
    "NFKC": bytes(_ASCII),
}
"""Bytes that make up such texts alone as are in the form, whatever stands beside what."""

_BYTES_AT_ONCE = 2**18
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
    values, plain = chunk.values, _PLAIN_BYTES[form]
    if values.size == 0 or int(values.max()) in _ASCII:
        return True
    starts = range(0, values.size, _BYTES_AT_ONCE)
    return not any(
        values[start : start + _BYTES_AT_ONCE].tobytes().translate(None, plain) for start in starts
    )
