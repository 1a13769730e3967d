"""A font's tables as HarfBuzz holds them: opening its file, and what damaged ones raise."""

from __future__ import annotations

import struct

import uharfbuzz

DAMAGED = (ValueError, IndexError, struct.error)
"""What reading a damaged table's bytes raises."""


def open_tables(path: str) -> uharfbuzz.Face:
    """Map a font's file, of a collection the first font. Raises ``OSError`` where that can't be."""
    try:
        return uharfbuzz.Face(uharfbuzz.Blob.from_file_path(path))
    except uharfbuzz.HarfBuzzError as error:
        raise OSError(f"{path} can't be opened: it is gone, or too many files are open") from error
