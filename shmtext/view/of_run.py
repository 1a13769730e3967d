"""Samples of a run: of what it has committed so far, be it finished, at work or cut short."""

from __future__ import annotations

import numpy as np

from shmtext.corpus.ranges import Ints, seams
from shmtext.dataset.committed import CommittedRun, StoredPicture, open_committed
from shmtext.dataset.fragment import SkippedRow
from shmtext.dataset.manifest import Manifest
from shmtext.dataset.places import RunPlace
from shmtext.errors import DamageError
from shmtext.view.samples import Samples, Wanted, spread, worst_first

MOST_SHARDS = 32
"""That are opened: a tar file of 8,000 pictures takes a twentieth of a second."""


def samples_of_run(place: RunPlace, wanted: Wanted) -> Samples:
    """Pictures from all over a run, and why some examples have none.

    A picture that is not what was committed stands among the failures, with what is wrong. Raises
    ``FolderError`` where there is no run.
    """
    with open_committed(place) as run:
        pictures, damaged = pictures_all_over(run, wanted.num_pictures)
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


def pictures_all_over(run: CommittedRun, num: int) -> tuple[list[StoredPicture], list[SkippedRow]]:
    """So many pictures from all over a run, and those that are not what was committed."""
    pictures: list[StoredPicture] = []
    damaged: list[SkippedRow] = []
    for manifest, rows in run.at(_all_over(run, num)):
        try:
            found, lost = run.pictures(manifest, rows)
        except DamageError as error:
            found, lost = [], [_damaged_shard(manifest, error)]
        pictures += found
        damaged += lost
    return pictures, damaged


def _all_over(run: CommittedRun, num: int) -> Ints:
    """Numbers of so many pictures, ascending: spread over shards that are spread over the run."""
    nums = np.array([each.num_rows for each in run.manifests], np.int64)
    shards = spread(nums.size, MOST_SHARDS)
    among = seams(nums[shards])
    chosen = spread(int(among[-1]), num)
    which = np.searchsorted(among, chosen, side="right") - 1
    numbers: Ints = seams(nums)[shards[which]] + chosen - among[which]
    return numbers


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
