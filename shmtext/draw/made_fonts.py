"""Fonts that are made of others, held in memory as files that Pillow can open.

How they are made is in ``glyph_font.py``, which faces are open in ``faces.py``. Here is how many
are held at a time: each is a copy of a font, and a descriptor, of which a process may have 1,024.
So the threads of a process hold them together.
"""

from __future__ import annotations

import os
import struct
import threading
import weakref
from collections import OrderedDict
from pathlib import Path

from shmtext.draw.glyph_font import finer_font, glyph_font
from shmtext.draw.variations import Axes
from shmtext.errors import StorageError

MOST_FONTS = 256
MOST_BYTES = 256 << 20
"""Of all fonts held but for the last one; those not asked for longest go first."""

_STORES: weakref.WeakValueDictionary[str, MadeFonts] = weakref.WeakValueDictionary()
"""This process's, as long as any of its faces refers to it."""
_MAKING = threading.Lock()


class MadeFont:
    """A font as a file in memory, as long as this is referred to.

    Its axes are finer if some are given, its glyphs have numbers if ``shift_em`` is. Raises
    ``OSError`` where the font's file is gone, or its tables can't be read.
    """

    def __init__(self, path: str, axes: Axes, shift_em: int | None) -> None:
        data: bytes | bytearray = Path(path).read_bytes()
        try:
            if axes:
                data = finer_font(data)
            if shift_em is not None:
                data = glyph_font(bytes(data), shift_em)
        except (KeyError, ValueError, struct.error) as error:
            raise OSError(f"the tables of {path} can't be read ({error!r})") from error
        try:
            descriptor = os.memfd_create("shmtext-font")
            weakref.finalize(self, os.close, descriptor)
            with open(descriptor, "wb", closefd=False) as file:
                file.write(data)
        except OSError as error:
            # No text's fault: limits count files in memory, too.
            raise StorageError(f"cannot hold {path} in memory: {error.strerror}") from error
        self.path = f"/proc/self/fd/{descriptor}"
        self.num_bytes = len(data)


class MadeFonts:
    """Those used last; see ``made_fonts``."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[str, bool, int | None], MadeFont] = OrderedDict()
        """By content, whether axes are finer, and shift of glyphs by number."""
        self._num_bytes = 0

    def get(self, path: str, sha256: str, axes: Axes, shift_em: int | None) -> MadeFont:
        """Return a font's, made of it if it is not held; see ``MadeFont``.

        Whoever opens it must refer to it meanwhile: another thread may let it go.
        """
        with _MAKING:
            key = sha256, bool(axes), shift_em
            made = self._held.get(key)
            if made is None:
                made = self._held[key] = MadeFont(path, axes, shift_em)
                self._num_bytes += made.num_bytes
            self._held.move_to_end(key)
            while len(self._held) > MOST_FONTS or (
                self._num_bytes > MOST_BYTES and len(self._held) > 1
            ):
                _, gone = self._held.popitem(last=False)
                self._num_bytes -= gone.num_bytes
            return made


def made_fonts() -> MadeFonts:
    """Return the one store of this process."""
    with _MAKING:
        store = _STORES.get("")
        if store is None:
            store = _STORES[""] = MadeFonts()
        return store
