"""What is said where files take long to make, which ``dataset/containers/files.py`` measures."""

from __future__ import annotations

SLOW_FILE_US = 300
"""To make a file: 4 to 20 in memory, 25 to 100 on a disk, 270 to 1,000 on one that has just been
emptied (ext4 without a journal goes by every inode freed in the last minutes)."""
WORTH_A_NOTE_S = 10


def slow_files_note(file_us: int, num_left: int, instead: str) -> str | None:
    """What to say of so many files to come; None where nothing would be gained.

    ``file_us`` is what one took, in microseconds, 0 if that is not known; ``instead``, what else
    could be done.
    """
    left_s = num_left * file_us / 1e6
    if file_us < SLOW_FILE_US or left_s < WORTH_A_NOTE_S:
        return None
    return (
        f"a file takes {file_us / 1e3:.1f} ms to make here, as over a network or on a disk from "
        f"which many were just deleted: {num_left:,} more take a process {left_s:,.0f} s; {instead}"
    )
