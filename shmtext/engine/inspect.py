"""What a folder holds, without changing it: ``status`` of a run, live or not, and ``verify``."""

from __future__ import annotations

import os
from dataclasses import dataclass

from shmtext.dataset.check import Report, check_run, mark_damaged
from shmtext.dataset.committed import open_committed
from shmtext.dataset.damage import Damage
from shmtext.dataset.locks import holders
from shmtext.dataset.opening import open_folder
from shmtext.dataset.places import RunPlace, run_place
from shmtext.dataset.record import require_record
from shmtext.dataset.skipped import SkipReason, commonest, read_skip_reasons
from shmtext.engine.stop import stop_on_signals


@dataclass(frozen=True, slots=True)
class RunStatus:
    """How far the run in a folder is."""

    folder: RunPlace
    holders: tuple[str, ...]
    """The processes that are rendering, such as ``process 17 on host`` or, of parts, ``part 2/16:
    process 4 on other``. In a bucket there are no locks, and nothing tells."""
    finished: bool
    num_examples: int
    num_shards: int
    num_committed_shards: int
    num_images: int
    """Committed; likewise the next three."""
    num_skipped: int
    num_failed: int
    image_bytes: int
    images_per_s: float
    """From the first shard's begin to the last commit, pauses included; 0 where none is there."""
    damages: tuple[Damage, ...]
    """Manifests that are not valid."""

    @property
    def holder(self) -> str | None:
        """All of them; None where nobody is rendering."""
        return ", ".join(self.holders) or None

    @property
    def num_missing(self) -> int:
        """Examples that no committed shard holds."""
        return self.num_examples - self.num_images - self.num_skipped - self.num_failed


def run_status(out: str | os.PathLike[str]) -> RunStatus:
    """Tell how far the run in ``out`` is; works on a running, interrupted or finished one."""
    with open_committed(run_place(out)) as run:
        begin_s = min((m.finished_at - m.seconds for m in run.manifests), default=0.0)
        end_s = max((m.finished_at for m in run.manifests), default=0.0)
        return RunStatus(
            folder=run.folder.path,
            holders=tuple(holders(run.folder)),
            finished=run.is_finished,
            num_examples=run.record.plan.num_examples,
            num_shards=run.record.plan.num_shards,
            num_committed_shards=len(run.manifests),
            num_images=run.num_images,
            num_skipped=run.num_skipped,
            num_failed=run.num_failed,
            image_bytes=run.image_bytes,
            images_per_s=run.num_images / (end_s - begin_s) if end_s > begin_s else 0.0,
            damages=run.damages,
        )


def skip_reasons(out: str | os.PathLike[str]) -> list[SkipReason]:
    """Why examples of the finished run in ``out`` have no picture, the commonest reason first."""
    with open_folder(run_place(out), create=False) as folder:
        return read_skip_reasons(folder)


def commonest_reasons(out: str | os.PathLike[str]) -> list[str]:
    """The commonest of these in words, a line each."""
    return commonest(skip_reasons(out))


def verify(out: str | os.PathLike[str], *, checksums: bool = False) -> Report:
    """Check every file that was committed: sizes, and with ``checksums`` every byte.

    Shards found damaged are marked: the next run of the same config renders them again.
    """
    with stop_on_signals() as stop, open_folder(run_place(out), create=False) as folder:
        folder.heed(stop.check)
        with stop.raising():
            report = check_run(folder, require_record(folder), checksums)
        if report.damages:
            mark_damaged(folder, report.damaged_shards)
        return report
