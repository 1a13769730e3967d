"""Sheets as PNG: bytes, and files."""

from __future__ import annotations

import os
from pathlib import Path

from shmtext.config import Output
from shmtext.draw.batch import Pixels
from shmtext.draw.encode import encoder
from shmtext.errors import StorageError


def png_bytes(picture: Pixels) -> bytes:
    """A picture, gray or red, green, blue, as a PNG file."""
    return bytes(encoder(Output(image_format="png"))(picture))


def write_png(path: Path, picture: Pixels) -> None:
    """Write such a file, whole or not at all. Raises ``StorageError``."""
    under_way = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        under_way.write_bytes(png_bytes(picture))
        under_way.replace(path)
    except OSError as error:
        under_way.unlink(missing_ok=True)
        raise StorageError(f"cannot write the sheet {path}: {error.strerror}") from error
