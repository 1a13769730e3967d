"""Sheets as PNG: bytes, and files."""

from __future__ import annotations

from pathlib import Path

from shmtext.config import Output
from shmtext.draw.batch import Pixels
from shmtext.draw.encode import encoder
from shmtext.view.files import write_whole


def png_bytes(picture: Pixels) -> bytes:
    """A picture, gray or red, green, blue, as a PNG file."""
    return bytes(encoder(Output(image_format="png"))(picture))


def write_png(path: Path, picture: Pixels) -> None:
    """Write such a file. Raises ``StorageError``."""
    write_whole(path, png_bytes(picture), "sheet")
