"""Samples of a run: of what it has committed so far, be it finished, at work or cut short."""

from __future__ import annotations

from shmtext.dataset.committed import CommittedRun, StoredPicture, open_committed
from shmtext.dataset.fragment import SkippedRow
from shmtext.dataset.manifest import Manifest
from shmtext.dataset.places import RunPlace
from shmtext.errors import DamageError
from shmtext.view.samples import Samples, Wanted, spread, worst_first


def samples_of_run(place: RunPlace, wanted: Wanted) -> Samples:
    """Pictures from all over a run, and why some examples have none.

    A picture that is not what was committed stands among the failures, with what is wrong. Raises
    ``FolderError`` where there is no run.
    """
    with open_committed(place) as run:
        pictures, damaged = _pictures(run, wanted.num_pictures)
        failures = [*damaged, *_failures(run, wanted.most_failures)]
        num_done = run.num_images + run.num_skipped + run.num_failed
        title = (
            f"{place}: {len(pictures):,} of {run.num_images:,} pictures, "
            f"{num_done:,} of {run.record.plan.num_examples:,} examples done"
        )
        return Samples(
            title=title,
            pictures=tuple(pictures),
            failures=worst_first(failures, wanted.most_failures),
            num_without=run.num_skipped + run.num_failed + len(damaged),
        )


def _pictures(run: CommittedRun, num: int) -> tuple[list[StoredPicture], list[SkippedRow]]:
    pictures: list[StoredPicture] = []
    damaged: list[SkippedRow] = []
    for manifest, rows in run.at(spread(run.num_images, num)):
        try:
            found, lost = run.pictures(manifest, rows)
        except DamageError as error:
            found, lost = [], [_damaged_shard(manifest, error)]
        pictures += found
        damaged += lost
    return pictures, damaged


def _failures(run: CommittedRun, most: int) -> list[SkippedRow]:
    """Enough examples without a picture that the worst are among them."""
    found: list[SkippedRow] = []
    for manifest in sorted(run.manifests, key=lambda each: -each.num_failed):
        if len(found) >= most and not manifest.num_failed:
            break
        if sum(each.failed for each in found) >= most:
            break
        try:
            found += worst_first(run.without_picture(manifest), most)
        except DamageError as error:
            found.append(_damaged_shard(manifest, error))
    return found


def _damaged_shard(manifest: Manifest, error: DamageError) -> SkippedRow:
    return SkippedRow(manifest.start, "", None, None, str(error), failed=True)
