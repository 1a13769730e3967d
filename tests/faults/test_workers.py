"""Workers that are killed, crash, hang, stop or never start: nothing else is lost."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fault_runs import (
    DONE,
    FAILED_EXAMPLES,
    REPOSITORY,
    STOPPED,
    Tree,
    finish,
    in_containers,
    is_at_work,
    is_root,
    num_committed,
    poison_shim,
    run,
    run_here,
    skipped,
    start,
    tree,
    until,
    with_limits,
    workers_of,
    write_shim,
    write_texts,
)
from stored import pictures

from shmtext import BalancedText, Renderer, RunConfig, verify

pytestmark = pytest.mark.usefixtures("no_segment_left")

Undisturbed = Callable[..., Tree]
WORKERS = ("--engine", "processes", "--workers", 2)
FONT = sorted((REPOSITORY / "fonts").glob("*.ttf"))[0]
MARKER = "ß"
DEEDS = {
    "segv": "SIGSEGV (a crash in a library",
    "abort": "SIGABRT (a crash in a library",
    "SIGKILL": "SIGKILL (as when memory runs out",
    "SIGILL": "SIGILL (this CPU is too old",
    "exit": "it left with exit code 0",
    "loop": "did not get on for 3 s",
    "SIGSTOP": "did not get on for 3 s",
}


def test_workers_killed_every_200_ms_cost_nothing(
    container: str, out: Path, undisturbed: Undisturbed
) -> None:
    # One font: a new worker soon gets something done, also on a crowded machine. Large pictures:
    # many seconds' work in few files.
    options = ("--max-images", 1_500, "--fonts", FONT, "--font-sizes", 160)
    options = (*options, "--container", container)
    main = start("render", out, *options, *WORKERS)
    num_killed = num_fruitless = num_done = 0
    choice = random.Random(5)
    next_s = time.monotonic()
    while main.poll() is None:
        if num_committed(out) > num_done:
            num_fruitless, num_done = 0, num_committed(out)
        workers = [worker for worker in workers_of(main.pid) if is_at_work(worker)]
        # On a crowded machine a new worker needs longer than that for anything: let it.
        if workers and num_fruitless < 8:
            choice.choice(workers).kill()
            num_killed += 1
            num_fruitless += 1
        # Not to a beat: it would meet the workers that follow at the same step, again and again.
        next_s = time.monotonic() + choice.uniform(0.1, 0.3)
        until(lambda at_s=next_s: main.poll() is not None or time.monotonic() >= at_s)
    finish(main).expect(DONE)
    assert num_killed >= 5
    assert tree(out) == undisturbed(*options)


@pytest.mark.parametrize("deed", DEEDS)
def test_an_example_that_ends_its_worker_is_set_aside_alone(
    container: str, out: Path, tmp_path: Path, deed: str
) -> None:
    texts = write_texts(tmp_path / "texts.txt", 600, {333: f"poison {MARKER}"})
    shim = poison_shim(tmp_path / "shim", MARKER, deed)
    limits = with_limits(hang_s=3)
    options = ("--texts", texts, "--container", container)
    run("render", out, *options, *WORKERS, shims=[shim], program=limits).expect(FAILED_EXAMPLES)
    (row,) = skipped(out)
    assert row["example_index"] == 333
    assert row["text"] == f"poison {MARKER}"
    assert row["failed"]
    assert row["font"]
    assert DEEDS[deed] in str(row["reason"])
    assert_all_but(out, {333}, texts, tmp_path)


def assert_all_but(out: Path, lost: set[int], texts: Path, tmp_path: Path) -> None:
    """Every picture is there, with the bytes it has in a run to which nothing happened."""
    whole = tmp_path / "whole"
    run_here("render", whole, "--texts", texts, "--engine", "serial").expect(DONE)
    expected = pictures(whole)
    for index in lost:
        del expected[f"{index:09d}.jpg"]
    assert pictures(out) == expected
    assert verify(out, checksums=True).whole


def test_several_poisoned_examples_of_one_shard_are_all_found(
    container: str, out: Path, tmp_path: Path
) -> None:
    poisoned = {10: f"a {MARKER}", 50: f"{MARKER} b", 51: MARKER}
    texts = write_texts(tmp_path / "texts.txt", 200, poisoned)
    shim = poison_shim(tmp_path / "shim", MARKER, "segv")
    options = ("--texts", texts, "--container", container)
    run("render", out, *options, *WORKERS, shims=[shim]).expect(FAILED_EXAMPLES)
    assert {row["example_index"] for row in skipped(out)} == set(poisoned)
    assert_all_but(out, set(poisoned), texts, tmp_path)


@pytest.mark.parametrize("engine", ["processes", "serial", "threads"])
def test_an_example_that_raises_is_set_aside_alone(
    container: str, out: Path, tmp_path: Path, engine: str
) -> None:
    texts = write_texts(tmp_path / "texts.txt", 200, {77: f"a {MARKER}"})
    shim = poison_shim(tmp_path / "shim", MARKER, "raise", where="True")
    options = ("--texts", texts, "--container", container, "--engine", engine, "--workers", 2)
    run("render", out, *options, shims=[shim]).expect(FAILED_EXAMPLES, num_lines=0)
    (row,) = skipped(out)
    assert row["example_index"] == 77
    assert "RuntimeError: boom" in str(row["reason"])
    assert_all_but(out, {77}, texts, tmp_path)


def test_a_small_run_that_crashed_is_finished_by_workers(out: Path, tmp_path: Path) -> None:
    texts = write_texts(tmp_path / "texts.txt", 200, {77: f"a {MARKER}"})
    shim = poison_shim(tmp_path / "shim", MARKER, "segv", where="True")
    assert run("render", out, "--texts", texts, shims=[shim]).returncode == -signal.SIGSEGV
    run("render", out, "--texts", texts, shims=[shim]).expect(FAILED_EXAMPLES, num_lines=0)
    assert [row["example_index"] for row in skipped(out)] == [77]
    assert_all_but(out, {77}, texts, tmp_path)


def test_an_example_that_crashes_the_encoder_is_set_aside_alone(
    container: str, out: Path, tmp_path: Path
) -> None:
    texts = write_texts(tmp_path / "texts.txt", 600, {77: "wide " * 40})
    shim = write_shim(
        tmp_path / "shim",
        """
        if IS_WORKER:
            @after_import("shmtext.draw.encode")
            def poison(module):
                real = module.cv2.imencode

                def imencode(suffix, picture, *arguments):
                    if picture.shape[1] > 1000:
                        do("segv")
                    return real(suffix, picture, *arguments)

                module.cv2.imencode = imencode
        """,
    )
    options = ("--texts", texts, "--container", container)
    run("render", out, *options, *WORKERS, shims=[shim]).expect(FAILED_EXAMPLES)
    assert [row["example_index"] for row in skipped(out)] == [77]
    assert_all_but(out, {77}, texts, tmp_path)


def test_a_glyph_that_freetype_refuses_costs_its_examples_alone(out: Path, tmp_path: Path) -> None:
    texts = write_texts(tmp_path / "texts.txt", 200, {20: f"refused {MARKER}"})
    shim = poison_shim(tmp_path / "shim", MARKER, "refuse", where="True")
    options = ("--texts", texts, "--engine", "serial")
    run("render", out, *options, shims=[shim]).expect(FAILED_EXAMPLES)
    (row,) = skipped(out)
    assert row["example_index"] == 20
    assert "invalid outline" in str(row["reason"])
    assert_all_but(out, {20}, texts, tmp_path)


def test_deaths_between_examples_blame_no_example(
    out: Path, tmp_path: Path, undisturbed: Undisturbed, container: str
) -> None:
    # Ten times a worker dies while it takes pictures, each time in the same batch.
    module, shard = (
        ("files", "FilesShard") if container == "files" else ("one_file", "OneFileShard")
    )
    shim = write_shim(
        tmp_path / "shim",
        f"""
        if IS_WORKER:
            @after_import("shmtext.dataset.containers.{module}")
            def die_now_and_then(module):
                real = module.{shard}.take

                def take(self, names, data):
                    if b"000000100.jpg" in names:
                        for attempt in range(10):
                            if once({str(tmp_path)!r} + f"/death{{attempt}}"):
                                at = names.index(b"000000100.jpg")
                                real(self, names[:at], data[:at])
                                do("SIGKILL")
                    return real(self, names, data)

                module.{shard}.take = take
        """,
    )
    options = ("--max-images", 600, "--container", container)
    run("render", out, *options, *WORKERS, shims=[shim]).expect(DONE)
    assert (tmp_path / "death9").exists()
    assert tree(out) == undisturbed(*options)


@in_containers("files")
def test_deaths_while_shards_are_looked_at_lose_nothing_and_blame_no_example(
    out: Path, tmp_path: Path, undisturbed: Undisturbed, container: str
) -> None:
    shim = write_shim(
        tmp_path / "shim",
        f"""
        @after_import("shmtext.engine.checking")
        def leave_it_to_workers(module):
            module.MANY_PICTURES = 0

        if IS_WORKER:
            @after_import("shmtext.engine.to_check")
            def die_now_and_then(module):
                real = module.CheckSink.check

                def check(self, shard):
                    for attempt in range(6):
                        if shard.index == 1 and once({str(tmp_path)!r} + f"/death{{attempt}}"):
                            do("SIGKILL")
                    return real(self, shard)

                module.CheckSink.check = check
        """,
    )
    options = ("--max-images", 600, "--container", container)
    run("render", out, *options, *WORKERS).expect(DONE)
    (out / "images/00000/000000003.jpg").write_bytes(b"")
    (out / "fragments/00001.parquet").unlink()
    again = run("render", out, *options, *WORKERS, shims=[shim])
    again.expect(DONE, "000000003.jpg: has 0 bytes", "00001.parquet is missing", num_lines=2)
    assert (tmp_path / "death5").exists()
    assert tree(out) == undisturbed(*options)


@in_containers("tar", "parquet")
def test_deaths_while_a_shards_file_is_written_blame_no_example(
    out: Path, tmp_path: Path, undisturbed: Undisturbed, container: str
) -> None:
    # At its first write, at a later one, and when all is written.
    shim = write_shim(
        tmp_path / "shim",
        f"""
        if IS_WORKER:
            @after_import("shmtext.dataset.folder")
            def die_now_and_then(module):
                real, real_finish = module.StagedFile.write, module.StagedFile.finish
                calls = 0

                def write(self, data):
                    nonlocal calls
                    calls += self.name.startswith("images/")
                    for at in (1, 3):
                        if calls == at and once({str(tmp_path)!r} + f"/death{{at}}"):
                            do("SIGKILL")
                    return real(self, data)

                def finish(self):
                    if once({str(tmp_path)!r} + "/death"):
                        do("SIGKILL")
                    return real_finish(self)

                module.StagedFile.write, module.StagedFile.finish = write, finish
        """,
    )
    options = ("--max-images", 600, "--container", container)
    run("render", out, *options, *WORKERS, shims=[shim]).expect(DONE)
    assert sorted(path.name for path in tmp_path.glob("death*")) == ["death", "death1", "death3"]
    assert tree(out) == undisturbed(*options)


def test_kills_at_one_example_that_can_be_drawn_alone_do_not_blame_it(
    container: str, out: Path, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    # As when someone kills workers that are all busy at the same place at that time.
    shim = write_shim(
        tmp_path / "shim",
        f"""
        if IS_WORKER:
            @after_import("shmtext.engine.to_dataset")
            def die_in_company(module):
                real = module.DatasetShard.take

                def take(self, batch):
                    if 100 in batch.positions and len(batch.positions) > 1:
                        self._watch.about_to_draw(100)
                        for attempt in range(10):
                            if once({str(tmp_path)!r} + f"/death{{attempt}}"):
                                do("SIGKILL")
                    return real(self, batch)

                module.DatasetShard.take = take
        """,
    )
    options = ("--max-images", 200, "--container", container)
    run("render", out, *options, *WORKERS, shims=[shim]).expect(DONE)
    assert (tmp_path / "death9").exists()
    assert tree(out) == undisturbed(*options)


def test_a_stopped_worker_is_replaced(container: str, out: Path, undisturbed: Undisturbed) -> None:
    options = ("--character-frequency", 2_000, "--container", container)
    main = start("render", out, *options, *WORKERS, program=with_limits(hang_s=3, commit_s=3))
    until(lambda: num_committed(out) >= 1)
    stopped = workers_of(main.pid)[0]
    stopped.suspend()
    finish(main).expect(DONE)
    until(lambda: not stopped.is_running())
    assert tree(out) == undisturbed(*options)


def test_a_worker_stopped_in_the_middle_of_a_message_holds_up_nobody(
    container: str, out: Path, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    shim = write_shim(
        tmp_path / "shim",
        f"""
        if IS_WORKER:
            @after_import("shmtext.engine.worker")
            def stop_midway(module):
                real = module.os.write

                def write(fd, data):
                    if bytes(data[:1]) == b"{{" and b"done" in bytes(data):
                        if once({str(tmp_path / "stopped")!r}):
                            real(fd, data[:20])
                            os.kill(os.getpid(), signal.SIGSTOP)
                            return real(fd, data[20:]) + 20
                    return real(fd, data)

                module.os.write = write
        """,
    )
    options = ("--max-images", 3_000, "--container", container)
    program = with_limits(hang_s=3, commit_s=3)
    run("render", out, *options, *WORKERS, shims=[shim], program=program).expect(DONE)
    assert (tmp_path / "stopped").exists()
    assert tree(out) == undisturbed(*options)


def broken_import_shim(tmp_path: Path, deed: str) -> Path:
    return write_shim(
        tmp_path / "shim",
        f"""
        if IS_WORKER:
            with open({str(tmp_path / "starts")!r}, "a") as starts:
                starts.write("x")

            @after_import("PIL.ImageFont")
            def fail(module):
                {deed}
        """,
    )


@pytest.mark.parametrize(
    ("deed", "diagnosis"),
    [
        ("raise ImportError('libGL.so.1: cannot open shared object file')", "libGL.so.1"),
        ("raise MemoryError", "MemoryError"),
        ("do('SIGILL')", "this CPU is too old"),
        ("do('SIGKILL')", "memory runs out"),
    ],
)
def test_workers_that_cannot_start_stop_the_run_with_a_diagnosis(
    out: Path, tmp_path: Path, deed: str, diagnosis: str
) -> None:
    shim = broken_import_shim(tmp_path, deed)
    ended = run("render", out, "--max-images", 3000, *WORKERS, shims=[shim])
    ended.expect(STOPPED, diagnosis, num_lines=1)
    assert len((tmp_path / "starts").read_text()) <= 32
    # Without the fault the same command goes on.
    run_here("render", out, "--max-images", 3000, "--engine", "serial").expect(DONE)


@pytest.mark.parametrize(("deed", "diagnosis"), [("segv", "font"), ("SIGKILL", "memory")])
def test_a_run_in_which_every_worker_dies_is_stopped(
    out: Path, tmp_path: Path, deed: str, diagnosis: str
) -> None:
    shim = broken_import_shim(tmp_path, "pass")
    poison = poison_shim(tmp_path / "poison", "", deed)
    code = (poison / "sitecustomize.py").read_text() + (shim / "sitecustomize.py").read_text()
    (poison / "sitecustomize.py").write_text(code)
    ended = run("render", out, "--max-images", 3000, *WORKERS, shims=[poison])
    ended.expect(STOPPED, diagnosis, num_lines=1)
    assert len((tmp_path / "starts").read_text()) <= 60


def test_a_killed_idle_worker_is_replaced_when_there_is_work(
    tmp_path: Path, undisturbed: Undisturbed
) -> None:
    config = RunConfig(corpus=BalancedText(), max_images=2000)
    with Renderer(config, workers=2, engine="processes") as renderer:
        first = renderer.render(tmp_path / "first")
        for worker in workers_of(os.getpid()):
            worker.kill()
        second = renderer.render(tmp_path / "second")
    assert first.digest == second.digest
    assert tree(tmp_path / "second") == undisturbed("--max-images", 2000)
    assert not workers_of(os.getpid())


def limited_to(num_processes: int) -> list[str]:
    """A prefix: the limit on processes holds for nobody who is root, and for no one's first user.

    What lies in root's own folders can be read all the same.
    """
    user = 60_000 + os.getpid() % 5_000
    rights = "+dac_override,+dac_read_search"
    return [
        *("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"),
        *(f"--inh-caps={rights}", f"--ambient-caps={rights}"),
        *("prlimit", f"--nproc={num_processes}"),
    ]


@is_root
@pytest.mark.parametrize(
    ("engine", "num_processes"),
    [
        *(("threads", limit) for limit in (1, 2, 4)),
        *(("processes", limit) for limit in (1, 2, 4, 6)),
        *(("processes, font probed", limit) for limit in (1, 2)),
        ("serial", 1),
    ],
)
def test_a_limit_on_processes_is_kept_or_named(
    out: Path, undisturbed: Undisturbed, engine: str, num_processes: int
) -> None:
    engine, _, has_font = engine.partition(", ")
    options = ("--max-images", 1_000, *(("--fonts", FONT) if has_font else ()))
    asked = ("render", out, *options, "--engine", engine, "--workers", 5)
    ended = run(*asked, prefix=limited_to(num_processes))
    # Libraries say on their own account that they get no threads.
    said = [line for line in ended.stderr.splitlines() if "jemalloc" not in line]
    if ended.returncode:
        ended.expect(STOPPED, "use fewer workers", "ulimit", "-u")
        assert len(said) == 1
    run(*asked).expect(DONE)
    assert tree(out) == undisturbed(*options)


@pytest.mark.parametrize("limit_kib", [100, 127])
def test_a_stack_that_is_too_small_is_one_line(out: Path, limit_kib: int) -> None:
    prefix = ("prlimit", f"--stack={limit_kib << 10}")
    run("render", out, prefix=prefix).expect(STOPPED, "the stack is too small", num_lines=1)


SCRIPT = """
from shmtext import RunConfig, render
print(render(RunConfig(max_images=300), {out!r}, workers=2, engine="processes").num_images)
"""
THREADED = """
import threading
from shmtext import RunConfig, render
call = lambda: print(render(RunConfig(max_images=300), {out!r}, 2, "processes").num_images)
thread = threading.Thread(target=call)
thread.start()
thread.join()
"""


@pytest.mark.parametrize("way", ["script", "stdin", "-c", "thread"])
def test_workers_start_from_anywhere(out: Path, tmp_path: Path, way: str) -> None:
    code = (THREADED if way == "thread" else SCRIPT).format(out=str(out))
    if way == "-c":
        run(program=("-c", code)).expect(DONE, num_lines=0)
    elif way == "stdin":
        (tmp_path / "code.py").write_text(code)
        prefix = ("sh", "-c", f'exec "$@" < {tmp_path / "code.py"}', "sh")
        run(prefix=prefix, program=("-",)).expect(DONE, num_lines=0)
    else:
        (tmp_path / "no_guard.py").write_text(code)
        run(program=(str(tmp_path / "no_guard.py"),)).expect(DONE, num_lines=0)
    assert len(list(out.glob("images/*/*.jpg"))) == 300
