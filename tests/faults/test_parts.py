"""Parts of a run as processes of their own: at once, killed, on other hosts, as job arrays."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from fault_runs import (
    BAD_INPUT,
    DONE,
    STOPPED,
    Tree,
    assert_committed_is_whole,
    finish,
    in_namespace,
    is_root,
    kill_session,
    num_committed,
    run,
    run_here,
    session_of,
    start,
    tree,
    until,
    write_shim,
)
from pages import PAGES

import shmtext

pytestmark = pytest.mark.usefixtures("no_segment_left")

Undisturbed = Callable[..., Tree]
OPTIONS = ("--max-images", 3_000)
"""Seven shards."""
WORKERS = ("--engine", "processes", "--workers", 1)
PAGE = PAGES["docs/machines.md"]


def begin(out: Path, part: str, container: str, **settings: Any) -> subprocess.Popen[str]:
    options = (*OPTIONS, "--container", container, "--part", part)
    return start("render", out, *options, *WORKERS, **settings)


def test_parts_that_are_killed_one_and_all_lose_nothing_that_is_committed(
    container: str, out: Path, undisturbed: Undisturbed
) -> None:
    parts = [begin(out, f"{index}/3", container) for index in range(3)]
    # The first with its workers, the second alone, whose worker may outlive it, the last in time.
    for at_least, kill in enumerate((kill_session, subprocess.Popen.kill, kill_session), 1):
        until(
            lambda at_least=at_least: (
                num_committed(out) >= at_least or all(part.poll() is not None for part in parts)
            )
        )
        kill(parts[at_least - 1])
        parts[at_least - 1].wait()
    committed = {path: path.read_bytes() for path in out.glob("fragments/*.json")}
    # At once, and with another number of parts: workers of the killed ones may still be about.
    for part in ("1/2", "0/2"):
        run_here(
            *("render", out, *OPTIONS, "--container", container, "--part", part),
            *("--engine", "serial"),
        ).expect(DONE, num_lines=0)
    for part in parts:
        finish(part)
        until(lambda part=part: not session_of(part))
    assert_committed_is_whole(out)
    assert (
        committed.items()
        <= {path: path.read_bytes() for path in out.glob("fragments/*.json")}.items()
    )
    run_here("join", out).expect(DONE, num_lines=0)
    assert tree(out) == undisturbed(*OPTIONS, "--container", container)


def test_a_part_that_is_interrupted_is_finished_by_the_plain_command(
    container: str, out: Path, undisturbed: Undisturbed
) -> None:
    part = begin(out, "0/2", container)
    until(lambda: num_committed(out) >= 1)
    os.killpg(part.pid, signal.SIGINT)
    assert finish(part).returncode in (130, 0)
    ended = run_here("join", out).expect(STOPPED, "of 7 shards are missing", num_lines=1)
    assert ended.stdout == ""
    run_here("render", out, *OPTIONS, "--container", container, "--engine", "serial").expect(DONE)
    assert tree(out) == undisturbed(*OPTIONS, "--container", container)


def test_beside_a_part_neither_a_whole_run_starts_nor_the_same_part_nor_a_join(
    out: Path,
) -> None:
    part = begin(out, "0/2", "files")
    until(lambda: num_committed(out) >= 1)
    os.kill(part.pid, signal.SIGSTOP)
    try:
        for arguments in ([], ["--part", "0/2"], ["--part", "0/3"]):
            ended = run_here("render", out, *OPTIONS, *arguments)
            ended.expect(BAD_INPUT, f"process {part.pid} on", num_lines=1)
        run_here("join", out).expect(BAD_INPUT, f"part 0/2: process {part.pid} on")
        assert f"part 0/2: process {part.pid} on" in run_here("status", out).stdout
        run_here("render", out, *OPTIONS, "--part", "1/2", "--engine", "serial").expect(DONE)
    finally:
        os.kill(part.pid, signal.SIGCONT)
    finish(part).expect(DONE)
    run_here("join", out).expect(DONE)


def test_without_locks_parts_say_so_once_and_go_on(
    container: str, tmp_path: Path, out: Path, undisturbed: Undisturbed
) -> None:
    shim = write_shim(
        tmp_path / "shim",
        """
        import errno, fcntl

        real = fcntl.flock

        def flock(fd, operation):
            if "lock" in os.path.basename(os.readlink(f"/proc/self/fd/{fd}")):
                raise OSError(errno.ENOLCK, "No locks available")
            return real(fd, operation)

        fcntl.flock = flock
        """,
    )
    # The same part twice at once, as nothing keeps it from that: one may take away what the other
    # has in its stage, which then stops.
    parts = [begin(out, part, container, shims=[shim]) for part in ("1/2", "0/2", "0/2")]
    other, *same = (finish(part) for part in parts)
    other.expect(DONE, "has no locks (No locks available)", num_lines=1)
    codes = [each.returncode for each in same]
    assert set(codes) <= {DONE, STOPPED}
    for each in same:
        is_done = each.returncode == DONE
        each.expect(each.returncode, "has no locks", num_lines=1 if is_done else 2)
    if STOPPED in codes:
        finish(begin(out, "0/2", container, shims=[shim])).expect(DONE)
    run("join", out, shims=[shim]).expect(DONE, "has no locks", num_lines=1)
    assert tree(out) == undisturbed(*OPTIONS, "--container", container)


# -- hosts of their own, and what starts jobs there ------------------------------------------------


def on_host(name: str) -> list[str]:
    """A prefix that runs a command on what looks like a host of its own.

    Its network, its mounts, its name, and its kernel's start are other than those here.
    """
    return in_namespace(
        f"hostname {name}",
        "mount -t tmpfs none /mnt",
        f"echo {name}-0000-0000 > /mnt/boot_id",
        "mount --bind /mnt/boot_id /proc/sys/kernel/random/boot_id",
        options="-n -u -m",
    )


def a_folder_with_a_config(tmp_path: Path) -> Path:
    (tmp_path / "run.toml").write_text('max_images = 3000\nengine = "serial"\n', encoding="utf-8")
    return tmp_path


def run_jobs(jobs: list[tuple[str, list[str], dict[str, str]]], folder: Path) -> None:
    """Run commands at once, each on a host of its own that has the folder."""
    shim = write_shim(folder / "shim", f"os.chdir({str(folder)!r})")
    started = [
        start(*arguments[1:], prefix=on_host(host), env=env, shims=[shim])
        for host, arguments, env in jobs
        if arguments[0] == "shmtext"
    ]
    assert len(started) == len(jobs)
    for job in started:
        finish(job).expect(DONE)


def hosts_of(out: Path) -> set[str]:
    return {
        re.findall(r'"host":"(.*?)"', path.read_text())[0] for path in out.glob("fragments/*.json")
    }


@is_root
def test_the_array_job_of_the_readme_renders_a_run_on_several_hosts(
    tmp_path: Path, undisturbed: Undisturbed
) -> None:
    folder = a_folder_with_a_config(tmp_path)
    (script,) = re.findall(r"^```bash\n(sbatch .*?)^```$", PAGE, re.M | re.S)
    array, join = (shlex.split(line) for line in script.replace("\\\n", "").strip().splitlines())
    names = [job[job.index("--job-name") + 1] for job in (array, join)]
    assert names[0] == names[1]  # what ``singleton`` goes by
    assert "--dependency=singleton" in join
    (numbers,) = (each for each in array if each.startswith("--array="))
    first, last = map(int, numbers.removeprefix("--array=").split("-"))
    wrapped = array[array.index("--wrap") + 1]
    run_jobs(
        [
            (
                f"node{task}",
                shlex.split(wrapped.replace("$SLURM_ARRAY_TASK_ID", str(task))),
                {"SLURM_ARRAY_TASK_ID": str(task)},
            )
            for task in range(first, last + 1)
        ],
        folder,
    )
    run_jobs([("node99", shlex.split(join[join.index("--wrap") + 1]), {})], folder)

    assert tree(folder / "OUT") == undisturbed(*OPTIONS)
    assert hosts_of(folder / "OUT") == {f"node{task}" for task in range(7)}


@is_root
def test_the_indexed_job_of_the_readme_renders_a_run_on_several_hosts(
    tmp_path: Path, undisturbed: Undisturbed
) -> None:
    folder = a_folder_with_a_config(tmp_path)
    (text,) = re.findall(r"^```yaml\n(apiVersion: .*?)^```$", PAGE, re.M | re.S)
    job = yaml.safe_load(text)
    assert (job["kind"], job["spec"]["completionMode"]) == ("Job", "Indexed")
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mounted = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    assert set(mounted.values()) == {volume["name"] for volume in pod["volumes"]}
    assert container["workingDir"] in mounted
    run_jobs(
        [
            (
                f"words-{index}-x7k2p",
                [
                    each.replace("$(JOB_COMPLETION_INDEX)", str(index))
                    for each in container["command"]
                ],
                {"JOB_COMPLETION_INDEX": str(index)},
            )
            for index in range(job["spec"]["completions"])
        ],
        folder,
    )
    assert len(hosts_of(folder / "OUT")) == 7
    # No byte is read again, of whichever host.
    shmtext.join(folder / "OUT")

    assert tree(folder / "OUT") == undisturbed(*OPTIONS)
    assert not list((folder / "OUT").glob(".boot_checked*"))
