"""Pictures to file bytes: JPEG by OpenCV; PNG by a fast deflate of plain scanlines.

A further format is an entry of ``FILE_FORMATS`` and a choice of ``Output.image_format``. Pictures
come gray or in red, green, blue; an encoder that wants another order turns them itself.

Which deflate library is there (``isal`` has no wheel for some machines) decides the bytes of PNG
files: ``deflate_version`` goes into a run's fingerprint.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version

import cv2
import numpy as np
from cv2 import __version__ as opencv_release  # ImportError where pip left a folder without files
from numpy.typing import NDArray

from shmtext.checksums import crc32
from shmtext.config import ImageFormat, Output
from shmtext.draw.batch import Pixels

try:
    from isal import isal_zlib
except ImportError:

    def _deflate(data: NDArray[np.uint8]) -> bytes:
        return zlib.compress(data, 1)

    deflate_version = f"zlib {zlib.ZLIB_RUNTIME_VERSION}"
else:

    def _deflate(data: NDArray[np.uint8]) -> bytes:
        return isal_zlib.compress(data, ISAL_LEVEL)

    deflate_version = f"isal {version('isal')}"

ISAL_LEVEL = 0
"""Twice as fast as level 1, and files a sixth larger: still smaller than OpenCV's. Level 3 is no
choice: its bytes depend on which of AVX2 and AVX-512 the processor has."""

Encoder = Callable[[Pixels], "bytes | Pixels"]
"""Takes a picture as in ``Batch``; returns bytes or a flat uint8 array. Serves one thread."""

KEPT_BYTES = 1 << 20
"""Room that a JPEG encoder keeps for turning channels: 1.5 us for a picture of 250 x 40 px, and 1
us less of allocating elsewhere than with new room each time. What is never used takes no memory."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_GRAY, PNG_RGB = 0, 2
"""Colour types (PNG specification, table 11.1)."""


def opencv_version() -> str:
    """Of the library that encodes JPEG; its wheels bring libjpeg along."""
    return str(opencv_release)


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How pictures become files of one kind."""

    extension: str
    """Of the files' names, without the dot."""
    encoder: Callable[[Output], Encoder]
    """Makes the encoder that a run's settings ask for."""
    versions: Mapping[str, str]
    """Of the libraries that decide the files' bytes, by the names they have in a fingerprint."""


def encoder(output: Output) -> Encoder:
    """Return the function that makes file bytes of a picture."""
    return FILE_FORMATS[output.image_format].encoder(output)


def _jpeg_encoder(output: Output) -> Encoder:
    parameters = [cv2.IMWRITE_JPEG_QUALITY, output.jpeg_quality]
    kept = np.empty(KEPT_BYTES, np.uint8)

    def encode_jpeg(picture: Pixels) -> Pixels:
        if picture.ndim == 3:
            picture = _turned(picture, kept)
        done, data = cv2.imencode(".jpg", picture, parameters)
        if not done:
            raise cv2.error(f"imencode refused a picture of shape {picture.shape}")
        return data

    return encode_jpeg


def _turned(picture: Pixels, kept: Pixels) -> Pixels:
    """Copy a picture to OpenCV's order: blue, green, red; into room that is kept, where it fits."""
    fits = picture.size <= kept.size
    room = kept[: picture.size].reshape(picture.shape) if fits else None
    return cv2.cvtColor(picture, cv2.COLOR_RGB2BGR, dst=room)  # type: ignore[return-value]


def encode_png(picture: Pixels) -> bytes:
    """Encode 8-bit gray or RGB as PNG (ISO/IEC 15948), no filter, one IDAT chunk."""
    height, width = picture.shape[:2]
    row_bytes = picture.size // height
    scanlines = np.zeros((height, row_bytes + 1), np.uint8)  # a filter byte of 0 begins each row
    scanlines[:, 1:] = picture.reshape(height, row_bytes)
    color_type = PNG_GRAY if picture.ndim == 2 else PNG_RGB
    header = struct.pack(">II5B", width, height, 8, color_type, 0, 0, 0)
    return b"".join(
        (PNG_SIGNATURE, _chunk(b"IHDR", header), _chunk(b"IDAT", _deflate(scanlines)), PNG_END)
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = crc32(data, crc32(kind))
    return b"".join((struct.pack(">I", len(data)), kind, data, struct.pack(">I", checksum)))


PNG_END = _chunk(b"IEND", b"")

FILE_FORMATS: dict[ImageFormat, FileFormat] = {
    "jpg": FileFormat("jpg", _jpeg_encoder, {"opencv": opencv_version()}),
    "png": FileFormat("png", lambda _output: encode_png, {"deflate": deflate_version}),
}
"""Every choice of ``Output.image_format``."""
