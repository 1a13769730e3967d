"""A stream of batches, whatever becomes of its workers, its loop and the room for its ring."""

from __future__ import annotations

import functools
import gc
import itertools
import os
import random
import re
import signal
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
from fault_runs import (
    DONE,
    REPOSITORY,
    in_namespace,
    is_root,
    is_worker,
    run,
    session_of,
    until,
    without_trackers_complaint,
    workers_of,
    write_shim,
)
from stream_runs import (
    BATCH,
    LETTERS,
    SIZE,
    CtrlC,
    Launcher,
    Row,
    Script,
    address_of,
    config_of,
    interrupts_raise,
    options_of,
    rows_of,
    take,
    undisturbed,
)

import shmtext
from shmtext import StreamBatch
from shmtext.draw.freetype import OpenFont, Rendered
from shmtext.engine import supervisor
from shmtext.engine.deaths import Limits
from shmtext.errors import RendererError

pytestmark = pytest.mark.usefixtures("no_segment_left")

AHEAD = 6
NUM_SLOTS = AHEAD + 2


class Shared:
    """A stream with a worker, and what it comes to."""

    def __init__(self, folder: Path) -> None:
        self.config = config_of(folder)
        self.stream = shmtext.stream(self.config, BATCH, SIZE, workers=1, ahead=AHEAD)
        self._rows = undisturbed(self.config, 3_000)

    def coming(self, num: int) -> list[Row]:
        """What its next batches show."""
        position = self.stream.state_dict()["position"]
        return self._rows[position : position + num * BATCH]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """For tests that let go of all slots in the end: they go on where others got to."""
    made = Shared(tmp_path_factory.mktemp("shared"))
    yield made
    made.stream.close()


# -- slots -----------------------------------------------------------------------------------------


class Cycle:
    """What only a collection of garbage lets go of."""

    def __init__(self, held: Any) -> None:
        self.itself, self.held = self, held


HOLDS: dict[str, Callable[[StreamBatch], Any]] = {
    "the batch": lambda batch: batch,
    "one of its arrays": lambda batch: batch.positions,
    "a view of a view": lambda batch: batch.images[1:].reshape(-1, SIZE[1])[::2],
    "a memoryview": lambda batch: memoryview(batch.images),
    "an array of its memory": lambda batch: np.frombuffer(batch.images, np.uint8)[5:],
    "an object that is in a cycle": Cycle,
}


def shown(held: Any) -> bytes:
    if isinstance(held, Cycle):
        return shown(held.held)
    return bytes(held.images if isinstance(held, StreamBatch) else held)


@pytest.mark.parametrize("what", HOLDS)
def test_a_slot_that_is_shown_is_not_filled_and_once_nothing_shows_it_it_is(
    shared: Shared, what: str
) -> None:
    batch = next(shared.stream)
    address, held = address_of(batch), HOLDS[what](batch)
    del batch
    before = shown(held)
    others = {address_of(next(shared.stream)) for _ in range(3 * NUM_SLOTS)}

    assert before == shown(held)
    assert NUM_SLOTS - 1 == len(others - {address})
    del held
    gc.collect()
    again = {address_of(next(shared.stream)) for _ in range(3 * NUM_SLOTS)}
    assert others | {address} == again


def test_a_loop_that_holds_every_slot_is_told_so_and_goes_on_when_it_lets_go_of_one(
    shared: Shared,
) -> None:
    expected = shared.coming(NUM_SLOTS + 10)
    held = list(itertools.islice(shared.stream, NUM_SLOTS))
    for _ in range(2):
        with pytest.raises(RendererError, match=f"holds all {NUM_SLOTS} batches of the ring"):
            next(shared.stream)
    found = take(held, NUM_SLOTS)
    del held[3]
    held.append(next(shared.stream))
    with pytest.raises(RendererError, match="asks for another"):
        next(shared.stream)
    found += rows_of(held.pop())
    del held

    assert expected == found + take(shared.stream, 9)


def test_batches_in_cycles_are_held_by_nobody(shared: Shared) -> None:
    expected = shared.coming(3 * NUM_SLOTS)
    found = []
    gc.disable()
    try:
        for batch in itertools.islice(shared.stream, 3 * NUM_SLOTS):
            found += rows_of(batch)
            Cycle(batch)
    finally:
        gc.enable()

    assert expected == found


def test_for_a_single_slot_an_idle_worker_that_was_killed_is_replaced(shared: Shared) -> None:
    expected = shared.coming(NUM_SLOTS + 1)
    held = list(itertools.islice(shared.stream, NUM_SLOTS - 1))
    found = take(held, NUM_SLOTS)
    # The slot that is left is filled, and then there is nothing to do.
    until(lambda: all(each.status() == psutil.STATUS_SLEEPING for each in workers_of(os.getpid())))
    for worker in workers_of(os.getpid()):
        worker.kill()
    held.append(next(shared.stream))
    found += rows_of(held.pop())
    del held

    assert expected == found + take(shared.stream, 1)


# -- Ctrl-C ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loop_that_catches_ctrl_c_at_any_moment_loses_no_batch_and_has_none_twice(
    shared: Shared, workers: int
) -> None:
    with shmtext.stream(shared.config, BATCH, SIZE, workers=0) as here:
        stream = shared.stream if workers else here
        here.load_state_dict(shared.stream.state_dict())
        expected, found = shared.coming(2_000), []
        for at in itertools.count(1):
            before = stream.state_dict()
            try:
                with interrupts_raise(), CtrlC(at) as ctrl_c:
                    batch = next(stream)
            except KeyboardInterrupt:
                assert before == stream.state_dict()
                batch = next(stream)
            found += rows_of(batch)
            if not ctrl_c.was_pressed:
                break
        del batch

    assert at > 20
    assert expected[: len(found)] == found
    # No slot is lost, either.
    assert NUM_SLOTS == len(list(itertools.islice(shared.stream, NUM_SLOTS)))


# -- workers ---------------------------------------------------------------------------------------


def test_workers_killed_and_stopped_at_random_moments_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = functools.partial(Limits, hang_s=1, take_up_s=1)
    monkeypatch.setattr(supervisor, "Limits", limits)
    config, choice = config_of(tmp_path, look=["scan"]), random.Random(7)
    others = workers_of(os.getpid())
    deeds = [*[signal.SIGKILL] * 4, signal.SIGSTOP]
    choice.shuffle(deeds)
    found: list[Row] = []
    with shmtext.stream(config, BATCH, SIZE, workers=2, ahead=12) as stream:
        while deeds:
            found += take(stream, choice.randrange(1, 30))
            workers = until(lambda: [*set(workers_of(os.getpid())).difference(others)])
            victim = choice.choice(workers)
            victim.send_signal(deeds.pop())
        found += take(stream, 40)
        assert [] == stream.left_out

    assert undisturbed(config, len(found) // BATCH) == found


POISONED = {9: "q text", 28: "z text"}
"""By example, texts with a letter that no other has."""


def glyph_of(letter: str) -> int:
    """The number of a letter's glyph in the font of these runs."""
    return 1 + LETTERS.index(letter)


def poisoned_texts() -> list[str]:
    return [POISONED.get(number, f"text {number}") for number in range(1_000)]


def without(rows: list[Row], examples: Iterable[int]) -> list[Row]:
    return [row for row in rows if row[1] not in examples]


def test_a_text_that_ends_its_worker_each_time_is_left_out_alone_whichever_rank_s_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In the second of a task's steps, between which another rank's are.
    shim = write_shim(
        tmp_path / "shim",
        f"""
        if IS_WORKER:
            @after_import("shmtext.draw.freetype")
            def poison(module):
                real = module.OpenFont.render

                def render(self, number):
                    if number == {glyph_of("q")}:
                        do("segv")
                    if number == {glyph_of("z")}:
                        do("SIGKILL")
                    return real(self, number)

                module.OpenFont.render = render
        """,
    )
    monkeypatch.setenv("PYTHONPATH", str(shim))
    limits = functools.partial(
        Limits, deaths_per_example=1, kills_before_trial=1, kills_on_trial=1, fruitless_kills=5
    )
    monkeypatch.setattr(supervisor, "Limits", limits)
    config = config_of(tmp_path, poisoned_texts())
    more: dict[str, Any] = {"shuffle": False, "rank": 1, "world_size": 2}
    with shmtext.stream(config, BATCH, SIZE, workers=1, ahead=4, **more) as stream:
        found = take(stream, 4)
        left_out = {each.index: each.reason for each in stream.left_out}
        texts = {each.index: each.text for each in stream.left_out}

    assert without(undisturbed(config, 4, **more), POISONED) == found
    assert texts == POISONED
    assert "ended its worker 1 times: SIGSEGV" in left_out[9]
    assert "ended its worker 2 times: SIGKILL" in left_out[28]


def test_a_text_that_raises_is_left_out_alone_where_the_loop_s_process_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(tmp_path, poisoned_texts())
    expected = undisturbed(config, 80, shuffle=False)
    real = OpenFont.render

    def render(font: OpenFont, number: int) -> Rendered | None:
        if number in (glyph_of("q"), glyph_of("z")):
            raise RuntimeError("boom")
        return real(font, number)

    monkeypatch.setattr(OpenFont, "render", render)
    with shmtext.stream(config, BATCH, SIZE, shuffle=False, workers=0) as stream:
        found = take(stream, 80)
        left_out = {each.index: each.reason for each in stream.left_out}

    assert without(expected, POISONED) == found
    assert left_out == dict.fromkeys(POISONED, "cannot be drawn: RuntimeError: boom")


# -- ways out --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    made = Launcher()
    yield made
    made.close()


@pytest.fixture
def head(tmp_path: Path) -> str:
    """How a script begins."""
    options = options_of(tmp_path)
    return f"""
import gc, os, signal, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a job in the background ignores
from pathlib import Path
import shmtext
from shmtext.config import config_from_options
config = config_from_options({options!r})
stream = shmtext.stream(config, {BATCH}, {SIZE}, workers=1, ahead={AHEAD})
"""


def test_a_stream_that_is_collected_takes_its_worker_and_its_memory_along(tmp_path: Path) -> None:
    others = workers_of(os.getpid())
    stream = shmtext.stream(config_of(tmp_path), BATCH, SIZE, workers=1, ahead=AHEAD)
    batch, rows = None, []
    for batch in stream:
        rows = rows_of(batch)
        break
    workers = set(workers_of(os.getpid())).difference(others)
    segments = own_segments()
    gone = weakref.ref(stream)
    del stream

    assert gone() is None
    assert 1 == len(workers)
    assert not any(worker.is_running() for worker in workers)
    assert 3 == len(segments - own_segments())  # texts, counters, ring
    assert rows == rows_of(batch)


def own_segments() -> set[Path]:
    """Names of segments that this process holds."""
    names = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            names.add(Path(os.readlink(link)))
    return {name for name in names if name.name.startswith("smt_") and name.exists()}


WAYS_OUT = {
    "break, and the end": ("for batch in stream: break", DONE, ""),
    "os._exit": ("next(stream); os._exit(0)", DONE, ""),
    "an exception, after a fork that was refused and left by sys.exit": (
        """
with stream:
    batch, child = next(stream), os.fork()
    if not child:
        try:
            next(stream)
        except shmtext.ShmtextError as error:
            assert "of which this one is a fork" in str(error)
            sys.exit(7)
    assert os.waitpid(child, 0) == (child, 7 << 8)
    for batch in stream:
        if batch.positions[0] == 80:
            raise ValueError("as it should")
""",
        1,
        "ValueError: as it should\n",
    ),
}


@pytest.mark.parametrize("way", WAYS_OUT)
def test_nothing_outlives_python(launcher: Launcher, tmp_path: Path, head: str, way: str) -> None:
    code, exit_code, last_line = WAYS_OUT[way]
    script = launcher.start(tmp_path / "script.py", head + code)

    assert exit_code == script.wait(), script.stderr
    assert_nothing_outlives(script, last_line)


def assert_nothing_outlives(script: Script, last_line: str = "") -> None:
    """No process, and no word but one traceback that ends so."""
    until(lambda: not session_of(script))
    said = without_trackers_complaint(script.stderr)
    assert said.endswith(last_line), said
    assert len(re.findall("^[^ ]", said, re.MULTILINE)) == 2 * bool(last_line), said


def test_after_ctrl_c_a_loop_goes_on_or_ends_without_a_word(
    launcher: Launcher, tmp_path: Path, head: str
) -> None:
    code = """
from fault_runs import workers_of
(worker,) = next(stream) and workers_of(os.getpid())
worker.suspend()  # the loop waits for it
found = [0]
try:
    for batch in stream:
        found.append(int(batch.positions[0]))
        if len(found) == 2:
            print("waits soon", flush=True)
except KeyboardInterrupt:
    worker.resume()
for batch in stream:
    found.append(int(batch.positions[0]))
    if len(found) == 30:
        break
assert found == list(range(0, 240, 8)), found
assert worker.is_running()
print("went on", flush=True)
threading.Event().wait()
"""
    script = launcher.start(tmp_path / "script.py", head + code)
    for moment in ("waits soon", "went on"):
        until(lambda moment=moment: f"{moment}\n" in script.stdout)
        os.killpg(script.pid, signal.SIGINT)

    assert -signal.SIGINT == script.wait(), script.stderr
    assert_nothing_outlives(script, "KeyboardInterrupt\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_loop_s_process_though_a_fork_of_it_lives_on(
    launcher: Launcher, tmp_path: Path, head: str, number: signal.Signals
) -> None:
    code = """
batch = next(stream)
child = os.fork()
if not child:
    threading.Event().wait()
print(child, flush=True)
for batch in stream: pass
"""
    script = launcher.start(tmp_path / "script.py", head + code)
    until(lambda: script.stdout.endswith("\n"))
    os.kill(script.pid, number)

    assert -number == script.wait()
    until(lambda: not any(is_worker(each) for each in session_of(script)))
    os.kill(int(script.stdout), signal.SIGKILL)
    assert_nothing_outlives(script)


# -- room ------------------------------------------------------------------------------------------

SMALL_SHM = """
import sys
from pathlib import Path
import shmtext
from shmtext.config import config_from_options
from stream_runs import BATCH, SIZE, take, undisturbed
if __name__ == "__main__":
    config = config_from_options({options!r})
    with shmtext.stream(config, 4_000, SIZE, workers=1) as stream:
        try:
            next(stream)
        except shmtext.ShmtextError as error:
            print(error)
    assert not list(Path("/dev/shm").glob("smt_*"))
    with shmtext.stream(config, BATCH, SIZE, workers=1) as stream:
        found = take(stream, 300)
        print(stream.ring().num_slots)
        print(*Path({spill!r}).iterdir(), sep="\\n")
    assert undisturbed(config, 300) == found
    assert not list(Path("/dev/shm").glob("smt_*"))
    assert not list(Path({spill!r}).iterdir())
"""


@is_root
def test_in_little_shared_memory_the_ring_is_smaller_or_says_what_it_needs(tmp_path: Path) -> None:
    spill = tmp_path / "spill"
    spill.mkdir()
    script = SMALL_SHM.format(options=options_of(tmp_path), spill=str(spill))
    (tmp_path / "script.py").write_text(script)
    ended = run(
        program=(str(tmp_path / "script.py"),),
        prefix=in_namespace("mount -t tmpfs -o size=1m shm /dev/shm"),
        env={"TMPDIR": str(spill)},
        shims=[REPOSITORY / "tests"],
    )
    ended.expect(DONE)
    refusal, num_slots, spilled = ended.stdout.splitlines()
    # A picture of 720 bytes, and 24 that are said of it: eight thousand for two batches.
    assert re.match(r"the ring of batches needs 6\.0 MB of shared memory for two, and ", refusal)
    assert re.search(r"/dev/shm has only 1\.0 MB free: make room there .* smaller batches", refusal)
    assert Path(spilled).is_relative_to(spill)  # the texts, so that the ring has more room
    (line,) = re.findall("(?m)^the ring .*$", ended.stderr)
    assert line.startswith(f"the ring has room for {num_slots} batches in place of 514 (5.2 MB)")
    assert 2 <= int(num_slots) < 514


# -- texts that can't be drawn ---------------------------------------------------------------------


def test_what_a_run_skips_a_stream_leaves_out_and_no_batch_ever_has(tmp_path: Path) -> None:
    undrawable = ["", " ", "\n", "\u3000", "漢", "a\u00adb", "a\x07b", "a" * 10_001, "\u0301"]
    texts = [f"text {number}" for number in range(50)]
    for number, text in enumerate(undrawable):
        texts.insert(6 * number, text)
    config = config_of(tmp_path, texts)
    shmtext.render(config, tmp_path / "out", engine="serial")
    skipped = {
        row["example_index"]: (row["text"], row["reason"])
        for row in pq.read_table(tmp_path / "out/skipped.parquet").to_pylist()
    }
    with shmtext.stream(config, BATCH, SIZE, workers=0) as stream:
        assert skipped == {each.index: (each.text, each.reason) for each in stream.left_out}
        num = stream.num_examples
        rows = take(stream, 3 * num)

    assert {texts.index(text) for text in undrawable} == skipped.keys()
    assert len(texts) - len(undrawable) == num
    assert list(range(3 * num * BATCH)) == [position for position, *_ in rows]
    for first in range(0, len(rows), num):
        epoch = sorted(index for _, index, *_ in rows[first : first + num])
        assert [i for i in range(len(texts)) if i not in skipped] == epoch
