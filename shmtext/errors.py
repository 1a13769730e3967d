"""Every error a user can meet, each with the exit code the command line ends with.

A ``ShmtextError`` is foreseeable: its message says what was expected, what was found and what
to do, in one line. Anything else that is raised is a bug and keeps its traceback.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Self


class ExitCode(IntEnum):
    """What a process that runs ``shmtext`` ends with."""

    DONE = 0
    BUG = 1
    BAD_INPUT = 2
    """Settings, texts, fonts or the state of the folder do not allow the run: change them."""
    STOPPED = 3
    """Storage, memory or workers failed. What was committed is kept: run the same again."""
    FAILED_EXAMPLES = 4
    """Finished, but some examples failed, or nothing could be drawn: see ``skipped.parquet``. Of an
    export: finished without a picture."""
    INTERRUPTED = 130
    """Ctrl-C or a signal. What was committed is kept: run the same again."""


class ShmtextError(Exception):
    """Base of all errors raised on purpose."""

    exit_code: ExitCode = ExitCode.BUG


class ConfigError(ShmtextError):
    """A setting is wrong, by itself or beside another."""

    exit_code = ExitCode.BAD_INPUT


class InputError(ShmtextError):
    """A file of texts, or a folder of backgrounds, can't be used."""

    exit_code = ExitCode.BAD_INPUT


class FontError(ShmtextError):
    """One or more font files can't be used."""

    exit_code = ExitCode.BAD_INPUT


class FolderError(ShmtextError):
    """The output folder is not one this run may write to: in use, or another run's."""

    exit_code = ExitCode.BAD_INPUT


class StorageError(ShmtextError):
    """The output's storage failed: full, read-only, gone. Resumable once it is mended."""

    exit_code = ExitCode.STOPPED


class DamageError(ShmtextError):
    """Committed files are not what was committed. The next run of the same command mends them."""

    exit_code = ExitCode.STOPPED


class VersionError(DamageError):
    """A file of another version of this program: whole, and not to be touched."""

    exit_code = ExitCode.BAD_INPUT


class MissingShardsError(ShmtextError):
    """Parts can't be joined, as shards are missing. What is there is kept: render the others."""

    exit_code = ExitCode.STOPPED


class SharedMemoryError(ShmtextError):
    """No memory and no file could be had for what processes share."""

    exit_code = ExitCode.STOPPED


class RendererError(ShmtextError):
    """A ``Renderer`` is used where it can't be: from its own observer, or by a forked child."""

    exit_code = ExitCode.BAD_INPUT


class WorkersError(ShmtextError):
    """Workers die faster than they do work, or can't be started."""

    exit_code = ExitCode.STOPPED

    @classmethod
    def cannot_start(cls, what: str, why: object) -> Self:
        """The error for a process or thread that the system did not give, for the reason given."""
        return cls(
            f"cannot start {what} ({why}): use fewer workers, or raise the limits on open files, "
            "processes and threads (ulimit -n, -u)"
        )


class InterruptedRunError(ShmtextError):
    """The run was asked to stop and did. Resumable."""

    exit_code = ExitCode.INTERRUPTED
