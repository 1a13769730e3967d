"""Fonts that are made of others, held in memory as files that Pillow can open.

Web fonts are made into plain ones first, which takes up to a second, and once a process. How others
are made is in ``glyph_font.py``, which faces are open in ``faces.py``. Here is how many
are held at a time: each is a copy of a font, and a descriptor, of which a process may have 1,024.
So the threads of a process hold them together.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from pathlib import Path

from shmtext.draw.glyph_font import finer_font, glyph_font
from shmtext.draw.stored import StoredFont, unpacked
from shmtext.draw.tables import DAMAGED
from shmtext.draw.variations import Axes
from shmtext.errors import StorageError

MOST_FONTS = 256
MOST_BYTES = 256 << 20
"""Of all fonts held but for the last one; those not asked for longest go first."""

NOT_READ = (*DAMAGED, KeyError)
"""What making raises of a file that is not what it was when the font was read."""

_STORES: weakref.WeakValueDictionary[str, MadeFonts] = weakref.WeakValueDictionary()
"""This process's, as long as any of its faces refers to it."""
_MAKING = threading.Lock()


class MadeFont:
    """Bytes of a font as a file in memory, as long as this is referred to.

    ``path`` is that of the font that they are made of.
    """

    def __init__(self, path: str, data: bytes) -> None:
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
        self._held: OrderedDict[tuple[str, int, bool, int | None], MadeFont] = OrderedDict()
        """By content, number, whether axes are finer, and shift of glyphs by number."""
        self._num_bytes = 0

    def get(self, font: StoredFont, axes: Axes, shift_em: int | None) -> MadeFont:
        """Return one made of a font, which is made if it is not held.

        Its axes are finer if some are given, its glyphs have numbers if ``shift_em`` is, and it is
        no web font. It has the font's number in its file. Whoever opens it must refer to it
        meanwhile: another thread may let it go. Raises ``OSError`` where the font's file is gone,
        or its tables can't be read.
        """
        with _MAKING:
            return self._get(font, axes, shift_em)

    def file_of(
        self, font: StoredFont, axes: Axes, shift_em: int | None = None
    ) -> StoredFont | MadeFont:
        """Return what a font is opened from, which is its own file where nothing has to be made.

        Otherwise as ``get``.
        """
        if shift_em is None and not axes and not font.is_packed:
            return font
        return self.get(font, axes, shift_em)

    def _get(self, font: StoredFont, axes: Axes, shift_em: int | None) -> MadeFont:
        key = font.sha256, font.number, bool(axes), shift_em
        made = self._held.get(key)
        if made is None:
            made = self._held[key] = MadeFont(font.path, self._data(font, axes, shift_em))
            self._num_bytes += made.num_bytes
        self._held.move_to_end(key)
        while len(self._held) > MOST_FONTS or (
            self._num_bytes > MOST_BYTES and len(self._held) > 1
        ):
            _, gone = self._held.popitem(last=False)
            self._num_bytes -= gone.num_bytes
        return made

    def _data(self, font: StoredFont, axes: Axes, shift_em: int | None) -> bytes:
        is_made = bool(axes) or shift_em is not None
        if font.is_packed and is_made:
            # ``plain`` is referred to as long as its file is read.
            plain = self._get(font, (), None)
            data = Path(plain.path).read_bytes()
        else:
            data = Path(font.path).read_bytes()
        try:
            if not is_made:
                return unpacked(data)
            if axes:
                data = bytes(finer_font(data, font.number))
            if shift_em is not None:
                data = bytes(glyph_font(data, font.number, shift_em))
        except NOT_READ as error:
            raise OSError(f"the tables of {font.path} can't be read ({error!r})") from error
        return data


def made_fonts() -> MadeFonts:
    """Return the one store of this process."""
    with _MAKING:
        store = _STORES.get("")
        if store is None:
            store = _STORES[""] = MadeFonts()
        return store
