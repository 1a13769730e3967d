"""Every way out of Python, and out of a run, with a renderer that nobody closed: nothing stays."""

from __future__ import annotations

import os
import signal
import subprocess
import textwrap
import threading
from pathlib import Path

import psutil
import pytest
from fault_runs import (
    DONE,
    Finished,
    finish,
    is_worker,
    run,
    session_of,
    start,
    tree,
    until,
    without_trackers_complaint,
    workers_of,
    write_shim,
)

from shmtext import BalancedText, Renderer, RunConfig, RunSummary, render
from shmtext.engine.deaths import Limits
from shmtext.engine.progress import Progress
from shmtext.errors import RendererError

pytestmark = pytest.mark.usefixtures("no_segment_left")

SMALL = RunConfig(max_images=300)
"""Three shards."""

HEAD = """
import gc, multiprocessing, os, sys, threading
from shmtext import Renderer, RunConfig
config = RunConfig(max_images=300)
out = sys.argv[1]
"""
WAYS_OUT = {
    "no close": """
        renderer = Renderer(config, 2, "processes")
        renderer.render(out)
    """,
    "an exception": """
        def work():
            renderer = Renderer(config, 2, "processes")
            renderer.render(out)
            raise SystemExit("as it should")
        try:
            work()
        except SystemExit as error:
            held = error
    """,
    "sys.exit": """
        renderer = Renderer(config, 2, "processes")
        renderer.render(out)
        sys.exit()
    """,
    "sys.exit within the block": """
        with Renderer(config, 2, "processes") as renderer:
            renderer.render(out)
            sys.exit()
    """,
    "os._exit": """
        renderer = Renderer(config, 2, "processes")
        renderer.render(out)
        os._exit(0)
    """,
    "a finalizer that was there before": """
        import weakref
        class Thing: pass
        thing = Thing()
        weakref.finalize(thing, print)
        renderer = Renderer(config, 2, "processes")
        renderer.render(out)
    """,
    "a reference cycle": """
        renderer = Renderer(config, 2, "processes")
        renderer.itself = renderer
        renderer.render(out)
        del renderer
    """,
    "a thread": """
        def work():
            global renderer
            renderer = Renderer(config, 2, "processes")
            renderer.render(out)
        thread = threading.Thread(target=work)
        thread.start()
    """,
    "a daemon thread in the middle of a run": """
        begun = threading.Event()
        class Watch:
            def note(self, line): pass
            def progress(self, progress):
                begun.set()
                if progress.num_done:
                    threading.Event().wait()
        renderer = Renderer(config, 2, "processes", observer=Watch())
        threading.Thread(target=renderer.render, args=(out,), daemon=True).start()
        begun.wait()
    """,
    "a daemon thread in the middle of a block": """
        begun = threading.Event()
        class Watch:
            def note(self, line): pass
            def progress(self, progress):
                begun.set()
                if progress.num_done:
                    threading.Event().wait()
        def work():
            with Renderer(config, 2, "processes", observer=Watch()) as renderer:
                renderer.render(out)
        threading.Thread(target=work, daemon=True).start()
        begun.wait()
    """,
    "a fork that leaves the block": """
        with Renderer(config, 2, "processes") as renderer:
            renderer.render(out)
            child = os.fork()
        if child:
            assert os.waitpid(child, 0) == (child, 0)
            assert renderer.render(out).num_images == 300
    """,
    "a fork that ends without a word": """
        renderer = Renderer(config, 2, "processes")
        renderer.render(out)
        child = os.fork()
        if child:
            assert os.waitpid(child, 0) == (child, 0)
            assert renderer.render(out + "2").num_images == 300
    """,
    "a child of multiprocessing": """
        def work():
            global renderer
            renderer = Renderer(config, 2, "processes")
            renderer.render(out)
        child = multiprocessing.get_context("fork").Process(target=work)
        child.start()
        child.join()
        assert child.exitcode == 0
    """,
    "a child of a multiprocessing pool, which is daemonic": """
        def work(out):
            global renderer
            renderer = Renderer(config, 2, "processes")
            return renderer.render(out).num_images
        with multiprocessing.get_context("fork").Pool(1) as pool:
            assert pool.map(work, [out]) == [300]
            pool.close()
            pool.join()
    """,
}


def start_script(code: str, out: Path) -> subprocess.Popen[str]:
    return start(program=("-c", HEAD + textwrap.dedent(code), str(out)))


def run_script(code: str, out: Path) -> Finished:
    """Run a script to its end, and wait for that of every process that it started."""
    process = start_script(code, out)
    ended = finish(process)
    until(lambda: not session_of(process))
    return ended


@pytest.mark.parametrize("way", WAYS_OUT)
def test_nothing_outlives_python(out: Path, way: str) -> None:
    # No process but the resource tracker can remove what ``os._exit`` leaves; it says so.
    num_lines = None if way == "os._exit" else 0
    ended = run_script(WAYS_OUT[way], out)
    if "fork" in way:
        ended.stderr = without_trackers_complaint(ended.stderr)
    ended.expect(DONE, num_lines=num_lines)


def test_a_renderer_that_is_collected_takes_its_workers_along(tmp_path: Path) -> None:
    renderer = Renderer(SMALL, 2, "processes")
    renderer.render(tmp_path / "out")
    workers = workers_of(os.getpid())
    del renderer

    assert workers
    assert not any(worker.is_running() for worker in workers)


class _Raising:
    """An observer that raises at the first progress there is."""

    def note(self, line: str) -> None: ...

    def progress(self, _: Progress) -> None:
        raise RuntimeError("enough seen")


def test_after_an_observer_raised_the_folder_is_free(out: Path) -> None:
    renderer = Renderer(RunConfig(), 2, "processes", observer=_Raising())
    with pytest.raises(RuntimeError, match="enough seen") as caught:
        renderer.render(out)
    # The traceback is alive, and with it all that the run held. No limit is waited for here:
    # with a worker's lock still held this would fail after ten seconds.
    summary = render(RunConfig(), out, engine="serial")

    assert caught.traceback
    assert summary.num_images == 5_102
    assert not any(worker.status() == psutil.STATUS_RUNNING for worker in workers_of(os.getpid()))
    renderer.close()


def test_after_an_observer_raised_the_same_renderer_goes_on(out: Path, tmp_path: Path) -> None:
    class RaisingOnce(_Raising):
        has_raised = False

        def progress(self, progress: Progress) -> None:
            if progress.num_done and not self.has_raised:
                self.has_raised = True
                super().progress(progress)

    with Renderer(RunConfig(), 2, "processes", observer=RaisingOnce()) as renderer:
        with pytest.raises(RuntimeError, match="enough seen"):
            renderer.render(out)
        renderer.render(tmp_path / "other", max_images=500)
        renderer.render(out)
    render(RunConfig(), tmp_path / "whole", engine="serial")

    assert tree(out) == tree(tmp_path / "whole")


# -- one renderer in several hands -----------------------------------------------------------------


@pytest.mark.parametrize("engine", ["serial", "threads", "processes"])
def test_threads_take_turns_with_a_renderer(tmp_path: Path, engine: str) -> None:
    summaries: dict[int, RunSummary] = {}
    with Renderer(SMALL, 2, engine) as renderer:  # type: ignore[arg-type]

        def work(number: int) -> None:
            out = tmp_path / str(number)
            summaries[number] = renderer.render(out, max_images=300 - number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert {0: 300, 1: 299, 2: 298, 3: 297} == {n: s.num_images for n, s in summaries.items()}
    for number, summary in summaries.items():
        alone = render(SMALL, tmp_path / f"alone{number}", engine="serial")
        assert (alone.digest == summary.digest) == (number == 0)


@pytest.mark.parametrize("engine", ["serial", "processes"])
def test_an_observer_that_renders_is_refused(tmp_path: Path, engine: str) -> None:
    class Rendering(_Raising):
        def progress(self, _: Progress) -> None:
            renderer.render(tmp_path / "other")

    with (
        Renderer(SMALL, 2, engine, observer=Rendering()) as renderer,  # type: ignore[arg-type]
        pytest.raises(RendererError, match="called by its own observer"),
    ):
        renderer.render(tmp_path / "out")


def test_a_forked_child_is_refused_its_parents_renderer(out: Path) -> None:
    code = """
        from shmtext import ShmtextError
        renderer = Renderer(config, 2, "processes")
        renderer.render(out)
        child = os.fork()
        if not child:
            try:
                renderer.render(out + "2")
            except ShmtextError as error:
                assert "make a Renderer here" in str(error)
                with Renderer(config, 2, "processes") as own:
                    assert own.render(out + "3").num_images == 300
                os._exit(7)
        assert os.waitpid(child, 0) == (child, 7 << 8)
        assert renderer.render(out + "2").num_images == 300
    """
    run_script(code, out).expect(DONE)


def test_a_worker_ends_with_its_main_process_though_a_fork_of_that_lives_on(out: Path) -> None:
    code = """
        renderer = Renderer(config, 2, "processes")
        renderer.render(out)
        if not os.fork():
            os.close(1), os.close(2)
            threading.Event().wait()
        os.kill(os.getpid(), 9)
    """
    process = start_script(code, out)
    assert process.wait() == -signal.SIGKILL
    until(lambda: not [each for each in session_of(process) if is_worker(each)])
    for each in session_of(process):
        if "resource_tracker" not in " ".join(each.cmdline()):
            each.kill()
    finish(process)


def test_a_worker_s_death_is_seen_though_a_fork_keeps_its_pipe_open(out: Path) -> None:
    # The fork falls between the making of a worker's pipe and its start, and outlives the run.
    code = """
        import subprocess
        from pathlib import Path
        real_popen, children = subprocess.Popen, []
        class Popen(real_popen):
            def __init__(self, *arguments, **settings):
                if settings.get("pass_fds") and not children:
                    children.append(os.fork())
                    if not children[0]:
                        threading.Event().wait()
                super().__init__(*arguments, **settings)
        subprocess.Popen = Popen
        import shmtext.engine.spawn
        killed = []
        class Watch:
            def note(self, line): pass
            def progress(self, progress):
                if not killed:
                    mine = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
                    for child in mine.split():
                        if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text():
                            killed.append(int(child))
                            os.kill(killed[-1], 9)
        with Renderer(RunConfig(), 2, "processes", observer=Watch()) as renderer:
            assert renderer.render(out).num_images == 5102
        assert killed and children
        os.kill(children[0], 9)
        os.waitpid(children[0], 0)
    """
    run_script(code, out).expect(DONE, num_lines=0)


def test_a_fork_in_a_run_keeps_nobody_from_the_folder(out: Path) -> None:
    code = """
        children = []
        class Watch:
            def note(self, line): pass
            def progress(self, progress):
                if not children:
                    children.append(os.fork())
                    if not children[0]:
                        threading.Event().wait()
        with Renderer(config, engine="serial", observer=Watch()) as renderer:
            renderer.render(out)
        with Renderer(config, engine="serial") as renderer:
            assert renderer.render(out).num_images == 300
        os.kill(children[0], 9)
        os.waitpid(children[0], 0)
    """
    run_script(code, out).expect(DONE, num_lines=0)


def test_a_fork_may_take_over_a_renderer_that_its_parent_uses(out: Path) -> None:
    code = """
        begun, done = threading.Event(), threading.Event()
        class Watch:
            def note(self, line): pass
            def progress(self, progress):
                begun.set()
                done.wait()
        renderer = Renderer(config, engine="serial", observer=Watch())
        thread = threading.Thread(target=renderer.render, args=(out,))
        thread.start()
        begun.wait()
        child = os.fork()
        if not child:
            done.set()
            mine = threading.Thread(target=lambda: seen.append(renderer.render(out + "2")))
            seen = []
            mine.start()
            mine.join()
            os._exit(int(seen[0].num_images != 300))
        assert os.waitpid(child, 0) == (child, 0)
        done.set()
        thread.join()
    """
    run_script(code, out).expect(DONE, num_lines=0)


@pytest.mark.parametrize("engine", ["serial", "threads", "processes"])
def test_a_pool_that_is_left_ends_children_that_render(out: Path, engine: str) -> None:
    code = f"""
        def work(out):
            from shmtext import render, BalancedText
            render(RunConfig(corpus=BalancedText(character_frequency=100_000)), out, 2, {engine!r})
        with multiprocessing.get_context("fork").Pool(1) as pool:
            pool.apply_async(work, (out,))
            while not os.path.exists(out + "/fragments"):
                os.sched_yield()
    """
    run_script(code, out).expect(DONE, num_lines=0)


def test_a_thread_that_python_leaves_behind_is_told_so(out: Path) -> None:
    code = """
        from shmtext import ShmtextError
        def work():
            ending.wait()
            try:
                Renderer(config, 2, "threads").render(out)
            except ShmtextError as error:
                assert "wait for the thread that renders" in str(error), error
                os._exit(7)
        ending = threading.Event()
        threading.Thread(target=work).start()
        import concurrent.futures.thread
        threading._register_atexit(ending.set)
    """
    # Newer Pythons start threads up to their very end.
    assert run_script(code, out).returncode in (0, 7)


def test_a_renderer_that_was_closed_as_python_ends_says_so(out: Path) -> None:
    code = """
        import atexit
        from shmtext import ShmtextError
        renderer = Renderer(config, 1, "processes")
        renderer.render(out)
        renderer._holding._resources.close()  # what multiprocessing does as Python ends
        try:
            renderer.render(out + "2")
        except ShmtextError as error:
            assert "was closed, as Python ends" in str(error)
            os._exit(7)
    """
    assert run_script(code, out).returncode == 7


# -- how many workers there are --------------------------------------------------------------------


@pytest.mark.parametrize("num_workers", [5, 1_000])
def test_no_more_workers_are_started_than_there_are_shards(
    tmp_path: Path, num_workers: int
) -> None:
    with Renderer(SMALL, num_workers, "processes") as renderer:
        renderer.render(tmp_path / "out")
        numbers = {each.pid for each in workers_of(os.getpid())}
        renderer.render(tmp_path / "again")

    assert 1 <= len(numbers) <= 3


def test_no_more_workers_start_at_once_than_the_machine_has_cores(
    out: Path, tmp_path: Path
) -> None:
    # None of them gets ready before the test has counted them.
    shim = write_shim(
        tmp_path / "shim",
        f"""
        if IS_WORKER:
            import time
            open({str(tmp_path)!r} + f"/started-{{os.getpid()}}", "w").close()
            while not os.path.exists({str(tmp_path / "go")!r}):
                time.sleep(0.01)
        """,
    )
    options = ("--engine", "processes", "--workers", 40)
    main = start("render", out, *options, shims=[shim])
    num_cores = len(os.sched_getaffinity(0))
    until(lambda: len(list(tmp_path.glob("started-*"))) == num_cores)
    until(lambda: list(out.glob("run.json")))
    assert len(workers_of(main.pid)) == num_cores
    (tmp_path / "go").touch()
    finish(main).expect(DONE)


# -- what is said of one run, in the next ----------------------------------------------------------

MOMENTS = {
    "before it is ready": 'kind == "ready"',
    "before it is set up": 'kind == "set up"',
    "before it lets go": 'kind == "released"',
    "before it has seen the folder": "False",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_a_late_worker_says_belongs_to_the_run_it_was_said_for(
    tmp_path: Path, moment: str
) -> None:
    gate = tmp_path / "gate"
    shim = write_shim(
        tmp_path / "shim",
        f"""
        if IS_WORKER:
            import time

            def wait_at_the_gate():
                if once({str(gate)!r}):
                    while not os.path.exists({str(tmp_path / "go")!r}):
                        time.sleep(0.001)

            @after_import("shmtext.engine.service")
            def be_late(module):
                class Late(module.Service):
                    def _say(self, kind, *error, **numbers):
                        if {MOMENTS[moment]}:
                            wait_at_the_gate()
                        super()._say(kind, *error, **numbers)

                    def _aim(self, target):
                        if {moment == "before it has seen the folder"!r}:
                            wait_at_the_gate()
                        super()._aim(target)

                module.Service = Late
        """,
    )
    code = f"""
import os, shutil, sys
from shmtext import Renderer, RunConfig
with Renderer(RunConfig(max_images=300), 2, "processes") as renderer:
    for number in range(4):
        out = sys.argv[1] + str(number)
        summary = renderer.render(out, max_images=15)
        assert summary.num_images == 15
        shutil.rmtree(out)
        if number == 1:
            assert os.path.exists({str(gate)!r})
            open({str(tmp_path / "go")!r}, "w").close()
    assert renderer.render(sys.argv[1]).num_images == 300
"""
    run(program=("-c", code, str(tmp_path / "out")), shims=[shim]).expect(DONE, num_lines=0)


def test_a_shard_is_taken_from_a_stopped_worker_if_another_is_idle(tmp_path: Path) -> None:
    limits = Limits(take_up_s=0.2, hang_s=100_000)
    with Renderer(SMALL, 2, "processes", limits=limits) as renderer:
        renderer.render(tmp_path / "first")
        stopped = workers_of(os.getpid())[0]
        stopped.suspend()
        summary = renderer.render(tmp_path / "second")

    assert summary.digest == render(SMALL, tmp_path / "third", engine="serial").digest


def test_a_stopped_worker_does_not_keep_the_folder_from_the_next_run(tmp_path: Path) -> None:
    limits = Limits(take_up_s=0.2, hang_s=3)
    with Renderer(
        RunConfig(corpus=BalancedText(), max_images=300), 2, "processes", limits=limits
    ) as renderer:
        renderer.render(tmp_path / "out")
        for worker in workers_of(os.getpid()):
            worker.suspend()
        (tmp_path / "out" / "_SUCCESS.json").unlink()
        (tmp_path / "out" / "fragments" / "00000.json").unlink()

        assert renderer.render(tmp_path / "out").num_images == 300
