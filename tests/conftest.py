"""Fixtures that tests of several rooms share, and where temporary folders are.

Plain helpers are in ``fault_runs.py``.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fault_runs import DONE, Tree, end_started, orphaned_segments, run_here, tree, until
from hypothesis import HealthCheck, settings

# A deadline would measure the machine, and so would the search for examples that are made slowly.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

CLONE_NEWNS = 0x20000
MS_REC, MS_PRIVATE = 0x4000, 1 << 18
MNT_DETACH = 2

_at_the_end = ExitStack()

# No test finds what another has kept of its fonts, let alone in the user's own folder.
os.environ["XDG_CACHE_HOME"] = "/dev/null"
# Hundreds of processes are started from the checkout: compiling it takes each a fifth of its time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Of containers: what is written is held back a while where users are.
os.environ.pop("PYTHONUNBUFFERED", None)
sys.dont_write_bytecode = False


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Put temporary folders in memory: half a million small files take minutes on ext4.

    That needs root, as the mount is in a namespace that this process and its children have to
    themselves. ``--basetemp`` puts the folders elsewhere, where they can be looked at afterwards.
    """
    is_worker = hasattr(config, "workerinput")
    if is_worker or config.option.basetemp is not None or os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None)
    folder = tempfile.mkdtemp(prefix="shmtext-tests-")
    _at_the_end.callback(os.rmdir, folder)
    if (
        libc.unshare(CLONE_NEWNS) == 0
        and libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) == 0
        and libc.mount(b"tmpfs", folder.encode(), b"tmpfs", 0, b"size=50%") == 0
    ):
        _at_the_end.callback(libc.umount2, folder.encode(), MNT_DETACH)
        config.option.basetemp = f"{folder}/pytest"


def pytest_unconfigure() -> None:
    """Take the folder away again."""
    _at_the_end.close()


@pytest.fixture(autouse=True)
def no_run_left() -> Iterator[None]:
    """End what the test started and left, at its end."""
    yield
    end_started()


@pytest.fixture
def disk_path() -> Iterator[Path]:
    """A temporary folder on a disk, whose pages memory can be had back from."""
    folder = Path(tempfile.mkdtemp(prefix="shmtext-", dir="/var/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Tree]:
    """Return the files that a run with these options comes to when nothing happens to it."""
    known: dict[tuple[str, ...], Tree] = {}

    def files_of(*options: object) -> Tree:
        key = tuple(map(str, options))
        if key not in known:
            out = tmp_path_factory.mktemp("undisturbed") / "out"
            run_here("render", out, *options, "--engine", "serial").expect(DONE)
            known[key] = tree(out)
        return known[key]

    return files_of


@pytest.fixture
def no_segment_left() -> Iterator[None]:
    """Assert that every segment without an owner is gone soon after the test.

    Others' live segments are no business of this; an orphan that another test made on purpose is
    swept before the deadline.
    """
    yield
    until(lambda: not orphaned_segments())


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An output folder that isn't there yet."""
    return tmp_path / "out"
