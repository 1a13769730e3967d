"""One worker as the main process knows it: its process, what it was given, what it has said.

Facts alone: what follows from them for the other workers and for the run is ``supervisor.py``'s,
what an end means ``deaths.py``'s.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from shmtext.dataset.plan import Shard
from shmtext.engine.deaths import Death, Limits
from shmtext.engine.messages import Message, Release
from shmtext.engine.progress import EXAMPLE, HEARTBEAT, IMAGES, NO_EXAMPLE, ON_TRIAL, Slots
from shmtext.engine.spawn import WorkerProcess
from shmtext.engine.task import Task


@dataclass(eq=False, slots=True)
class Link:
    """The main process's end of one worker, from its start to its end."""

    number: int
    process: WorkerProcess
    row: Slots
    """Its slots in shared memory."""
    since_s: float
    """When it was started, or last seen to move."""
    is_ready: bool = False
    """It has its libraries."""
    is_set_up: bool = False
    """It has corpus and fonts, too, and can take a shard."""
    tasks: deque[Task] = field(default_factory=deque)
    """Of the run under way, not done yet; it is about the first. None between runs."""
    has_taken_up: bool = False
    """It has begun with its first task since it was idle."""
    owes_release: bool = False
    """It was told to let go of its folder, and has not said that it has."""
    has_ended: bool = False
    last_words: str = ""
    """Why it ends: as it said, or as this process that ends it for hanging says."""
    _unread: bytes = b""
    _seen: tuple[int, int] = (NO_EXAMPLE, 0)

    @property
    def shard(self) -> Shard | None:
        """That it is about; None where it has nothing to do."""
        return self.tasks[0].shard if self.tasks else None

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a shard."""
        return self.is_set_up and not self.tasks

    @property
    def num_images_under_way(self) -> int:
        """Images drawn in its shard, which is not committed yet."""
        return 0 if self.shard is None else int(self.row[IMAGES])

    def hand_out(self, task: Task, now_s: float) -> None:
        """Give it a shard: two integers, unless there is more to say."""
        if not self.tasks:
            self.row[[EXAMPLE, IMAGES, ON_TRIAL]] = NO_EXAMPLE, 0, 0
            self.has_taken_up = False
            self._seen = self._position()
            self.since_s = now_s
        self.tasks.append(task)
        is_plain = task == Task(task.shard)
        self.process.send((task.shard.start, task.shard.stop) if is_plain else task)

    def done(self) -> None:
        """Take note that it has done what it was about."""
        self.tasks.popleft()

    def release(self) -> None:
        """Tell it to let go of its folder."""
        # One that still opens its fonts has not come to the folder, and may take its time.
        self.owes_release = self.is_set_up
        self.process.send(Release())

    def read(self, now_s: float) -> Iterator[Message]:
        """Take whole lines of what it has written, and never wait for the rest of one."""
        try:
            data = os.read(self.process.pipe.fileno(), 1 << 16)
        except ConnectionResetError:
            data = b""
        self.has_ended = not data
        *lines, self._unread = (self._unread + data).split(b"\n")
        if lines:
            self.since_s = now_s
        yield from map(Message.parse, lines)

    def look(self, now_s: float, *, has_moved: bool) -> None:
        """See whether it moves; ``has_moved``: take it for granted."""
        position = self._position()
        if has_moved or position != self._seen:
            self.has_taken_up |= position != self._seen
            self._seen, self.since_s = position, now_s

    def patience_s(self, limits: Limits, *, has_idle: bool) -> float:
        """How long it may go without moving; ``has_idle``: another could do its work."""
        if not self.is_set_up:
            return limits.start_s
        if not self.tasks:
            return math.inf
        if not self.has_taken_up and has_idle:
            return limits.take_up_s
        is_committing = self._seen[0] < NO_EXAMPLE
        return limits.commit_s if is_committing else limits.hang_s

    def end(self, last_words: str) -> None:
        """End it for the reason given. Its death is seen when its pipe is read next."""
        self.last_words = last_words
        self.process.popen.kill()

    def death(self) -> Death:
        """How it ended, once it has been waited for."""
        return Death(
            exit_code=self.process.popen.returncode or 0,
            last_words=self.last_words,
            task=self.tasks[0] if self.tasks else None,
            example=int(self.row[EXAMPLE]),
            was_on_trial=bool(self.row[ON_TRIAL]),
        )

    def _position(self) -> tuple[int, int]:
        """What tells that it moves."""
        return int(self.row[EXAMPLE]), int(self.row[HEARTBEAT])
