"""A corpus is in memory once, survives its readers, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import pickle
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fault_runs import HANG_S
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shmtext.corpus import shared
from shmtext.corpus.headroom import FreeMemory
from shmtext.corpus.ragged import RaggedTexts, TextChunk, pack_texts, take_in_chunks
from shmtext.corpus.shared import (
    CorpusSpec,
    Segment,
    SegmentSpec,
    SharedCorpus,
    attach_corpus,
    attach_slots,
    sweep_orphans,
)
from shmtext.errors import SharedMemoryError, StorageError

ROOT = Path(__file__).parents[1]
TEXTS = ["Größe: 42 €", "", "日本語", "emoji 👩‍👩‍👧"]
MIB = 2**20

pytestmark = pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs /dev/shm")


@pytest.fixture(autouse=True)
def prefix(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give each test names of its own, and see that none of them is left."""
    own = f"smt_{os.getpid():x}_{os.urandom(2).hex()}_"
    monkeypatch.setattr(shared, "SEGMENT_PREFIX", own)
    yield own
    left = [path.name for path in Path("/dev/shm").iterdir() if path.name.startswith(own)]

    assert [] == left


def chunks_of(*texts: list[str]) -> Iterator[TextChunk]:
    for part in texts:
        packed = pack_texts(part)
        yield TextChunk(packed.values, np.diff(packed.offsets).astype(np.int32))


def start(code: str, *arguments: object, wrapper: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Run code in a new interpreter, where every warning is an error."""
    names = "from shmtext.corpus import shared; from shmtext.corpus.shared import *; import sys\n"
    own = f"shared.SEGMENT_PREFIX = {shared.SEGMENT_PREFIX!r}\n"
    return subprocess.Popen(
        [*wrapper, sys.executable, "-W", "error", "-c", names + own + code, *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True,
    )  # fmt: skip


def run(code: str, *arguments: object, wrapper: tuple[str, ...] = ()) -> str:
    """Return what the code prints; it must end well and complain about nothing."""
    with start(code, *arguments, wrapper=wrapper) as process:
        output, complaints = process.communicate(timeout=HANG_S)

    assert (0, "") == (process.returncode, complaints)
    return output


ATTACH = "import pickle; spec = pickle.loads(bytes.fromhex(sys.argv[1]))\n"

CREATE = """
import numpy as np
from pathlib import Path
from shmtext.corpus.headroom import FreeMemory
from shmtext.corpus.ragged import TextChunk
def chunks(num_mib):
    for _ in range(num_mib):
        yield TextChunk(np.full(2**20, 97, np.uint8), np.full(2**14, 64, np.int32))
"""


# Round trips


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.lists(st.text(st.characters(codec="utf-8")), max_size=6), max_size=4))
def test_texts_come_back_in_their_order(tmp_path: Path, chunks: list[list[str]]) -> None:
    with SharedCorpus.create(chunks_of(*chunks), tmp_path) as corpus:
        assert list(chain.from_iterable(chunks)) == list(corpus.texts)
        assert list(chain.from_iterable(chunks)) == list(attach_corpus(corpus.spec))
        assert corpus.note is None


def test_another_process_reads_the_same_texts_and_takes_nothing_away(tmp_path: Path) -> None:
    with SharedCorpus.create(chunks_of(TEXTS), tmp_path) as corpus:
        for _ in range(2):
            spec = pickle.dumps(corpus.spec).hex()
            printed = run(ATTACH + "print(ascii(list(attach_corpus(spec))))", spec)

            assert ascii(TEXTS) == printed.strip()
        assert Path(corpus.spec.segment.path).exists()


def test_spec_is_small_however_large_the_corpus(tmp_path: Path) -> None:
    with SharedCorpus.create(chunks_of(["x" * 1_000] * 1_000), tmp_path) as corpus:
        assert len(pickle.dumps(corpus.spec)) < 250


def test_attached_texts_cannot_be_written(tmp_path: Path) -> None:
    with SharedCorpus.create(chunks_of(TEXTS), tmp_path) as corpus:
        for texts in (corpus.texts, attach_corpus(corpus.spec)):
            for array in (texts.values, texts.offsets):
                with pytest.raises(ValueError, match="read-only"):
                    array[0] = 0
                with pytest.raises(ValueError, match="WRITEABLE"):
                    array.flags.writeable = True


def test_segments_are_for_their_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Segment.create(8, tmp_path) as segment:
        assert 0o600 == stat.S_IMODE(Path(segment.spec.path).stat().st_mode)
    monkeypatch.setattr(shared, "SEGMENT_FOLDER", tmp_path / "missing")
    with Segment.create(8, tmp_path) as segment:
        assert 0o600 == stat.S_IMODE(Path(segment.spec.path).stat().st_mode)


@pytest.mark.parametrize("in_file", [False, True])
def test_slots_are_shared_both_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_file: bool
) -> None:
    if in_file:
        monkeypatch.setattr(shared, "SEGMENT_FOLDER", tmp_path / "missing")
    with Segment.create(64, tmp_path) as segment:
        slots = segment.array()
        assert [0] * 8 == slots.tolist()
        slots[1] = 5
        run(ATTACH + "s = attach_slots(spec); s[2] = s[1] + 1", pickle.dumps(segment.spec).hex())

        assert [0, 5, 6, 0, 0, 0, 0, 0] == slots.tolist()
        assert [0, 5, 6, 0, 0, 0, 0, 0] == attach_slots(segment.spec).tolist()


# Closing


def test_closing_unlinks_and_can_be_repeated(tmp_path: Path) -> None:
    corpus = SharedCorpus.create(chunks_of(TEXTS), tmp_path)
    corpus.close()
    corpus.close()

    with pytest.raises(SharedMemoryError, match=r"cannot attach .*: No such file"):
        attach_corpus(corpus.spec)


def test_slices_outlive_the_corpus(tmp_path: Path) -> None:
    code = CREATE + (
        "corpus = SharedCorpus.create(chunks(2), Path(sys.argv[1]))\n"
        "live = corpus.texts.slice(1, 3); late = corpus.texts\n"
        "corpus.close(); del corpus\n"
        "print(live[1], late[2 * 2**14 - 1], int(late.values.sum()) // 97)"
    )

    assert ["a" * 64, "a" * 64, str(2 * MIB)] == run(code, tmp_path).split()


def test_owner_that_forgets_to_close_leaves_nothing(tmp_path: Path) -> None:
    with start(CREATE + "c = SharedCorpus.create(chunks(1), Path(sys.argv[1]))", tmp_path) as owner:
        owner.communicate(timeout=HANG_S)
        # The resource tracker unlinks, and says so. The fixture checks that it did.


def test_forked_child_does_not_unlink_its_parents_segment(tmp_path: Path) -> None:
    code = CREATE + (
        "import os\n"
        "corpus = SharedCorpus.create(chunks(1), Path(sys.argv[1]))\n"
        "child = os.fork()\n"
        "if not child: corpus.close(); os._exit(0)\n"
        "os.waitpid(child, 0); print(Path(corpus.spec.segment.path).exists()); corpus.close()"
    )

    assert "True" == run(code, tmp_path).strip()


def test_texts_that_fail_on_their_way_leave_nothing(tmp_path: Path) -> None:
    def failing() -> Iterator[TextChunk]:
        yield from chunks_of(TEXTS)
        raise StorageError("gone")

    with pytest.raises(StorageError, match="gone"):
        SharedCorpus.create(failing(), tmp_path)


def test_no_file_descriptor_is_left(tmp_path: Path) -> None:
    SharedCorpus.create(chunks_of(TEXTS), tmp_path).close()
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with SharedCorpus.create(chunks_of(TEXTS), tmp_path) as corpus:
            attach_corpus(corpus.spec)
        del corpus
    gc.collect()

    assert before == len(os.listdir("/proc/self/fd"))


# Attaching what is not there as it should be


def test_attaching_a_file_that_was_cut_short_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"12345678")

    with pytest.raises(SharedMemoryError, match="should hold 9 bytes, found 8"):
        attach_slots(SegmentSpec(str(tmp_path / "short"), 9))


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")

    with pytest.raises(SharedMemoryError, match="cannot attach"):
        attach_corpus(CorpusSpec(SegmentSpec(str(tmp_path / "link"), 8), 0, 0))


LIMIT = """
import resource; from pathlib import Path
in_use = int(Path("/proc/self/statm").read_text().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (in_use + 24 * 2**20,) * 2)
"""
REPORT = "except shared.SharedMemoryError as error: print(error)"


def test_attaching_without_address_space_leaves_the_owners_segment(tmp_path: Path) -> None:
    with SharedCorpus.create(chunks_of(["x" * MIB] * 64), tmp_path) as corpus:
        code = ATTACH + LIMIT + f"try: attach_corpus(spec)\n{REPORT}"
        printed = run(code, pickle.dumps(corpus.spec).hex())

        assert "cannot map /dev/shm/" in printed
        assert "raise the limit on this process's memory" in printed
        assert "x" * MIB == corpus.texts[63]
        assert Path(corpus.spec.segment.path).exists()


def test_creating_without_address_space_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    code = CREATE + (
        "held = [TextChunk(np.zeros(2**26, np.uint8), np.zeros(1, np.int32))]\n"
        f"{LIMIT}\ntry: SharedCorpus.create(held, Path(sys.argv[1]))\n{REPORT}"
    )

    assert 1 == run(code, tmp_path).count("\n")


# Where there is no room


@cache
def new_mounts() -> tuple[str, ...]:
    """Find how a command is run with mounts of its own here."""
    for wrapper in (("unshare", "-m"), ("unshare", "-Urm")):
        mount = [*wrapper, "mount", "-t", "tmpfs", "tmpfs", "/dev/shm"]
        with contextlib.suppress(OSError):
            if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
                return wrapper
    pytest.skip("needs unshare -m")


def with_tmpfs(num_mib: int, *folders: object) -> tuple[str, ...]:
    mounts = " && ".join(
        f"mount -t tmpfs -o size={num_mib}m tmpfs '{folder}'" for folder in folders
    )
    return (*new_mounts(), "sh", "-c", f'{mounts} && exec "$0" "$@"')


CREATE_AND_CHECK = (
    CREATE
    + """
with SharedCorpus.create(chunks(32), Path(sys.argv[1])) as corpus:
    texts = attach_corpus(corpus.spec)
    print(len(texts), int(texts.values.sum()) // 97, set(corpus.texts) == {"a" * 64})
    print(corpus.note)
"""
)


def test_small_dev_shm_means_a_file_and_one_line_about_it(tmp_path: Path) -> None:
    checks, note = run(CREATE_AND_CHECK, tmp_path, wrapper=with_tmpfs(8, "/dev/shm")).splitlines()

    assert f"{32 * 2**14} {32 * MIB} True" == checks
    expected = f"the corpus (37.7 MB) is in a file under {tmp_path}: /dev/shm has only 8.4 MB free"
    assert expected == note
    assert [] == list(tmp_path.iterdir())


def test_no_room_anywhere_is_one_line(tmp_path: Path) -> None:
    code = CREATE + (
        "try: SharedCorpus.create(chunks(32), Path(sys.argv[1]))\n"
        "except shared.StorageError as error: print(error)\n"
        "print(list(Path(sys.argv[1]).iterdir()))"
    )
    error, left = run(code, tmp_path, wrapper=with_tmpfs(8, "/dev/shm", tmp_path)).splitlines()

    assert "No space left on device: make room there" in error
    assert "[]" == left


def test_file_is_used_where_nothing_can_be_reserved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "posix_fallocate")

    with SharedCorpus.create(chunks_of(TEXTS), tmp_path) as corpus:
        assert TEXTS == list(corpus.texts)
        assert corpus.note is not None
        assert "no posix_fallocate" in corpus.note


def test_file_is_used_where_there_is_no_dev_shm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "SEGMENT_FOLDER", tmp_path / "missing")

    assert 0 == sweep_orphans()
    with SharedCorpus.create(chunks_of(TEXTS), tmp_path) as corpus:
        assert TEXTS == list(attach_corpus(corpus.spec))
        assert "there is no " in str(corpus.note)
    assert [] == list(tmp_path.iterdir())


def test_segment_that_cannot_be_reserved_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "posix_fallocate", lambda *_: os.truncate("/missing", 0))

    with Segment.create(8, tmp_path) as segment:
        assert "does not give the memory" in str(segment.note)


def test_neither_memory_nor_folder_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "SEGMENT_FOLDER", tmp_path / "missing")

    with pytest.raises(StorageError, match=r"fits neither in shared memory .* nor in a file"):
        Segment.create(8, tmp_path / "gone")


def test_segments_leave_memory_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "free_memory", lambda: FreeMemory(1_000_000, "this cgroup"))

    with Segment.create(600_000, tmp_path) as segment:
        assert segment.note is None
    with Segment.create(600_001, tmp_path) as segment:
        assert "this cgroup has only 1.0 MB of memory free" in str(segment.note)


# Orphans


HOLD = CREATE + (
    "corpus = SharedCorpus.create(chunks(1), Path(sys.argv[1]))\n"
    "print(corpus.spec.segment.path, flush=True); sys.stdin.read(); corpus.close()"
)


def test_orphan_of_a_killed_group_is_swept_and_a_live_segment_is_not(tmp_path: Path) -> None:
    with start(HOLD, tmp_path) as killed, start(HOLD, tmp_path) as living:
        assert killed.stdout is not None
        assert living.stdout is not None
        orphan, live = Path(killed.stdout.readline().strip()), living.stdout.readline().strip()
        # The whole session, and with it the resource tracker that would have unlinked.
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait(HANG_S)

        with SharedCorpus.create(chunks_of(TEXTS), tmp_path) as own:
            assert orphan.exists()
            assert 1 == sweep_orphans()
            assert not orphan.exists()
            assert Path(live).exists()
            assert Path(own.spec.segment.path).exists()
        living.communicate("", timeout=HANG_S)
        assert 0 == living.returncode


def test_sweeping_touches_only_own_regular_files(tmp_path: Path, prefix: str) -> None:
    link, pipe = Path(f"/dev/shm/{prefix}link"), Path(f"/dev/shm/{prefix}pipe")
    (tmp_path / "target").touch()
    link.symlink_to(tmp_path / "target")
    os.mkfifo(pipe)

    assert 0 == sweep_orphans()
    assert (tmp_path / "target").exists()
    link.unlink()
    pipe.unlink()


@pytest.mark.parametrize(
    ("module", "step", "num_swept"), [(os, "open", 1), (fcntl, "flock", 1), (os, "fstat", 0)]
)
def test_a_segment_stays_though_others_sweep_at_any_step_of_its_making(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, step: str, num_swept: int
) -> None:
    hold, do, swept = shared._open_locked, getattr(module, step), []

    def swept_before(*arguments: Any) -> Any:
        monkeypatch.setattr(module, step, do)
        swept.append(sweep_orphans())
        return do(*arguments)

    def watched(path: Path) -> int | None:
        if not swept:
            monkeypatch.setattr(module, step, swept_before)
        return hold(path)

    monkeypatch.setattr(shared, "_open_locked", watched)
    with Segment.create(8, tmp_path) as segment:
        assert [num_swept] == swept
        assert segment.note is None
        assert 0 == sweep_orphans()
        assert [0] == attach_slots(segment.spec).tolist()


def test_more_texts_are_made_of_those_that_are_there(tmp_path: Path) -> None:
    def twice(texts: RaggedTexts) -> Iterator[TextChunk]:
        assert ["ab", "", "ß"] == list(texts)
        yield from take_in_chunks(texts, np.array([2, 0]))

    chunks = take_in_chunks(pack_texts(["ab", "", "ß"]), np.arange(3))
    with SharedCorpus.create(chunks, tmp_path, more=twice) as corpus:
        assert ["ab", "", "ß", "ß", "ab"] == list(corpus.texts)
        assert ["ab", "", "ß", "ß", "ab"] == list(attach_corpus(corpus.spec))
