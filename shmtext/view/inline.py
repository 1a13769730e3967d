"""Pictures as what terminals show in their place: in the protocols of kitty and iTerm2, as sixels.

Which of them a terminal has is ``cli/pictures.py``'s to find out. Of the libraries for it
term-image wants a Pillow before 11, and textual-image asks the terminal when it is imported, needs
a keyboard to do so, and leaves an answer that takes more than a tenth of a second to the shell.
"""

from __future__ import annotations

from base64 import standard_b64encode
from collections.abc import Iterator
from typing import Literal, assert_never

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shmtext.draw.batch import Pixels
from shmtext.view.png import png_bytes

Protocol = Literal["kitty", "iterm2", "sixel"]

KITTY_CHUNK = 4_096
"""Bytes of base64 that kitty takes at once ("Terminal graphics protocol", remote client)."""

SIXEL_ROWS = 6
SIXEL_ZERO = 63
"""The character that stands for none of a column's six pixels (DEC, VT330/VT340 Programmer
Reference Manual, volume 2, chapter 14)."""
SIXEL_COLORS = 256
"""Registers that terminals have."""
LEAST_REPEATED = 4
"""Characters in a row that are shorter told by their number."""


def inline(picture: Pixels, protocol: Protocol) -> str:
    """A picture, red, green, blue, as ASCII that shows it, and a new line."""
    match protocol:
        case "kitty":
            return "".join(_kitty(png_bytes(picture))) + "\n"
        case "iterm2":
            data = png_bytes(picture)
            settings = f"inline=1;size={len(data)};width={picture.shape[1]}px"
            return f"\x1b]1337;File={settings}:{_base64(data)}\x07\n"
        case "sixel":
            return f"{_sixels(picture)}\n"
        case _:
            assert_never(protocol)


def _base64(data: bytes) -> str:
    return standard_b64encode(data).decode("ascii")


def _kitty(png: bytes) -> Iterator[str]:
    """Transmit a PNG file and show it; no answer is wanted."""
    text = _base64(png)
    for start in range(0, len(text), KITTY_CHUNK):
        settings = "a=T,f=100,q=2," if start == 0 else ""
        is_more = int(start + KITTY_CHUNK < len(text))
        yield f"\x1b_G{settings}m={is_more};{text[start : start + KITTY_CHUNK]}\x1b\\"


def _sixels(picture: Pixels) -> str:
    """Six rows at a time, each of their colours in turn."""
    height_px, width_px = picture.shape[:2]
    quantized = Image.fromarray(picture).quantize(SIXEL_COLORS, dither=Image.Dither.NONE)
    colors = np.array(quantized.getpalette(), np.int64).reshape(-1, 3)
    percent = (colors * 100 + 127) // 255
    registers = "".join(f"#{at};2;{r};{g};{b}" for at, (r, g, b) in enumerate(percent.tolist()))
    pixels = np.asarray(quantized)
    bands = (_band(pixels[top : top + SIXEL_ROWS]) for top in range(0, height_px, SIXEL_ROWS))
    return f'\x1bPq"1;1;{width_px};{height_px}{registers}{"-".join(bands)}\x1b\\'


def _band(rows: NDArray[np.uint8]) -> str:
    bits = 1 << np.arange(len(rows))[:, None]
    return "$".join(
        f"#{color}{_repeats(((rows == color) * bits).sum(axis=0) + SIXEL_ZERO)}"
        for color in np.unique(rows).tolist()
    )


def _repeats(codes: NDArray[np.integer]) -> str:
    """Characters, of which runs are told by their number."""
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    lengths = np.diff(np.append(starts, codes.size))
    return "".join(
        f"!{length}{chr(code)}" if length >= LEAST_REPEATED else chr(code) * length
        for code, length in zip(codes[starts].tolist(), lengths.tolist(), strict=True)
    )
