"""Pictures to file bytes: JPEG by OpenCV; PNG by a fast deflate of plain scanlines.

Which deflate library is there (``isal`` has no wheel for some machines) decides the bytes of PNG
files: ``deflate_version`` goes into a run's fingerprint.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from importlib.metadata import version
from typing import assert_never

import cv2
import numpy as np
from cv2 import __version__ as opencv_release  # ImportError where pip left a folder without files
from numpy.typing import NDArray

from shmtext.config import Output

try:
    from isal import isal_zlib
except ImportError:
    crc32 = zlib.crc32

    def _deflate(data: NDArray[np.uint8]) -> bytes:
        return zlib.compress(data, 1)

    deflate_version = f"zlib {zlib.ZLIB_RUNTIME_VERSION}"
else:
    crc32 = isal_zlib.crc32

    def _deflate(data: NDArray[np.uint8]) -> bytes:
        return isal_zlib.compress(data, ISAL_LEVEL)

    deflate_version = f"isal {version('isal')}"

ISAL_LEVEL = 0
"""Twice as fast as level 1, and files a sixth larger: still smaller than OpenCV's. Level 3 is no
choice: its bytes depend on which of AVX2 and AVX-512 the processor has."""

Encoder = Callable[[NDArray[np.uint8]], "bytes | NDArray[np.uint8]"]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_GRAY, PNG_RGB = 0, 2
"""Colour types (PNG specification, table 11.1)."""


def opencv_version() -> str:
    """Of the library that encodes JPEG; its wheels bring libjpeg along."""
    return str(opencv_release)


def encoder(output: Output) -> Encoder:
    """Return the function that makes file bytes of a picture.

    It takes shape ``(height, width)``, or ``(height, width, 3)`` with channels in the order that
    ``takes_bgr`` tells, and returns bytes or a flat uint8 array.
    """
    match output.image_format:
        case "png":
            return encode_png
        case "jpg":
            return _jpeg_encoder(output.jpeg_quality)
        case _:
            assert_never(output.image_format)


def takes_bgr(output: Output) -> bool:
    """Whether the encoder wants blue, green, red (OpenCV's order)."""
    match output.image_format:
        case "png":
            return False
        case "jpg":
            return True
        case _:
            assert_never(output.image_format)


def _jpeg_encoder(quality: int) -> Encoder:
    parameters = [cv2.IMWRITE_JPEG_QUALITY, quality]

    def encode_jpeg(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        done, data = cv2.imencode(".jpg", picture, parameters)
        if not done:
            raise cv2.error(f"imencode refused a picture of shape {picture.shape}")
        return data

    return encode_jpeg


def encode_png(picture: NDArray[np.uint8]) -> bytes:
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
