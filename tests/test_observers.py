"""Who looks on while pictures are made: what observers are told, and what they tell loggers."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from drawing import SANS

import shmtext
from shmtext import LoggingObserver, Observer, Progress, RunConfig, Style
from shmtext.errors import ConfigError

START = Progress(
    num_examples=1_000, num_done=0, num_resumed=0, num_skipped=0, num_failed=0, elapsed_s=0.0
)
CONFIG = RunConfig(style=Style(fonts=(SANS,)), max_images=30)


@dataclass
class Seen:
    """An observer as a user writes it."""

    notes: list[str] = field(default_factory=list)
    moments: list[Progress] = field(default_factory=list)

    def note(self, line: str) -> None:
        self.notes.append(line)

    def progress(self, progress: Progress) -> None:
        self.moments.append(progress)


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int, str]]:
    return caplog.record_tuples


@pytest.fixture(autouse=True)
def all_levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_whatever_makes_pictures_takes_an_observer(tmp_path: Path) -> None:
    out, parts = tmp_path / "out", tmp_path / "parts"
    seen = [Seen() for _ in range(5)]
    observers: list[Observer] = [*seen]
    shmtext.render(CONFIG, out, 1, "serial", observer=observers[0])
    shmtext.render_part(CONFIG, parts, "0/1", 1, "serial", observer=observers[1])
    shmtext.join(parts, observer=observers[2])
    shmtext.export(out, "jsonl", tmp_path / "jsonl", observer=observers[3])
    with shmtext.Renderer(CONFIG, 1, "serial", observer=observers[4]) as renderer:
        renderer.render(tmp_path / "again")

    for each in seen:
        assert (30, 30) == (each.moments[-1].num_done, each.moments[-1].num_examples)


def test_observers_are_told_what_is_unusual(tmp_path: Path) -> None:
    (tmp_path / "bad.ttf").write_bytes(b"no font")
    style = Style(fonts=(SANS, tmp_path / "bad.ttf"), skip_bad_fonts=True)
    seen, of_stream = Seen(), Seen()
    config = replace(CONFIG, style=style)
    shmtext.render(config, tmp_path / "out", observer=seen)
    with shmtext.stream(config, batch_size=4, workers=0, observer=of_stream) as stream:
        next(iter(stream))

    for each in (seen, of_stream):
        (note,) = each.notes
        assert "bad.ttf" in note


def test_what_an_observer_raises_ends_the_run_which_goes_on_when_it_is_begun_again(
    tmp_path: Path,
) -> None:
    class Raising(Seen):
        def progress(self, progress: Progress) -> None:
            raise ZeroDivisionError(progress)

    with pytest.raises(ZeroDivisionError):
        shmtext.render(CONFIG, tmp_path, observer=Raising())
    assert 30 == shmtext.render(CONFIG, tmp_path).num_images


def test_progress_is_a_line_for_people() -> None:
    at = replace(START, num_done=200, num_resumed=100, elapsed_s=2.0)

    assert "200 of 1,000, 50 images/s, 16 s left" == str(at)
    assert str(at) + ", 3 skipped, 1 failed" == str(replace(at, num_skipped=3, num_failed=1))
    assert "0 of 1,000, 0 images/s" == str(START)


def test_progress_is_logged_when_it_is_due_and_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    observer = LoggingObserver(every_s=10)
    moments = [0.1, 9.9, 10.0, 11.0, 19.9, 20.5, 21.0]
    for elapsed_s in moments:
        observer.progress(replace(START, num_done=int(elapsed_s), elapsed_s=elapsed_s))
    for elapsed_s in (22.0, 22.5, 40.0):
        observer.progress(replace(START, num_done=1_000, elapsed_s=elapsed_s))

    assert ["10", "20", "1,000"] == [line.split()[0] for _, _, line in lines(caplog)]
    assert {("shmtext", logging.INFO)} == {(name, level) for name, level, _ in lines(caplog)}


def test_one_observer_sees_a_run_after_the_other(caplog: pytest.LogCaptureFixture) -> None:
    observer = LoggingObserver(every_s=10)
    for _ in range(2):
        for elapsed_s in (5.0, 12.0, 13.0):
            observer.progress(replace(START, num_done=int(elapsed_s), elapsed_s=elapsed_s))

    assert ["12", "12"] == [line.split()[0] for _, _, line in lines(caplog)]


def test_notes_are_warnings_of_the_logger_given_and_are_no_templates(
    caplog: pytest.LogCaptureFixture,
) -> None:
    LoggingObserver(logging.getLogger("mine")).note("100 %s of it")

    assert [("mine", logging.WARNING, "100 %s of it")] == lines(caplog)


def test_a_stream_that_nobody_observes_logs_its_notes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "bad.ttf").write_bytes(b"no font")
    style = Style(fonts=(SANS, tmp_path / "bad.ttf"), skip_bad_fonts=True)
    with shmtext.stream(replace(CONFIG, style=style), batch_size=4, workers=0) as stream:
        next(iter(stream))

    ((name, level, line),) = lines(caplog)
    assert ("shmtext", logging.WARNING) == (name, level)
    assert "bad.ttf" in line


@pytest.mark.parametrize("every_s", [-1, float("nan")])
def test_seconds_between_lines_are_not_below_zero(every_s: float) -> None:
    with pytest.raises(ConfigError, match="every_s must be 0 seconds or more"):
        LoggingObserver(every_s=every_s)
