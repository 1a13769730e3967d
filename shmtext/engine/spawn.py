"""Starting a worker's process, and its first moments.

A bare interpreter runs ``spawn_main`` with one end of a socket; the other end is the main
process's ``WorkerProcess``. The end of that socket tells each side of the other's death. What a
worker does is ``worker.py``'s, what the main process knows of it ``link.py``'s.

These are not ``multiprocessing``'s processes: it joins those without end when Python ends, refuses
to start any from a daemonic process, lets a forked child take them for its own, and runs the user's
main module again, which scripts without a main guard and standard input do not survive.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Self

from shmtext.engine.stop import signals_blocked
from shmtext.engine.worker import serve

SEND_TIMEOUT_S = 5
"""A worker that does not read for so long while it waits for work is taken for dead."""

WORKER_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "TOKIO_WORKER_THREADS": "2",
    "NO_ALBUMENTATIONS_UPDATE": "1",
}
"""For workers alone: numpy, OpenCV and the client of object stores each make a pool of threads, and
albumentations asks the network for its latest version."""

CHILD = "from shmtext.engine.spawn import spawn_main; spawn_main()"


@dataclass(frozen=True, slots=True, eq=False)
class WorkerProcess:
    """A process and the pipe to it, as the one that started it holds them."""

    popen: subprocess.Popen[bytes]
    pipe: Connection

    @classmethod
    def start(cls) -> Self:
        """Start a worker. Raises ``OSError`` where the system has no room for another process."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            # Writes fail after a while, should nobody read.
            timeout = struct.pack("ll", SEND_TIMEOUT_S, 0)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
            # Signals are for the main process: workers inherit that they are blocked, for good.
            with signals_blocked():
                popen = subprocess.Popen(
                    [*python_command(CHILD), str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    env={**os.environ, **WORKER_ENVIRONMENT},
                    pass_fds=[theirs.fileno()],
                )
            return cls(popen, Connection(ours.detach()))

    def send(self, message: object) -> None:
        """Send an object. A worker that can't take it is ended: its pipe's end is read next."""
        try:
            self.pipe.send(message)
        except OSError:
            self.popen.kill()

    def close(self) -> None:
        """End the process at once, whatever it is about; one that is ending keeps its exit code."""
        self.pipe.close()
        self.popen.kill()
        self.popen.wait()

    def forget(self) -> None:
        """Let go of it, in a forked child: it is the parent's.

        A copy of the pipe that lived on here would hide the parent's death from the worker.
        """
        self.pipe.close()
        self.popen.returncode = 0  # nothing is left to wait for, or to warn of


def spawn_main() -> None:
    """Be a worker, in the process that ``WorkerProcess.start`` started."""
    serve(Connection(int(sys.argv[1])))


def python_command(code: str) -> list[str]:
    """The command that runs ``code`` in a Python like this one, which finds the same modules."""
    flags = sys.flags
    # -P: modules of the folder that a run is started in are none of its.
    options = [
        "-P",
        "-I" * flags.isolated,
        "-E" * flags.ignore_environment,
        "-s" * flags.no_user_site,
    ]
    folders = [folder for folder in sys.path if isinstance(folder, str)]
    with suppress(FileNotFoundError):  # the working folder was removed: nothing is found there
        folders = [folder or os.getcwd() for folder in folders]
    # Before anything is imported, so that nothing is that this process would not import.
    prepared = f"import sys; sys.path[:] = {folders!a}; {code}"
    return [sys.executable, *filter(None, options), "-c", prepared]
