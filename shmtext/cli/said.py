"""What runs came to: in words, or as programs read it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from shmtext.cli.as_json import say_json
from shmtext.cli.printing import complain, say
from shmtext.errors import ExitCode

if TYPE_CHECKING:
    from shmtext.dataset.check import Report
    from shmtext.dataset.places import RunPlace
    from shmtext.engine.characters import CharacterSummary
    from shmtext.engine.dry_run import DryRun
    from shmtext.engine.export import ExportSummary
    from shmtext.engine.inspect import RunStatus
    from shmtext.engine.run import PartSummary, RunSummary

MOST_AT_ONCE = 100_000
"""Pictures that Hugging Face's library loads in a minute: its imagefolder looks at every file
first, others copy all of them into its cache, unless they are streamed."""
MAX_HOLDERS = 8
"""Processes that are named, of those that write to a folder."""
MOST_TEXT = 40
"""Characters of a text that is named."""
MANY_SKIPPED = 0.1
"""Share of examples from which on it is said why they were skipped."""


Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Manner:
    """How it is said what a command came to."""

    as_json: bool
    quiet: bool = False

    def say(self, value: Value, in_words: Callable[[Value], None]) -> None:
        """Print it on standard output, if at all."""
        if self.as_json:
            say_json(value)
        elif not self.quiet:
            in_words(value)


def exit_code(summary: RunSummary) -> ExitCode:
    """Return what a run ends with that got to its end."""
    is_all_well = summary.num_images and not summary.num_failed
    return ExitCode.DONE if is_all_well else ExitCode.FAILED_EXAMPLES


def print_summary(summary: RunSummary) -> None:
    """Print what a whole run came to."""
    if summary.num_rendered == 0 and summary.num_images:
        say(f"{summary.folder} is complete: {summary.num_images:,} images were there already")
    else:
        say(
            f"{summary.num_images:,} images ({summary.image_bytes / 1e6:,.1f} MB) in "
            f"{summary.folder}; {summary.num_rendered:,} rendered in {summary.elapsed_s:.1f} s, "
            f"{summary.images_per_s:,.0f} images/s"
        )
    if summary.characters is not None:
        _print_characters(summary.characters, summary.folder)
    _print_lost(summary)


def print_joined(summary: RunSummary) -> None:
    """Print what joined parts came to."""
    say(
        f"{summary.num_images:,} images ({summary.image_bytes / 1e6:,.1f} MB) in {summary.folder}, "
        f"joined in {summary.elapsed_s:.1f} s"
    )
    _print_lost(summary)


def print_part(summary: PartSummary) -> None:
    """Print what a part of one came to, and what is to be done when all are there."""
    say(
        f"part {summary.part}: {summary.num_images:,} images ({summary.image_bytes / 1e6:,.1f} MB) "
        f"in {summary.num_shards:,} of the {summary.num_run_shards:,} shards of {summary.folder}; "
        f"{summary.num_rendered:,} rendered in {summary.elapsed_s:.1f} s, "
        f"{summary.images_per_s:,.0f} images/s"
    )
    if summary.num_skipped:
        say(f"{summary.num_skipped:,} skipped")
    if summary.num_failed:
        say(f"{summary.num_failed:,} failed")
    say(f"when all parts are done: shmtext join {shlex.quote(str(summary.folder))}")


def print_dry_run(found: DryRun) -> None:
    """Print what a run would come to."""
    of_part = f"part {found.part} of it: " if found.part is not None else ""
    say(f"dry run, nothing is made in {found.folder}")
    if found.holders:
        say(f"in use:    {_some(found.holders)}")
    say(f"run:       {of_part}{found.num_examples:,} examples in {found.num_shards:,} shards")
    if found.num_committed_shards:
        say(
            f"there:     {found.num_committed_shards:,} shards, {found.num_missing:,} examples are "
            "missing"
        )
    if not found.num_missing:
        return
    from shmtext.dataset.skipped import commonest  # noqa: PLC0415 - takes long

    say(f"skipped:   {found.num_skipped:,}")
    for line in commonest(found.skip_reasons):
        say(f"  {line}")
    mean_bytes = found.image_bytes / max(found.num_images, 1)
    say(
        f"pictures:  about {found.num_images:,}, {found.image_bytes / 1e6:,.1f} MB "
        f"({mean_bytes:,.0f} bytes each)"
    )
    say(f"room:      about {_room(found.device_bytes, found.num_files)}")
    if found.free_bytes is not None:
        say(f"free:      {_room(found.free_bytes, found.free_files)}")
    workers = f"{found.num_workers:,} workers" if found.num_workers > 1 else "1 worker"
    say(
        f"time:      about {_duration(found.expected_s)} with {workers}, "
        f"{found.images_per_s:,.0f} images/s (by {found.num_tried:,} examples, tried in "
        f"{found.trial_s:.1f} s)"
    )
    if found.trial_reasons:
        say("of these, without a picture, as was found when they were drawn:")
        for line in commonest(found.trial_reasons):
            say(f"  {line}")


def _room(num_bytes: int, num_files: int | None) -> str:
    files = f" in {num_files:,} files" if num_files is not None else ""
    return f"{num_bytes / 1e6:,.1f} MB{files}"


def _duration(seconds: float) -> str:
    """As people say it.

    >>> [_duration(each) for each in (0.4, 89, 5_000, 200_000)]
    ['0.4 s', '89 s', '83 min', '56 h']
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 2 * 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3_600 else f"{seconds / 3_600:,.0f} h"


def _print_lost(summary: RunSummary) -> None:
    """Print what has no picture, or took long, and how to load the rest."""
    if summary.num_alone:
        say(f"{summary.num_alone:,} of them drawn one at a time, as no batch is exact for them")
    if summary.num_skipped:
        say(f"{summary.num_skipped:,} skipped: see {summary.folder / 'skipped.parquet'}")
    if summary.num_failed:
        say(f"{summary.num_failed:,} failed: see {summary.folder / 'skipped.parquet'}")
    num_lost = summary.num_skipped + summary.num_failed
    if num_lost > MANY_SKIPPED * (summary.num_images + num_lost):
        print_reasons(summary.folder)
    if summary.num_images == 0:
        return
    labels = " and labels.csv" if summary.has_csv else ""
    say(f"labels: {summary.folder / 'metadata.parquet'}{labels}")
    say(f"load: {loading(summary)}")


def _print_characters(characters: CharacterSummary, folder: RunPlace) -> None:
    total, at_least = characters.num_characters, characters.at_least
    say(
        f"{characters.num_after:,} of {total:,} characters occur {at_least:,} times or more, "
        f"{characters.num_before:,} without the {characters.num_added:,} texts taken again"
    )
    rarest = (f"{each!r} {before:,} → {after:,}" for each, before, after in characters.rarest)
    say(f"rarest: {', '.join(rarest)}; all are in {folder / 'characters.csv'}")


def print_export(summary: ExportSummary) -> None:
    """Print what an export came to."""
    num_images = sum(summary.num_images.values())
    if summary.num_written == 0 and num_images:
        say(f"{summary.folder} is complete: {num_images:,} images were there already")
    else:
        say(
            f"{num_images:,} images ({summary.image_bytes / 1e6:,.1f} MB) as {summary.to} in "
            f"{summary.folder}, in {summary.elapsed_s:.1f} s"
        )
    if len(summary.num_images) > 1:
        say(", ".join(f"{split}: {count:,}" for split, count in summary.num_images.items()))
    for reason, count in summary.left_out.items():
        say(f"{count:,} left out, whose text {reason}: see {summary.folder / 'left_out.jsonl'}")
    for each in summary.first_left_out:
        say(f"  example {each.example_index}: {each.text[:MOST_TEXT]!r}")
    if summary.num_escaped:
        say(f"{summary.num_escaped:,} texts are written with backslashes (\\\\, \\t, \\n, \\r)")
    if num_images == 0:
        return
    for note in summary.notes:
        say(f"note: {note}")
    for line in summary.loading:
        say(f"load: {line}")


def loading(summary: RunSummary) -> str:
    """Return what loads a run of this kind and size; any name of a folder can be pasted."""
    folder, images = repr(str(summary.folder)), repr(str(summary.folder / "images"))
    if not isinstance(summary.folder, Path):
        return f"shmtext.open({folder})"
    loader = {"parquet": "parquet", "tar": "webdataset", "tar+json": "webdataset"}
    if summary.container in loader:
        streaming = ", streaming=True" if summary.num_images > MOST_AT_ONCE else ""
        return f"datasets.load_dataset('{loader[summary.container]}', data_dir={images}{streaming})"
    if summary.num_images <= MOST_AT_ONCE:
        return f"datasets.load_dataset('imagefolder', data_dir={folder})"
    return (
        f"shmtext.open({folder}), or elsewhere after shmtext.export({folder}, 'hf-parquet', DEST)"
    )


def print_reasons(folder: RunPlace) -> None:
    """Print the commonest reasons why examples have no picture."""
    from shmtext.engine.inspect import commonest_reasons  # noqa: PLC0415 - takes long

    for line in commonest_reasons(folder):
        say(f"  {line}")


def print_status(status: RunStatus) -> None:
    """Print how far a run is."""
    if status.holders:
        state = f"running ({_some(status.holders)})"
    elif status.finished:
        state = "finished"
    elif status.num_committed_shards == status.num_shards:
        state = "all shards are there: run shmtext join, or the same command, for the label table"
    elif isinstance(status.folder, Path):
        state = "interrupted: run the same command to continue"
    else:
        state = "not finished: run the same command to continue (who is at work, no bucket tells)"
    say(f"{status.folder}: {state}")
    say(
        f"committed: {status.num_images:,} images ({status.image_bytes / 1e6:,.1f} MB) in "
        f"{status.num_committed_shards:,} of {status.num_shards:,} shards"
    )
    say(f"missing:   {status.num_missing:,} of {status.num_examples:,} examples")
    say(f"skipped:   {status.num_skipped:,}")
    say(f"failed:    {status.num_failed:,}")
    if status.finished and status.num_images == 0:
        print_reasons(status.folder)
    say(f"rate:      {status.images_per_s:,.0f} images/s")
    for damage in status.damages:
        say(f"damaged:   {damage}")


def _some(holders: Sequence[str]) -> str:
    num_more = len(holders) - MAX_HOLDERS
    more = f", {num_more:,} more" if num_more > 0 else ""
    return f"{', '.join(holders[:MAX_HOLDERS])}{more}"


def print_report(report: Report, out: Path) -> None:
    """Print what a check of ``out`` found."""
    for damage in report.damages:
        shard = f"shard {damage.shard}: " if damage.shard is not None else ""
        say(f"damaged: {shard}{damage}")
    if report.whole:
        say(f"{out} is whole: {report.num_whole:,} shards")
        return
    if report.missing:
        say(f"missing: {len(report.missing):,} of {report.num_shards:,} shards")


def complain_of_nothing(summary: RunSummary) -> None:
    """Say what to do about a run without a picture."""
    if summary.num_images == 0:
        complain("nothing could be drawn: see the reasons, and give other fonts or other texts")


def complain_of_dry_run(found: DryRun) -> ExitCode:
    """Say why the run would not come to its end; return what it would end with, if it does so."""
    if not found.fits:
        complain(
            f"the device has no room for that: {_room(found.device_bytes, found.num_files)} are "
            f"needed, {_room(found.free_bytes or 0, found.free_files)} are free"
        )
        return ExitCode.STOPPED
    if found.num_missing and not found.num_images:
        complain("nothing can be drawn: see the reasons, and give other fonts or other texts")
        return ExitCode.FAILED_EXAMPLES
    return ExitCode.DONE


def complain_of_no_export(summary: ExportSummary) -> None:
    """Say what to do about an export without a picture."""
    if not any(summary.num_images.values()):
        complain("no picture was exported: give a run that has some, or a format that holds them")


def complain_of_report(report: Report, out: Path) -> None:
    """Say what to do about a run that is not whole."""
    if not report.whole:
        what = "damaged" if report.damages else "not finished"
        complain(f"{out} is {what}: run the same render command again to mend it")
