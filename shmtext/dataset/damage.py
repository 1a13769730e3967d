"""What is found to be not as it was committed. Who finds it, and what then, stands elsewhere."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is not as it was committed."""

    shard: int | None
    """None where the label table or another file of the whole run is concerned."""
    path: str
    """From the output folder."""
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"
