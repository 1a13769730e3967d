"""A font's tables as HarfBuzz holds them."""

from __future__ import annotations

import uharfbuzz

from shmtext.draw.made_fonts import made_fonts
from shmtext.draw.stored import StoredFont


def open_tables(font: StoredFont) -> uharfbuzz.Face:
    """Map a font's file. Raises ``OSError`` where that can't be."""
    # Mapped, a file in memory lasts as long as the face does.
    path = made_fonts().get(font, (), None).path if font.is_packed else font.path
    try:
        return uharfbuzz.Face(uharfbuzz.Blob.from_file_path(path), font.number)
    except uharfbuzz.HarfBuzzError as error:
        raise OSError(
            f"{font.path} can't be opened: it is gone, or too many files are open"
        ) from error
