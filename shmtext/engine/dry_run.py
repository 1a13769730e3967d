"""What a run would come to, found out without making it: what is there already, what can't be
drawn, what room the rest takes and how long.

Texts are read, and looked at, all of them. How large pictures are and how long they take a trial
tells: examples of the run's own, from all over it, are drawn, encoded and committed into a
temporary folder, in this process, by what renders them in the end. Nothing is made where the run
would be, nor mended there; how fast storage is there, nobody asks.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from shmtext.config import RunConfig
from shmtext.corpus.ranges import Ints, all_over
from shmtext.dataset.check import marked_shards
from shmtext.dataset.containers.base import IMAGES
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.fragment import SKIPPED, read_fragment
from shmtext.dataset.locks import holders
from shmtext.dataset.manifest import FRAGMENTS, committed_shards, skipped_name
from shmtext.dataset.merge import SUCCESS
from shmtext.dataset.opening import open_folder
from shmtext.dataset.places import RunPlace, StoreUrl
from shmtext.dataset.plan import Shard
from shmtext.dataset.record import RunRecord, refuse_files_in_bucket
from shmtext.dataset.room import LABEL_BYTES, taken
from shmtext.dataset.skipped import SkipReason, counted_reasons
from shmtext.draw.drawable import TEXTS_AT_ONCE, drawable_in_pieces
from shmtext.draw.examples import Examples, examples_per_text
from shmtext.draw.settings import RenderSettings
from shmtext.engine.held import FirstRun, Held, Means, chosen_engine, hold
from shmtext.engine.identity import spelled_out
from shmtext.engine.inprocess import InProcess
from shmtext.engine.progress import ShardDone
from shmtext.engine.resume import existing_record, refuse_other_run
from shmtext.engine.run import RunOrder, record_of
from shmtext.engine.stop import StopRequest, stop_on_signals
from shmtext.engine.to_dataset import DatasetSink
from shmtext.errors import ConfigError, DamageError, FolderError, StorageError
from shmtext.parts import Part

ROUNDS = 16, 64, 1_024
"""Examples, if there is time for as many. The first pay for what is new: fonts, glyphs, textures.
Of the third round the mean size is within a few percent of that of all, and looks, which are given
to 600 examples at once, take what they take in a run. Further rounds are shards, as large as the
run's."""
TRIAL_S = 2.0
"""In which all but the first two rounds fit."""
MOST_TRIED = 1 << 16
START_S = 1.0
"""Until workers have imported their libraries: fonts and texts are read meanwhile."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a run, or a part of one, would come to."""

    folder: RunPlace
    part: Part | None
    """Of which is all that follows; None: of the whole run."""
    container: str
    holders: tuple[str, ...]
    """The processes that write there now, as in ``RunStatus``: they would be in the way."""
    num_examples: int
    num_shards: int
    num_committed_shards: int
    """There already; what is committed is believed to be whole."""
    num_missing: int
    """Examples of the other shards. All that follows is of these."""
    num_skipped: int
    """That can't be drawn, as far as that is known before they are."""
    skip_reasons: tuple[SkipReason, ...]
    """Why, the commonest first."""
    num_images: int
    """Pictures expected."""
    image_bytes: int
    """Expected of these."""
    device_bytes: int
    """Expected of files, in whole blocks, label rows among them (these on the safe side)."""
    num_files: int
    """Files and folders expected: inodes."""
    free_bytes: int | None
    """Of the device; None where nobody says, as in a bucket."""
    free_files: int | None
    num_workers: int
    """That would render; 1 without processes, as threads hold one another up."""
    expected_s: float
    """From start to end, on this machine as busy as it is."""
    num_tried: int
    """Examples that were drawn for this, in ``trial_s``; 0 where none is missing."""
    trial_reasons: tuple[SkipReason, ...]
    """Why some of these have no picture of which that was not known before."""
    trial_s: float

    @property
    def images_per_s(self) -> float:
        """Expected; 0 where nothing is to be done."""
        return self.num_images / self.expected_s if self.expected_s > 0 else 0.0

    @property
    def fits(self) -> bool:
        """Whether the device has room for it all."""
        has_bytes = self.free_bytes is None or self.free_bytes >= self.device_bytes
        return has_bytes and (self.free_files is None or self.free_files >= self.num_files)


def dry_run(order: RunOrder, means: Means) -> DryRun:
    """Find out what the order would come to.

    Raises what rendering would before it draws anything: ``FolderError`` where the folder is not
    the run's to use, ``InputError``, ``FontError``. ``ConfigError`` for a Ray cluster.
    """
    if means.cluster is not None:
        raise ConfigError("a dry run is of one machine: leave out the Ray cluster (distributor)")
    begin_s = time.monotonic()
    with stop_on_signals() as stop, ExitStack() as resources:
        there = resources.enter_context(_There.of(order))
        was_cut_short = there.begin(order, means)
        num_parts = order.part.num_parts if order.part else 1
        first = FirstRun(Path(), was_cut_short, stop, num_parts)
        held = hold(replace(means, engine="serial"), first, resources)
        with stop.raising():
            examples = held.examples.first(order.max_images or len(held.examples))
            record = record_of(means.config, held, examples)
            shards, missing = there.shards(order, record)
            prepare_s = time.monotonic() - begin_s
            undrawable = _Undrawable.of(examples, held.settings, missing)
            tried = _tried(record, held, missing, undrawable.numbers, stop)
        engine = chosen_engine(means, first, examples_per_text(held.settings))
        num_workers = min(means.num_workers, len(missing)) if engine == "processes" else 1
        if engine == "processes":
            prepare_s = max(prepare_s, START_S)
        num_missing = sum(shard.num_examples for shard in missing)
        num_drawable = num_missing - undrawable.numbers.size
        num_images = round(num_drawable * tried.share_of_images(undrawable.numbers))
        free_bytes, free_files = there.free_space()
        return DryRun(
            folder=order.out,
            part=order.part,
            container=record.container.name,
            holders=there.holders,
            num_examples=sum(shard.num_examples for shard in shards),
            num_shards=len(shards),
            num_committed_shards=len(shards) - len(missing),
            num_missing=num_missing,
            num_skipped=undrawable.numbers.size,
            skip_reasons=tuple(undrawable.reasons),
            num_images=num_images,
            image_bytes=round(num_images * tried.bytes_per_image),
            device_bytes=round(num_images * (tried.device_bytes_per_image + LABEL_BYTES)),
            num_files=record.container.room(num_images, 0).num_inodes
            + round(len(missing) * tried.num_beside_per_shard),
            free_bytes=free_bytes,
            free_files=free_files,
            num_workers=num_workers,
            expected_s=prepare_s + tried.expected_s(num_missing, num_workers) if missing else 0.0,
            num_tried=tried.numbers.size,
            trial_reasons=tuple(tried.reasons),
            trial_s=sum(tried.seconds),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _There:
    """The place of a run, as it is found."""

    folder: OutputFolder | None
    """None where there is none yet."""
    above: OutputFolder
    """The folder, or else that in which it would be made."""
    is_bucket: bool

    @classmethod
    def of(cls, order: RunOrder) -> _There:
        """Open what is there. Raises ``FolderError`` where no folder can be."""
        out, is_bucket = order.out, isinstance(order.out, StoreUrl)
        if isinstance(out, StoreUrl) or order.resume == "must" or os.path.lexists(out):
            folder = open_folder(out, create=False, part=order.part)
            return cls(folder, folder, is_bucket)
        above = next(each for each in out.absolute().parents if os.path.lexists(each))
        if above.is_dir() and not os.access(above, os.W_OK | os.X_OK):
            raise FolderError(f"cannot make {out}: no permission to write in {above}")
        return cls(None, OutputFolder.open(above.resolve(), create=False), is_bucket)

    def __enter__(self) -> _There:
        return self

    def __exit__(self, *_: object) -> None:
        self.above.close()

    def begin(self, order: RunOrder, means: Means) -> bool:
        """Refuse what is no place for the run; say whether it was begun there and not finished."""
        if self.folder is None:
            return False
        refuse_files_in_bucket(self.folder, means.config.output.container)
        record = existing_record(self.folder, order.resume, means.observer)
        return record is not None and SUCCESS not in self.folder.list_names()

    def shards(self, order: RunOrder, record: RunRecord) -> tuple[list[Shard], list[Shard]]:
        """All that are asked for, and those that are missing.

        Raises ``FolderError`` where another run is there.
        """
        plan, part = record.plan, order.part
        asked = range(plan.num_shards) if part is None else part.shards(plan.num_shards)
        shards = [plan.shard(index) for index in asked]
        if self.folder is None:
            return shards, shards
        refuse_other_run(self.folder, record, spelled_out(RunConfig()))
        committed, _ = committed_shards(self.folder, plan, record.fingerprint, asked)
        marked: frozenset[int] = frozenset()
        with suppress(DamageError):  # which rendering takes care of
            marked = marked_shards(self.folder)
        there = committed.keys() - marked
        return shards, [shard for shard in shards if shard.index not in there]

    @property
    def holders(self) -> tuple[str, ...]:
        """Who writes there."""
        return () if self.folder is None else tuple(holders(self.folder))

    def free_space(self) -> tuple[int | None, int | None]:
        """Bytes and inodes left on the device; None where nobody says."""
        if self.is_bucket:
            return None, None
        free = self.above.free_space()
        return free.num_bytes, None if free.num_inodes == sys.maxsize else free.num_inodes


@dataclass(frozen=True, slots=True, eq=False)
class _Undrawable:
    """Examples that can't be drawn, as far as that is known before they are."""

    numbers: Ints
    reasons: list[SkipReason]

    @classmethod
    def of(cls, examples: Examples, settings: RenderSettings, missing: list[Shard]) -> _Undrawable:
        """Look at all examples of some shards."""
        found: list[Ints] = []
        counts: Counter[str] = Counter()
        pieces = (piece for shard in missing for piece in _pieces(shard))
        for numbers, is_drawable, reasons in drawable_in_pieces(examples, settings, pieces):
            found.append(numbers[~is_drawable])
            counts.update(reasons.values())
        return cls(
            np.concatenate(found) if found else np.zeros(0, np.int64),
            counted_reasons(counts.most_common()),
        )


def _pieces(shard: Shard) -> Iterator[Ints]:
    for start in range(shard.start, shard.stop, TEXTS_AT_ONCE):
        yield np.arange(start, min(start + TEXTS_AT_ONCE, shard.stop))


@dataclass(frozen=True, slots=True, eq=False)
class _Tried:
    """What a trial came to."""

    numbers: Ints
    """Of the examples."""
    done: list[ShardDone]
    """A shard a round, each of more examples."""
    seconds: list[float]
    """Of each."""
    device_bytes: int
    """Of the pictures' files, in whole blocks."""
    num_beside: int
    """Files and folders beside what the container says that pictures are."""
    reasons: list[SkipReason]
    """Why some have no picture of which that was not known before."""

    @property
    def num_images(self) -> int:
        """Pictures that were made."""
        return sum(each.num_images for each in self.done)

    @property
    def bytes_per_image(self) -> float:
        """Of them."""
        return sum(each.image_bytes for each in self.done) / max(self.num_images, 1)

    @property
    def device_bytes_per_image(self) -> float:
        """Likewise, on the device."""
        return self.device_bytes / max(self.num_images, 1)

    @property
    def num_beside_per_shard(self) -> float:
        """Files and folders that a shard has beside those."""
        return self.num_beside / max(len(self.done), 1)

    def share_of_images(self, undrawable: Ints) -> float:
        """How many of the examples that nothing speaks against came to a picture; 0 to 1."""
        num_drawable = self.numbers.size - int(np.isin(self.numbers, undrawable).sum())
        return self.num_images / num_drawable if num_drawable else 0.0

    def expected_s(self, num_examples: int, num_workers: int) -> float:
        """What so many take, drawn by so many.

        Each takes at first what it took at first here: glyphs are new, fonts have to be opened.
        """
        nums = [_num_examples(each) for each in self.done]
        largest = [s for num, s in zip(nums, self.seconds, strict=True) if num == max(nums)]
        each_s = sum(largest) / len(largest) / max(nums)
        first_s = max(sum(self.seconds) - sum(nums) * each_s, 0.0)
        return first_s + num_examples * each_s / num_workers


def _num_examples(done: ShardDone) -> int:
    return done.num_images + done.num_skipped + done.num_failed


def _tried(
    record: RunRecord, held: Held, missing: list[Shard], undrawable: Ints, stop: StopRequest
) -> _Tried:
    """Draw, encode and commit examples of the shards that are missing, into a temporary folder."""
    numbers = _spread(missing)
    done: list[ShardDone] = []
    seconds: list[float] = []
    why_not: list[str] = []
    assert isinstance(held.engine, InProcess)
    with (
        _temporary_folder() as above,
        OutputFolder.open(Path(above, "run"), create=True) as folder,
    ):
        folder.begin_stage()
        sink = DatasetSink(folder, record, held.settings, worker=0, order=_Spread(numbers))
        start, num = 0, ROUNDS[0]
        while start < numbers.size and num >= min(ROUNDS[0], numbers.size):
            shard = Shard(len(done), start, min(start + num, numbers.size))
            begin_s = time.monotonic()
            done += [each for each in held.engine.run(sink, [shard], stop, _nothing) if each]
            seconds.append(time.monotonic() - begin_s)
            why_not += _why_not(folder, shard, undrawable)
            start = shard.stop
            num_fit = int((TRIAL_S - sum(seconds)) / seconds[-1] * shard.num_examples)
            num = min(num_fit, record.plan.examples_per_shard, *ROUNDS[len(done) :][:1])
            if len(done) == 1:  # which may have taken long for what was new alone
                num = max(num, ROUNDS[0])
        pictures = taken(folder.absolute_path / IMAGES)
        labels = taken(folder.absolute_path / FRAGMENTS)
    num_folders = pictures.num_inodes - pictures.num_files
    return _Tried(
        numbers=numbers[:start],
        done=done,
        seconds=seconds,
        device_bytes=pictures.num_bytes,
        num_beside=num_folders + labels.num_files,
        reasons=counted_reasons(Counter(why_not).most_common()),
    )


@contextmanager
def _temporary_folder() -> Iterator[str]:
    """Lend a folder for a trial; raise ``StorageError`` where none has room for one."""
    advice = "set TMPDIR to a folder with some room"
    try:
        with tempfile.TemporaryDirectory(prefix="shmtext-dry-run-") as above:
            yield above
    except FileNotFoundError as error:  # of tempfile, which tried several
        raise StorageError(f"a dry run needs a temporary folder ({error}): {advice}") from error
    except StorageError as error:
        raise StorageError(f"the trial of a dry run was stopped ({error}): {advice}") from error


def _why_not(folder: OutputFolder, shard: Shard, known: Ints) -> list[str]:
    """Why examples of a trial have no picture, but for those that were known to have none."""
    name = skipped_name(shard.index)
    data = folder.read_file(name)
    if data is None:
        return []
    rows = read_fragment(data, SKIPPED, name).to_pylist()
    return [row["reason"] for row in rows if row["example_index"] not in known]


def _nothing() -> bool:
    """What there is to do in spare time."""
    return False


@dataclass(frozen=True, slots=True, eq=False)
class _Spread:
    """The order of a trial: positions of its shards are examples from all over the run."""

    numbers: Ints

    def examples(self, _: Examples, shard: Shard) -> tuple[Ints, Ints]:
        """Those of a shard, drawn by their own numbers."""
        numbers = np.sort(self.numbers[shard.start : shard.stop])
        return numbers, numbers


def _spread(missing: list[Shard]) -> Ints:
    """Examples of the missing shards, of which the first so many are from all over them, too.

    >>> _spread([Shard(1, 10, 15), Shard(3, 30, 35)]).tolist()
    [10, 32, 14, 11, 33, 30, 12, 34, 31, 13]
    """
    ends = np.cumsum([shard.num_examples for shard in missing], dtype=np.int64)
    if not ends.size:
        return ends
    places = all_over(int(ends[-1]), MOST_TRIED)
    which = np.searchsorted(ends, places, side="right")
    # From a place among all examples of these shards to the example that stands there.
    shift = np.array([shard.stop for shard in missing], np.int64) - ends
    numbers: Ints = places + shift[which]
    return numbers
