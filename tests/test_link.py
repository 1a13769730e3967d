"""One worker as the main process knows it: what it says is read, whether it moves is seen."""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtext.dataset.plan import Shard
from shmtext.engine.deaths import Death, Limits
from shmtext.engine.link import Link
from shmtext.engine.messages import Message, Release
from shmtext.engine.progress import EXAMPLE, HEARTBEAT, IMAGES, NO_EXAMPLE, SLOTS_PER_WORKER
from shmtext.engine.shards import COMMITTING
from shmtext.engine.spawn import WorkerProcess
from shmtext.engine.task import Task

LIMITS = Limits()
SHARD = Shard(index=3, start=300, stop=400)


class Peer:
    """A link to nobody, and the other end of its pipe."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.pipe = Connection(theirs.detach())
        child = subprocess.Popen([sys.executable, "-c", ""])
        child.wait()
        process = WorkerProcess(child, Connection(ours.detach()))
        row = np.zeros(SLOTS_PER_WORKER, np.int64)
        row[EXAMPLE] = NO_EXAMPLE
        self.link = Link(0, process, row, since_s=0)

    def say(self, data: bytes) -> None:
        os.write(self.pipe.fileno(), data)


@pytest.fixture(scope="module")
def shared_peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.pipe.close()
    peer.link.process.close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.pipe.close()
    peer.link.process.close()


@given(st.lists(st.integers(1, 40), max_size=20))
def test_lines_are_read_whole_however_they_come(shared_peer: Peer, lengths: list[int]) -> None:
    reports = [Message("stopped", run, f"number {run}") for run in range(5)]
    rest, found = b"".join(report.line() for report in reports), []
    for length in [*lengths, len(rest)]:
        part, rest = rest[:length], rest[length:]
        if part:
            shared_peer.say(part)
            found += shared_peer.link.read(0)

    assert reports == found


def test_half_a_line_is_no_sign_of_life_and_a_whole_one_is(peer: Peer) -> None:
    line = Message("ready").line()
    peer.say(line[:5])
    list(peer.link.read(7))
    assert peer.link.since_s == 0
    peer.say(line[5:])
    list(peer.link.read(8))
    assert peer.link.since_s == 8


def test_the_end_of_the_pipe_is_the_worker_s_end(peer: Peer) -> None:
    peer.say(Message("done").line() + b'{"kin')
    peer.pipe.close()

    assert [Message("done")] == list(peer.link.read(0))
    assert not peer.link.has_ended
    assert [] == list(peer.link.read(0))
    assert peer.link.has_ended


def test_a_plain_task_is_two_integers_and_any_other_says_what_is_known(peer: Peer) -> None:
    for task in (Task(SHARD), Task(SHARD, suspect=301), Task(SHARD, {301: "crashes"})):
        peer.link.hand_out(task, 0)
        told = peer.pipe.recv()
        assert told == (task if task.excluded or task.suspect else (300, 400))


def test_a_shard_begins_with_clean_slots(peer: Peer) -> None:
    peer.link.row[:4] = 399, 17, 100, 1
    peer.link.hand_out(Task(SHARD), 5)

    assert [NO_EXAMPLE, 17, 0, 0] == peer.link.row[:4].tolist()
    assert Death(0, "", Task(SHARD), NO_EXAMPLE, was_on_trial=False) == peer.link.death()


def test_images_under_way_are_those_of_a_shard_that_it_has(peer: Peer) -> None:
    assert 0 == peer.link.num_images_under_way
    peer.link.hand_out(Task(SHARD), 0)
    peer.link.row[IMAGES] = 40
    assert 40 == peer.link.num_images_under_way
    peer.link.tasks.clear()
    assert 0 == peer.link.num_images_under_way


def test_who_has_not_come_to_a_folder_owes_no_release(peer: Peer) -> None:
    peer.link.release()
    assert not peer.link.owes_release
    peer.link.is_set_up = True
    peer.link.release()
    assert peer.link.owes_release
    assert [Release(), Release()] == [peer.pipe.recv(), peer.pipe.recv()]


def test_it_moves_when_its_slots_do(peer: Peer) -> None:
    link = peer.link
    link.hand_out(Task(SHARD), 1)
    link.look(2, has_moved=False)
    assert (link.since_s, link.has_taken_up) == (1, False)
    link.row[HEARTBEAT] += 1
    link.look(3, has_moved=False)
    assert (link.since_s, link.has_taken_up) == (3, True)
    link.look(4, has_moved=False)
    assert link.since_s == 3
    link.row[EXAMPLE] = 300
    link.look(5, has_moved=False)
    assert link.since_s == 5


def test_after_a_pause_of_this_process_time_starts_anew_and_nothing_else(peer: Peer) -> None:
    peer.link.hand_out(Task(SHARD), 1)
    peer.link.look(100, has_moved=True)

    assert (peer.link.since_s, peer.link.has_taken_up) == (100, False)


@pytest.mark.parametrize(
    ("is_set_up", "shard", "example", "has_taken_up", "has_idle", "expected"),
    [
        (False, None, NO_EXAMPLE, False, True, LIMITS.start_s),
        (True, None, NO_EXAMPLE, False, True, math.inf),
        (True, SHARD, NO_EXAMPLE, False, True, LIMITS.take_up_s),
        (True, SHARD, NO_EXAMPLE, False, False, LIMITS.hang_s),
        (True, SHARD, NO_EXAMPLE, True, True, LIMITS.hang_s),
        (True, SHARD, 333, True, True, LIMITS.hang_s),
        (True, SHARD, COMMITTING, True, True, LIMITS.commit_s),
    ],
)
def test_patience_depends_on_what_it_is_about(
    peer: Peer,
    is_set_up: bool,
    shard: Shard | None,
    example: int,
    has_taken_up: bool,
    has_idle: bool,
    expected: float,
) -> None:
    link = peer.link
    link.is_set_up = is_set_up
    link.tasks.extend([] if shard is None else [Task(shard)])
    link.row[EXAMPLE] = example
    link.look(0, has_moved=False)
    link.has_taken_up = has_taken_up

    assert expected == link.patience_s(LIMITS, has_idle=has_idle)
