"""A file under way that notes size and checksum of what is written to it, as pyarrow asks for one.

Where it is written to, and whether it will ever be in place, is ``folder.py``'s.
"""

from __future__ import annotations

from collections.abc import Callable

from shmtext.dataset.folder import FileBytes, StagedFile


class SummedFile:
    """Passes writes on, and tells ``add_to_sum`` of each."""

    def __init__(self, file: StagedFile, add_to_sum: Callable[[FileBytes], object]) -> None:
        self._file = file
        self._add_to_sum = add_to_sum
        self.num_bytes = 0
        self.is_given_up = False
        """Writes go nowhere: all that is left to do with a writer is to close it."""

    def write(self, data: FileBytes) -> int:
        """Write all of ``data`` or raise bare ``OSError``."""
        if self.is_given_up:
            return memoryview(data).nbytes
        num_bytes = self._file.write(data)
        self._add_to_sum(data)
        self.num_bytes += num_bytes
        return num_bytes

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """The file is closed by whoever made it."""

    @property
    def closed(self) -> bool:
        """Never: see ``close``."""
        return False
