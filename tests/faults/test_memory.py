"""Little memory, little or no ``/dev/shm``: the run goes on from a file, or says why it can't."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from fault_runs import (
    DONE,
    STOPPED,
    Tree,
    in_namespace,
    is_root,
    run,
    tree,
    until,
    write_shim,
)

pytestmark = pytest.mark.usefixtures("no_segment_left")

Undisturbed = Callable[..., Tree]
WORKERS = ("--engine", "processes", "--workers", 1)
CGROUPS = Path("/sys/fs/cgroup/memory")
MIB = 1 << 20
NOTE = "the corpus ("


def long_texts(path: Path, num_bytes: int) -> Path:
    """A corpus of many bytes and few pictures: most lines are longer than is drawn."""
    line = "a long line " * (num_bytes // 16 // 12)
    path.write_text("".join(f"short {i}\n{line}\n" for i in range(16)))
    return path


@is_root
def test_a_small_dev_shm_puts_the_corpus_in_a_file(
    out: Path, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    options = ("--texts", long_texts(tmp_path / "texts.txt", 32 * MIB))
    prefix = in_namespace("mount -t tmpfs -o size=8m shm /dev/shm")
    ended = run("render", out, *options, *WORKERS, prefix=prefix)
    ended.expect(DONE, NOTE, "/dev/shm has only", num_lines=1)
    assert tree(out) == undisturbed(*options)
    assert not list(out.glob("_stage/*"))


@is_root
def test_no_room_anywhere_is_one_line(tmp_path: Path) -> None:
    texts = long_texts(tmp_path / "texts.txt", 32 * MIB)
    folder = tmp_path / "mount"
    folder.mkdir()
    prefix = in_namespace(
        "mount -t tmpfs -o size=8m shm /dev/shm", f"mount -t tmpfs -o size=4m x {folder}"
    )
    ended = run("render", folder / "out", "--texts", texts, *WORKERS, prefix=prefix)
    ended.expect(STOPPED, "make room", num_lines=1)


@is_root
def test_without_dev_shm_everything_is_in_files(out: Path, undisturbed: Undisturbed) -> None:
    options = ("--max-images", 600)
    prefix = in_namespace(
        "mount -t tmpfs dev /dev",
        *(f"mknod /dev/{name} c 1 {minor}" for name, minor in NODES.items()),
        "test ! -e /dev/shm",
    )
    ended = run("render", out, *options, *WORKERS, prefix=prefix)
    ended.expect(DONE, NOTE, "no /dev/shm", num_lines=1)
    assert tree(out) == undisturbed(*options)


NODES = {"null": 3, "zero": 5, "random": 8, "urandom": 9}


def test_without_posix_fallocate_everything_is_in_files(
    out: Path, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    shim = write_shim(tmp_path / "shim", "del os.posix_fallocate")
    options = ("--max-images", 600)
    ended = run("render", out, *options, *WORKERS, shims=[shim])
    ended.expect(DONE, NOTE, "posix_fallocate", num_lines=1)
    assert tree(out) == undisturbed(*options)


def test_a_corpus_in_a_file_survives_dying_workers(
    out: Path, tmp_path: Path, undisturbed: Undisturbed, container: str
) -> None:
    module, shard = (
        ("files", "FilesShard") if container == "files" else ("one_file", "OneFileShard")
    )
    shim = write_shim(
        tmp_path / "shim",
        f"""
        del os.posix_fallocate
        if IS_WORKER:
            @after_import("shmtext.dataset.containers.{module}")
            def die_twice(module):
                real = module.{shard}.publish

                def publish(self, rows):
                    if once({str(tmp_path / "one")!r}) or once({str(tmp_path / "two")!r}):
                        do("SIGKILL")
                    return real(self, rows)

                module.{shard}.publish = publish
        """,
    )
    options = ("--max-images", 600, "--container", container)
    run("render", out, *options, *WORKERS, shims=[shim]).expect(DONE, num_lines=1)
    assert tree(out) == undisturbed(*options)


@pytest.fixture
def cgroup() -> Iterator[Callable[[int], tuple[str, ...]]]:
    """Make a memory cgroup (v1); lends a prefix that runs a command in it."""
    group = CGROUPS / f"shmtext-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no memory cgroup can be made here ({error.strerror})")

    def limited(num_bytes: int) -> tuple[str, ...]:
        (group / "memory.limit_in_bytes").write_text(str(num_bytes))
        return ("sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh")

    yield limited
    for pid in (group / "cgroup.procs").read_text().split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    until(lambda: not (group / "cgroup.procs").read_text().strip())
    group.rmdir()


def test_a_memory_limit_of_one_and_a_half_corpora_is_kept(
    disk_path: Path, cgroup: Callable[[int], tuple[str, ...]]
) -> None:
    out = disk_path / "out"
    num_lines, line = 320, "a long line " * (MIB // 12)
    # Blank lines are examples, too, and make shards of a few long lines each.
    texts = disk_path / "texts.txt"
    texts.write_text("".join(f"short {i}\n{line}\n" + 99 * "\n" for i in range(num_lines)))
    options = ("--texts", texts, "--engine", "processes", "--workers", 1)
    ended = run("render", out, *options, prefix=cgroup(num_lines * MIB * 3 // 2))
    ended.expect(DONE, NOTE, "cgroup has only", num_lines=1)
    assert len(list(out.glob("images/*/*"))) == num_lines


@pytest.mark.parametrize("engine", ["serial", "processes"])
@pytest.mark.parametrize("limit_mib", [300, 600, 700, 1_500])
def test_a_limit_on_address_space_is_kept_or_named(
    container: str, out: Path, undisturbed: Undisturbed, engine: str, limit_mib: int
) -> None:
    options = ("--max-images", 600, "--container", container)
    ended = run(
        "render",
        out,
        *options,
        "--engine",
        engine,
        "--workers",
        2,
        prefix=("prlimit", f"--as={limit_mib * MIB}"),
    )
    if ended.returncode != DONE:
        ended.expect(STOPPED, num_lines=1)
        assert "memory" in ended.stderr or "address space" in ended.stderr, ended.stderr
        run("render", out, *options).expect(DONE)
    assert tree(out) == undisturbed(*options)


def test_a_segment_that_vanishes_is_one_line(out: Path, tmp_path: Path) -> None:
    # As systemd-logind does when a user logs out: workers that come later find none.
    shim = write_shim(
        tmp_path / "shim",
        """
        if not IS_WORKER:
            @after_import("shmtext.engine.supervisor")
            def remove_first(module):
                real = module.Workers.set_up

                def set_up(self, setup):
                    os.unlink(setup.corpus.segment.path)
                    return real(self, setup)

                module.Workers.set_up = set_up
        """,
    )
    ended = run("render", out, "--max-images", 600, *WORKERS, shims=[shim])
    ended.expect(STOPPED, "cannot attach /dev/shm/smt_", num_lines=1)


def test_a_segment_cut_short_is_an_error_not_a_sigbus(out: Path, tmp_path: Path) -> None:
    shim = write_shim(
        tmp_path / "shim",
        """
        if not IS_WORKER:
            @after_import("shmtext.engine.supervisor")
            def cut_first(module):
                real = module.Workers.set_up

                def set_up(self, setup):
                    os.truncate(setup.corpus.segment.path, 100)
                    return real(self, setup)

                module.Workers.set_up = set_up

            @after_import("shmtext.engine.identity")
            def do_not_look(module):
                module.corpus_digest = lambda texts: "0" * 64
        """,
    )
    ended = run("render", out, "--max-images", 600, *WORKERS, shims=[shim])
    ended.expect(STOPPED, "something else changed it", num_lines=1)


@is_root
@pytest.mark.parametrize("options", ["size=40k", "ro"])
def test_a_renderer_goes_on_after_a_failed_run_whose_corpus_was_in_a_file(
    out: Path, options: str
) -> None:
    code = """
import sys
from shmtext import Renderer, RunConfig
class Watch:
    failed = False
    def note(self, line): pass
    def progress(self, progress):
        if not self.failed:
            self.failed = True
            raise ValueError("enough seen")
with Renderer(RunConfig(), 1, "processes", observer=Watch()) as renderer:
    try:
        renderer.render(sys.argv[1])
    except ValueError:
        assert renderer.render(sys.argv[1]).num_images == 5102
    else:
        raise SystemExit("nothing failed")
"""
    prefix = in_namespace(f"mount -t tmpfs -o {options} shm /dev/shm")
    run(str(out), program=("-c", code), prefix=prefix).expect(DONE, num_lines=0)
