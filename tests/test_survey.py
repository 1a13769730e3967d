"""All rows of a run counted at once are what plain Python counts of them one by one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from dataset_runs import PLAN, RECORD, drawn_of, is_skipped, render_run, render_shard, text

from shmtext.dataset.committed import open_committed
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.record import write_record
from shmtext.dataset.survey import EXAMPLES_OF_KIND, Survey, survey


def survey_of(out: Path) -> Survey:
    with open_committed(out) as run:
        return survey(run)


def write_run(out: Path, shards: tuple[int, ...] | None = None) -> None:
    with OutputFolder.open(out, create=True) as folder:
        write_record(folder, RECORD)
        if shards is None:
            render_run(folder)
        for shard in shards or ():
            render_shard(folder, shard)


def assert_counts_are_of(found: Survey, drawn: list[int]) -> None:
    texts = [text(index) for index in drawn]
    assert len(drawn) == found.num_rows
    assert Counter(map(len, texts)) == found.lengths
    characters = Counter("".join(texts))
    (there,) = np.nonzero(found.code_points)
    assert characters == {chr(code): found.code_points[code] for code in there.tolist()}
    assert {"width_px": Counter(index % 300 + 1 for index in drawn)} == found.numbers
    fonts = Counter(("Sans.ttf", "Mono.ttf")[index % 2] for index in drawn)
    assert {"font": fonts} == found.words


def test_counts_are_those_of_each_row(tmp_path: Path) -> None:
    write_run(tmp_path)
    found = survey_of(tmp_path)
    assert_counts_are_of(found, [index for index in range(400) if not is_skipped(index)])
    assert () == found.damages


def test_a_run_under_way_is_counted_as_far_as_it_is(tmp_path: Path) -> None:
    write_run(tmp_path, shards=(2, 0))
    drawn = [*drawn_of(PLAN.shard(0)), *drawn_of(PLAN.shard(2))]
    assert_counts_are_of(survey_of(tmp_path), drawn)


def test_a_run_of_which_nothing_is_committed_has_no_counts(tmp_path: Path) -> None:
    write_run(tmp_path, shards=())
    found = survey_of(tmp_path)
    assert_counts_are_of(found, [])
    assert () == found.lost


def test_a_damaged_shard_is_told_and_the_others_are_counted(tmp_path: Path) -> None:
    write_run(tmp_path)
    fragment = tmp_path / "fragments/00001.parquet"
    fragment.write_bytes(fragment.read_bytes()[:-1])
    found = survey_of(tmp_path)
    assert_counts_are_of(found, [*drawn_of(PLAN.shard(0)), *drawn_of(PLAN.shard(2))])
    (damage,) = found.damages
    assert "fragments/00001.parquet" in damage


def test_reasons_are_counted_by_kind_with_the_first_examples_of_each(tmp_path: Path) -> None:
    write_run(tmp_path)
    failed, skipped = survey_of(tmp_path).lost
    assert (True, False) == (failed.failed, skipped.failed)
    for found, remainder in ((failed, 0), (skipped, 1)):
        lost = [each for each in range(400) if is_skipped(each) and each % 2 == remainder]
        assert len(lost) == found.reason.num_examples
        assert "no font covers it" == found.reason.reason
        assert lost[:EXAMPLES_OF_KIND] == [each.example_index for each in found.examples]
        assert [text(each) for each in lost[:EXAMPLES_OF_KIND]] == [
            each.text for each in found.examples
        ]
