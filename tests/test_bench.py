"""The benchmarks' own arithmetic and bookkeeping. How fast anything is, is no test's business."""

from __future__ import annotations

import doctest
import importlib
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from inspect import getattr_static
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bench import (
    asking,
    containers,
    disks,
    fresh,
    gallery,
    measure,
    peers,
    rows,
    stages,
    stream,
    timed,
    work,
)
from bench.__main__ import QUESTIONS, main
from bench.corpus_size import images_for
from bench.looks_beside import TRANSFORMS, transform_of
from bench.places import FONT_FOLDER, ROOT, environment
from bench.scaling import saturated
from bench.seed_program import Look, TextGenerator, TextPlan
from bench.systems import SYSTEMS
from shmtext.config import config_from_options, load_toml
from shmtext.config.fields import settings_of
from shmtext.config.looks import CLEAN
from shmtext.config.ranges import Range
from shmtext.dataset.containers import CONTAINERS
from shmtext.looks.effect import Effect
from shmtext.looks.noise import Noise
from shmtext.looks.registry import BY_NAME, EFFECTS

BURNS_THEN_WAITS = """
import sys, time
while time.process_time() < 0.2:
    pass
print(time.process_time(), flush=True)
sys.stdin.read()
"""

WAITS_THEN_BURNS = """
import sys, time
print(flush=True)
sys.stdin.readline()
begin_s = time.process_time()
while time.process_time() < begin_s + 0.2:
    pass
print(time.process_time() - begin_s, flush=True)
sys.stdin.read()
"""


# -- asking -------------------------------------------------------------------------------------


def test_without_a_name_every_question_is_listed() -> None:
    result = CliRunner().invoke(main, [])

    assert 0 == result.exit_code
    for name in QUESTIONS:
        module = importlib.import_module(f"bench.{name.replace('-', '_')}")
        assert any(
            line.split(maxsplit=1) == [name, module.QUESTION] for line in result.output.splitlines()
        )


def test_listing_works_as_a_module_from_the_checkout() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert len(QUESTIONS) <= len(done.stdout.splitlines())


def test_an_answer_keeps_its_rows_with_their_conditions(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["settings", "--quick", "--out", str(tmp_path)])

    assert result.exception is None
    kept = pq.read_table(tmp_path / "settings.parquet").to_pylist()
    assert 6 == len(kept)
    for row in kept:
        assert row["images_per_s_min"] <= row["images_per_s"] <= row["images_per_s_max"]
        assert row["host"]
        assert "numpy" in json.loads(row["versions"])
        assert row["command"].startswith("python -m bench")
    assert (find_spec("matplotlib") is not None) == (tmp_path / "settings.png").exists()


def test_looks_are_measured_by_effect_and_by_preset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = {name: BY_NAME[name] for name in ("rotation", "blur", "photograph")}
    monkeypatch.setattr("bench.looks.BY_NAME", some)
    monkeypatch.setattr("bench.looks.look_names", lambda: [CLEAN, "photo", "screen"])
    result = CliRunner().invoke(main, ["looks", "--quick", "--out", str(tmp_path)])

    assert result.exception is None
    effects, presets = (
        pq.read_table(tmp_path / f"{name}.parquet").to_pylist()
        for name in ("looks", "looks-presets")
    )
    both = ("gray", "rgb")
    assert [(name, mode) for mode in both for name in some] == [
        (row["effect"], row["mode"]) for row in effects
    ]
    looked = ["plain", "photo", "screen"]
    assert [(name, mode) for mode in both for name in looked] == [
        (row["look"], row["mode"]) for row in presets
    ]
    assert all(row["over_plain"] == 1 for row in presets if row["look"] == "plain")
    assert "albumentations is not there" in result.output


@contextmanager
def _folder_for_ext4(above: Path, *, has_journal: bool) -> Iterator[Path]:
    home = above / f"journal-{has_journal}"
    home.mkdir()
    yield home


def test_containers_are_measured_in_memory_and_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disks, "fresh_ext4", _folder_for_ext4)
    out = str(tmp_path / "out")
    arguments = ["containers", "--quick", "--out", out, "--disk", str(tmp_path)]
    result = CliRunner().invoke(main, arguments)

    assert result.exception is None
    in_memory, on_disk = (
        pq.read_table(f"{out}/{name}.parquet").to_pylist()
        for name in ("containers", "containers-disk")
    )
    assert [containers.NOTHING, containers.JOINED, *CONTAINERS] == [
        row["container"] for row in in_memory
    ]
    stored = {row["container"]: row["bytes_per_image"] for row in in_memory}
    assert 0 == stored[containers.NOTHING]
    assert stored[containers.JOINED] == stored["files"] < stored["parquet"] < stored["tar"]
    assert [(deleted, name) for deleted in (0, 400) for name in containers.ON_DISK] == [
        (row["num_deleted"], row["container"]) for row in on_disk
    ]


def test_where_nothing_can_be_mounted_the_rest_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    arguments = ["containers", "--quick", "--out", str(tmp_path), "--disk", str(tmp_path)]
    result = CliRunner().invoke(main, arguments)

    assert result.exception is None
    assert "could be made and mounted here (there is no mkfs.ext4)" in result.output
    kept = {path.name for path in tmp_path.iterdir()} - {"containers.png"}
    assert {"containers.parquet"} == kept


def test_a_stream_is_measured_without_the_loaders_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "find_spec", lambda _name: None)
    result = CliRunner().invoke(main, ["stream", "--quick", "--out", str(tmp_path)])

    assert result.exception is None
    kept, aims = (
        pq.read_table(tmp_path / f"{name}.parquet").to_pylist()
        for name in ("stream", "stream-aims")
    )
    ways = [stream.ALONE, *stream.STREAMS]
    assert [(stream.ONE_FACE, way) for way in ways] == [
        (row["pictures"], row["way"]) for row in kept
    ]
    for row in kept:
        assert (0 == row["workers_us"]) == (row["way"] in {stream.ALONE, stream.NO_WORKER})
        assert 0 < row["loop_us"]
        assert (row["way"] != stream.ONE) or 1 == row["over_one"] == row["rate_over_one"]
    assert 4 == len(aims)
    for aim in aims:
        least, at = aim["to_reach"].split()[1:]
        bound = float(at.replace(",", ""))
        reached = aim["found"] >= bound if least == "least" else aim["found"] <= bound
        assert reached == aim["is_reached"]
    assert "Left out, what others load with: this needs torch, webdataset" in result.output


def test_a_stream_is_watched_from_one_batch_that_was_waited_for_to_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = [0]
    monkeypatch.setattr(stream, "time", SimpleNamespace(perf_counter=lambda: now_s[0]))

    def bursts() -> Iterator[Any]:
        while True:
            now_s[0] += 5
            yield from [np.zeros((10, 1, 1), np.uint8)] * 4

    batches = bursts()

    assert 10 == stream._loop(batches, 0)
    assert 40 == stream._loop(batches, 1)
    assert 120 == stream._loop(batches, 11)


def test_each_effect_that_albumentations_is_like_has_its_transform() -> None:
    assert {*TRANSFORMS} <= {*BY_NAME}
    for effect in BY_NAME.values():
        if effect.name() in TRANSFORMS:
            name, arguments = transform_of(effect())
            assert name.isidentifier()
            assert 1 == json.loads(json.dumps(arguments))["p"]


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.name())
def test_the_gallery_has_little_and_much_of_each_effect(effect: type[Effect]) -> None:
    given = effect()
    for level in gallery.LEVELS:
        shown = gallery.at_level(given, level)
        for name in settings_of(effect):
            value, before = getattr(shown, name), getattr(given, name)
            assert (value.low == value.high) if isinstance(value, Range) else value == before


def test_the_gallery_is_the_same_every_time(tmp_path: Path) -> None:
    one, other = (gallery._of_effect(Noise, tmp_path) for _ in range(2))

    assert one.tobytes() == other.tobytes()
    assert 10 < len(one.getcolors(1_000) or ())


@pytest.mark.parametrize(
    "name", ["measure", "rows", "work", "corpus_size", "scaling", "fresh", "places", "plots"]
)
def test_examples_in_docstrings_are_true(name: str) -> None:
    assert 0 == doctest.testmod(importlib.import_module(f"bench.{name}")).failed


# -- measuring ----------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1e9), min_size=1))
def test_a_spread_holds_its_median(values: list[float]) -> None:
    found = measure.spread(values)

    assert min(values) == found.low <= found.median <= found.high == max(values)
    assert len(values) == found.num_repeats


def test_ratios_are_of_the_same_round() -> None:
    assert measure.Spread(2.0, 2.0, 2.0, 3) == measure.ratios([2, 20, 200], [1, 10, 100])


def test_interleaved_cases_take_turns_at_being_first() -> None:
    calls: list[str] = []
    cases = {name: (lambda name=name: calls.append(name)) for name in "abc"}

    measure.interleave(cases, num_rounds=3, num_warm_ups=0)

    assert ["abc", "bca", "cab"] == ["".join(calls[i : i + 3]) for i in (0, 3, 6)]


def test_warm_up_rounds_are_called_and_forgotten() -> None:
    calls = Counter[str]()

    def case() -> int:
        calls["case"] += 1
        return calls["case"]

    assert {"case": [3, 4]} == measure.interleave({"case": case}, num_rounds=2, num_warm_ups=2)


def test_cpu_time_of_a_child_is_told_apart_from_ones_own() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITS_THEN_BURNS], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        child.stdout.readline()
        watching = measure.WatchingApart()
        child.stdin.write(b"\n")
        child.stdin.flush()
        burnt_s = float(child.stdout.readline())
        cost = watching.cost()

    assert 0.2 <= burnt_s <= cost.children_cpu_s
    assert cost.own_cpu_s <= cost.wall_s


def test_cpu_time_of_a_child_counts_while_it_lives_and_after_its_end() -> None:
    before_s = measure.tree_cpu_s()
    with subprocess.Popen(
        [sys.executable, "-c", BURNS_THEN_WAITS], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        burnt_s = float(child.stdout.readline())
        alive_s = measure.tree_cpu_s() - before_s
    ended_s = measure.tree_cpu_s() - before_s

    assert burnt_s <= alive_s
    # A child that has ended is counted in microseconds, a live one in nanoseconds.
    assert alive_s - 1e-4 <= ended_s


def test_memory_is_that_of_this_process_and_its_children() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BURNS_THEN_WAITS], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        found = measure.tree_memory()

    roles = Counter(each.role for each in found)
    assert 1 == roles["main"]
    assert 1 <= roles["worker"]
    assert all(0 < each.uss_bytes <= each.pss_bytes for each in found)


def test_the_peak_of_memory_is_looked_at_even_in_an_instant() -> None:
    with measure.memory_peak() as peak:
        pass

    assert 1 <= peak.num_looks
    assert 0 < peak.pss_bytes


# -- rows ---------------------------------------------------------------------------------------


def test_tables_are_markdown_of_even_lines() -> None:
    lines = rows.table(["what", "us"], [["raster", 4.25], ["a long name", 12_345]]).splitlines()

    assert 1 == len({len(line) for line in lines})
    assert {"|"} == {line[0] for line in lines} | {line[-1] for line in lines}


# -- what is measured ----------------------------------------------------------------------------


def test_options_written_as_toml_are_read_as_the_same_config(tmp_path: Path) -> None:
    options = work.twelve_faces(1_000, mode="rgb")
    path = tmp_path / "run.toml"
    path.write_text(work.toml(options), encoding="utf-8")

    assert config_from_options(options) == config_from_options(load_toml(path))


def test_the_standard_run_mixes_twelve_faces() -> None:
    style = config_from_options(work.twelve_faces(1_000)).style

    assert 12 == len(style.fonts) * len(style.font_sizes)


def test_floor_and_loop_make_the_same_number_of_pictures(tmp_path: Path) -> None:
    bench = stages.Bench.of(work.twelve_faces(200), tmp_path / "bench")

    assert bench.floor().num_images == bench.loop(is_timed=False).num_images
    assert [] == list((tmp_path / "bench").iterdir())


def test_every_stage_of_a_run_is_timed_and_put_back(tmp_path: Path) -> None:
    before = {stage: getattr_static(*place) for stage, place in stages.STAGES.items()}
    loop = stages.Bench.of(work.twelve_faces(200), tmp_path / "bench").loop(is_timed=True)

    assert loop.stopwatch is not None
    assert set(stages.STAGES) - {"alone"} <= set(loop.stopwatch.cpu_s)
    assert before == {stage: getattr_static(*place) for stage, place in stages.STAGES.items()}


def test_time_counts_for_the_innermost_stage_and_all_of_it_for_some_stage() -> None:
    class Work:
        def outer(self) -> int:
            return self.inner() + sum(self.numbers())

        def inner(self) -> int:
            return 1

        def numbers(self) -> Iterator[int]:
            yield self.inner()
            yield 2

    places: dict[str, timed.Place] = {name: (Work, name) for name in ("outer", "inner", "numbers")}
    begin_s = time.perf_counter()
    with timed.timing(places) as stopwatch:
        assert 4 == Work().outer()
    passed_s = time.perf_counter() - begin_s

    assert {timed.OTHER, "outer", "inner", "numbers"} == set(stopwatch.wall_s)
    assert 0 < sum(stopwatch.wall_s.values()) <= passed_s
    # Into and out of: outer, inner, three nexts of numbers with one inner in them; and the stop.
    assert 2 * (1 + 1 + 3 + 1) + 1 == stopwatch.num_turns


@pytest.mark.parametrize(
    ("busy", "growth", "others", "named"),
    [
        (0.98, 1.0, 0.0, "cores are saturated"),
        (0.98, 1.5, 0.0, "what cores share"),
        (0.5, 1.0, 0.0, "storage"),
        (0.5, 1.0, 0.5, "other processes"),
    ],
)
def test_what_saturates_is_named(busy: float, growth: float, others: float, named: str) -> None:
    assert named in saturated(busy, growth, others)


@given(st.sampled_from(sorted(SYSTEMS)), st.integers(1, 10**7), st.integers(1, 10_000))
def test_only_the_process_pool_is_given_fewer_images_than_there_are_texts_for(
    system: str, frequency: int, num_images: int
) -> None:
    given = images_for(system, frequency, num_images)

    assert 1 <= given <= num_images
    if system != "processes":
        assert images_for("threads", frequency, num_images) == given


def _trial(system: str, frequency: int) -> dict[str, Any]:
    found: dict[str, Any] = fresh.call(
        "bench.systems:trial",
        system=system,
        frequency=frequency,
        images=[15],
        num_memory_images=15,
        num_workers=2,
    )
    return found


@pytest.mark.parametrize("system", sorted(SYSTEMS))
def test_every_system_renders_what_it_is_asked_for(system: str) -> None:
    assert 15 == _trial(system, frequency=100)["timed"][0]["num_images"]


def test_a_bound_method_takes_the_corpus_along_and_a_position_does_not() -> None:
    small, large = (_trial("processes", frequency)["task_bytes"] for frequency in (100, 1_000))
    position = _trial("files", 1_000)["task_bytes"]

    assert 5 * small < large
    assert position < 1_000


def test_the_seed_program_takes_every_character_equally_often(tmp_path: Path) -> None:
    look = Look(fonts=(str(FONT_FOLDER / "DejaVuSans.ttf"),))
    generator = TextGenerator(TextPlan(50), look, tmp_path, ThreadPoolExecutor)
    generator.make_text("abc", "1")
    found = Counter("".join(generator.examples))

    # What is left over at the end is shorter than the shortest example.
    assert 6 * 50 - 5 < sum(found.values()) <= 6 * 50
    assert all(count <= 50 for character, count in found.items() if character != " ")


@pytest.mark.skipif(find_spec("neots") is not None, reason="the peer is installed here")
def test_a_peer_that_is_not_installed_is_said_to_be_missing(tmp_path: Path) -> None:
    found = peers._peer(Path(sys.executable), "neots", "png rgb", ["text"], tmp_path)

    assert "not importable" in found.missing


def test_a_function_in_a_fresh_process_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match="no attribute 'nothing'"):
        fresh.call("bench.places:nothing")


def test_the_checkout_is_importable_in_processes_that_are_started() -> None:
    assert str(ROOT) == environment()["PYTHONPATH"].split(":")[0]
