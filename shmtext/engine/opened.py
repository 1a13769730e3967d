"""A finished run opened for reading: each picture decoded, beside its label row.

What lies where is ``dataset/reading.py``'s to know; here bytes become pixels.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self, overload

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.dataset.places import RunPlace
from shmtext.dataset.reading import LabelRow, StoredRun, Turn
from shmtext.dataset.shuffled import ShuffledPositions
from shmtext.engine.redraw import Redrawing
from shmtext.errors import ConfigError, DamageError

AnyPath = str | os.PathLike[str]


class StoredExample(NamedTuple):
    """One picture of a run, and what its label row says."""

    picture: NDArray[np.uint8]
    """Shape ``(height, width)``, or ``(height, width, 3)`` of red, green, blue."""
    row: LabelRow
    """A value for each column of the label table."""


class OpenedRun:
    """The pictures of a finished run, by position or in order. A context manager.

    Skipped examples have no picture and no place in it: ``row["example_index"]`` tells which
    example a picture is of. Can be pickled, and handed to the workers of a data loader.
    """

    def __init__(
        self,
        out: AnyPath,
        fonts: AnyPath | Sequence[AnyPath] = (),
        backgrounds: AnyPath | None = None,
    ) -> None:
        self._stored = StoredRun(out)
        given = [fonts] if isinstance(fonts, (str, os.PathLike)) else fonts
        # Absolute: whoever a pickled copy is handed to may work elsewhere.
        self._fonts = tuple(Path(os.path.abspath(font)) for font in given)
        self._backgrounds = None if backgrounds is None else Path(os.path.abspath(backgrounds))
        self._turn = Turn()
        self._redrawing_by: dict[int, Redrawing] = {}
        """By process: a forked child's copy may be in the middle of a drawing."""

    def __reduce__(self) -> tuple[type[OpenedRun], tuple[RunPlace, tuple[Path, ...], Path | None]]:
        return type(self), (self._stored.path, self._fonts, self._backgrounds)

    def close(self) -> None:
        """Let go of the folder's files. May be called twice."""
        self._stored.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._stored)

    @overload
    def __getitem__(self, index: int) -> StoredExample: ...

    @overload
    def __getitem__(self, index: slice) -> Selection: ...

    def __getitem__(self, index: int | slice) -> StoredExample | Selection:
        if isinstance(index, slice):
            return Selection(self, range(len(self))[index])
        row = self._stored.row(index)
        return StoredExample(decoded(self._stored.read_row(row), row["file_name"]), row)

    def __iter__(self) -> Iterator[StoredExample]:
        for data, row in self._stored:
            yield StoredExample(decoded(data, row["file_name"]), row)

    def map(self, function: Callable[[StoredExample], Any]) -> Selection:
        """All pictures, each as what ``function`` makes of it: see ``Selection``."""
        return self[:].map(function)

    def shuffled(self, seed: int) -> Selection:
        """All pictures in an order of ``seed``, 0 to 2**64 - 1, that reads a few shards at a time.

        Another seed for each epoch is another order. Raises ``ConfigError``.
        """
        if not 0 <= seed < 2**64:
            raise ConfigError(f"seed must be a whole number from 0 to 2**64 - 1, got {seed}")
        return Selection(self, ShuffledPositions(self._stored.shard_starts, seed))

    def row(self, index: int) -> LabelRow:
        """The label row of picture ``index`` alone."""
        return self._stored.row(index)

    def read(self, index: int) -> bytes:
        """The encoded picture ``index``: the bytes of a JPEG or PNG file."""
        return self._stored.read(index)

    def render(self, index: int) -> NDArray[np.uint8]:
        """Picture ``index`` drawn, encoded and decoded again: equal to what is stored.

        Threads take turns. Raises ``FontError`` where a font of the run is not among those that it
        was opened with, ``InputError`` where its photographs are not in the folder of backgrounds,
        ``FolderError`` where libraries of other versions would draw it otherwise, and
        ``DamageError`` if it comes out otherwise all the same.
        """
        row = self._stored.row(index)
        with self._turn:
            if os.getpid() not in self._redrawing_by:
                redrawing = Redrawing.of(self._stored, self._fonts, self._backgrounds)
                self._redrawing_by = {os.getpid(): redrawing}
            data = self._redrawing_by[os.getpid()].draw(row)
        return decoded(data, row["file_name"])


@dataclass(frozen=True, slots=True)
class Selection:
    """Pictures of an opened run by their place in some order, as a list has its items.

    What PyTorch calls a map-style dataset, as an ``OpenedRun`` itself is one: has a length, gives
    one picture for each index, and can be handed to workers that are forked or started anew.
    """

    run: OpenedRun
    positions: Sequence[int]
    """In the run, in order."""
    functions: tuple[Callable[[Any], Any], ...] = ()
    """What is done to each ``StoredExample``, one after the other."""

    def __len__(self) -> int:
        return len(self.positions)

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> Selection: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return replace(self, positions=self.positions[index])
        return self._made(self.run[self.positions[index]])

    def __iter__(self) -> Iterator[Any]:
        return (self._made(self.run[position]) for position in self.positions)

    def map(self, function: Callable[[Any], Any]) -> Selection:
        """The same, each as what ``function`` makes of it when it is asked for.

        The first function is given a ``StoredExample``, the next what that returned. Workers that
        are started anew can be handed what can be pickled: a function of a module, no lambda.
        """
        return replace(self, functions=(*self.functions, function))

    def _made(self, made: Any) -> Any:
        for function in self.functions:
            made = function(made)
        return made


def open(
    out: AnyPath, fonts: AnyPath | Sequence[AnyPath] = (), backgrounds: AnyPath | None = None
) -> OpenedRun:
    """Open the finished run in the folder ``out`` for reading.

    ``fonts``, files and folders, and ``backgrounds``, a folder, are for ``render`` alone: those the
    run was made with, if the fonts are not those that come with the package. Raises ``FolderError``
    where there is no run, or it is not finished. Reading raises ``DamageError``, naming the picture
    that is missing or not what was committed.
    """
    return OpenedRun(out, fonts, backgrounds)


def decoded(data: bytes, name: str) -> NDArray[np.uint8]:
    """The pixels of an encoded picture, as in ``StoredExample``.

    Raises ``DamageError`` for what is none; ``name`` is what that calls it.
    """
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None:
        # Its checksum was right: it was written so.
        raise DamageError(f"{name} is not a picture that OpenCV reads: render it anew")
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    pixels: NDArray[np.uint8] = picture.astype(np.uint8, copy=False)
    return pixels
