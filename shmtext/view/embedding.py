"""Pictures made small enough to stand in a page: as they are stored where there is room, the
largest recoded as WebP, smaller where that is not enough.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.errors import DamageError

_QUALITY = 75
_PX_PER_BYTE = 16
"""Of WebP at this quality, at the very best: of more pixels no attempt is made."""
_SMALLER = 0.85
"""From one attempt to the next, at least."""
_MOST_WEBP_PX = 16_383
"""Of a side."""

_KINDS = ((b"\x89PNG", "image/png"), (b"\xff\xd8", "image/jpeg"))


@dataclass(frozen=True, slots=True)
class EmbeddedPicture:
    """A picture that fits."""

    media_type: str
    data: bytes = field(repr=False)
    is_recoded: bool

    @property
    def url(self) -> str:
        """A ``data:`` URL."""
        return f"data:{self.media_type};base64,{b64encode(self.data).decode()}"


def embedded(pictures: Sequence[bytes], num_bytes: int) -> list[EmbeddedPicture]:
    """Make stored pictures fit into so many bytes of a page, together, as ``data:`` URLs.

    Raises ``DamageError`` for one that is no picture that OpenCV reads.
    """
    # Of four letters for three bytes, begun ones whole.
    left = num_bytes * 3 // 4 - 2 * len(pictures)
    found: dict[int, EmbeddedPicture] = {}
    has_recoded = False
    # The smallest first: what they leave of their shares is the others'.
    for number in sorted(range(len(pictures)), key=lambda each: len(pictures[each])):
        data, share = pictures[number], max(left // (len(pictures) - len(found)), 1)
        has_recoded = has_recoded or len(data) > share
        found[number] = _recoded(data, share) if has_recoded else _stored(data)
        left -= len(found[number].data)
    return [found[number] for number in range(len(pictures))]


def _stored(data: bytes) -> EmbeddedPicture:
    for begin, media_type in _KINDS:
        if data.startswith(begin):
            return EmbeddedPicture(media_type, data, is_recoded=False)
    raise DamageError("a picture is neither JPEG nor PNG: render its run anew")


def _recoded(data: bytes, most: int) -> EmbeddedPicture:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise DamageError("a picture is not one that OpenCV reads: render its run anew")
    height, width = picture.shape[:2]
    longer_px = max(height, width)
    scale = min(1.0, (most * _PX_PER_BYTE / (height * width)) ** 0.5, _MOST_WEBP_PX / longer_px)
    while True:
        webp = _webp(picture, scale)
        if len(webp) <= most or scale * longer_px < 1:  # one pixel: there is nothing smaller
            return EmbeddedPicture("image/webp", webp, is_recoded=True)
        scale *= min(_SMALLER, (most / len(webp)) ** 0.5)


def _webp(picture: NDArray[np.integer | np.floating], scale: float) -> bytes:
    height, width = picture.shape[:2]
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    if size != (width, height):
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
    return bytes(data)
