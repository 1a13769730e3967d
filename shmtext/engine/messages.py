"""What the main process and its workers say to one another: values, without a library behind them.

To a worker go Python objects: its ``Place``, its ``Setup``, for each run a ``Target`` and in the
end a ``Release``, and tasks of two integers; a ``Task`` for a shard that has ended
workers. To a worker of an export go its ``ExportOrder`` and numbers of shards. Back go
``Message``s, each a line of JSON that is written at once, so that a worker stopped
at any moment never leaves half a message for the main process to wait on. What is said of a run
bears its number: a worker may be late, and the main process at the next run already.

Workers import this before anything that takes long or may fail. Who says what when is
``supervisor.py``'s and ``service.py``'s.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Self, get_args

if TYPE_CHECKING:
    from shmtext.corpus.shared import CorpusSpec, SegmentSpec
    from shmtext.dataset.export.base import Options
    from shmtext.dataset.folder import FolderSpec
    from shmtext.dataset.places import RunPlace
    from shmtext.draw.settings import RenderSettings
    from shmtext.engine.backgrounds import PhotosSpec
    from shmtext.engine.shards import Destination

MAX_LINE_BYTES = 4_000
"""Below 4,096: Linux writes so much to a pipe whole or not at all."""
MAX_ERROR_CHARACTERS = 1_000

MessageKind = Literal[
    "ready",  # it has its libraries
    "set up",  # it has corpus and fonts
    "released",  # it has let go of a run's folder
    "done",  # a shard is committed; or was, and has been looked at
    "stopped",  # the run can't go on: its folder, or its storage
    "unfit",  # no run can go on, with whichever worker
    "failed",  # an example raised; the worker ends
    "start-up",  # it can't start; the worker ends
    "bug",
]


@dataclass(frozen=True, slots=True)
class Place:
    """A worker's own row among the slots; the first thing it is sent."""

    slots: SegmentSpec
    worker: int
    num_workers: int


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """What stays for a worker's life."""

    settings: RenderSettings
    """Without photographs: these are mapped by each worker."""
    corpus: CorpusSpec
    photos: PhotosSpec | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Where the tasks that follow go."""

    run: int
    """Number of the run among those of its workers, from 1."""
    destination: Destination


@dataclass(frozen=True, slots=True)
class Release:
    """Nothing more is written to the target: others may take its folder. Is answered."""


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """What a worker of an export is to do; the first thing it is sent."""

    run: RunPlace
    dest: FolderSpec
    to: str
    """The format."""
    options: Options


@dataclass(frozen=True, slots=True)
class Message:
    """What a worker says."""

    kind: MessageKind
    run: int = 0
    """That it is said for; 0: none."""
    error: str = ""
    numbers: Mapping[str, int] = field(default_factory=dict)
    """Of a shard that is done: the fields of ``ShardDone``."""

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """Read a line. Raises ``RuntimeError`` for one that no worker of this version writes."""
        fields = json.loads(line)
        kind, run, error = fields.pop("kind"), fields.pop("run"), fields.pop("error")
        if kind not in get_args(MessageKind):
            raise RuntimeError(f"a worker said what nobody knows: {kind}")
        return cls(kind, run, error, fields)

    def line(self) -> bytes:
        """The line for this, at most ``MAX_LINE_BYTES``: a long error is cut short."""
        line = self._line(self.error[:MAX_ERROR_CHARACTERS])
        return line if len(line) <= MAX_LINE_BYTES else self._line("(too long)")

    def write(self, fd: int) -> None:
        """Write the line at once; where nobody is left to be told, nothing happens."""
        with suppress(ConnectionError):  # the pipe's end is read next
            os.write(fd, self.line())

    def _line(self, error: str) -> bytes:
        fields = {"kind": self.kind, "run": self.run, "error": error, **self.numbers}
        return json.dumps(fields).encode() + b"\n"
