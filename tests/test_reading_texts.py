"""What becomes of texts between their sources and a run."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import shmtext
from shmtext import Output, Renderer, RunConfig, Source, TextFile, Texts, render
from shmtext.corpus import sources
from shmtext.corpus.ragged import gather_chunks
from shmtext.corpus.reading import corpus_chunks
from shmtext.engine import texts as engine_texts
from shmtext.engine.characters import CharacterSummary
from shmtext.engine.progress import Silent
from shmtext.engine.stop import StopRequest
from shmtext.engine.texts import texts_in_chunks
from shmtext.errors import ConfigError, FolderError, InputError

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def call(texts: list[str], name: str = "a.txt") -> Path:
        path = tmp_path / name
        path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
        return path

    return call


def read(sources: Any, seed: int = 0, **settings: Any) -> list[str]:
    return list(gather_chunks(corpus_chunks(Texts(sources, **settings), seed, None)))


class Notes(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)


def read_by_a_run(config: RunConfig) -> tuple[list[str], list[str]]:
    """A run's texts, and the lines that its observer was told."""
    notes = Notes()
    return list(gather_chunks(texts_in_chunks(config, StopRequest(), notes))), notes.lines


DECOMPOSED = ["e\u0301tude", "ﬁn", "plain"]


@pytest.mark.parametrize("form", ["none", "NFC", "NFKC"])
def test_texts_are_normalised_as_asked_for(write: Write, form: Any) -> None:
    path = write(DECOMPOSED)
    expected = [t if form == "none" else unicodedata.normalize(form, t) for t in DECOMPOSED]

    assert expected == read(path, normalize=form)


def test_a_file_by_itself_is_normalised_as_texts_are(write: Write) -> None:
    path = write(DECOMPOSED)

    assert ["étude", "ﬁn", "plain"] == list(gather_chunks(corpus_chunks(TextFile(path), 0, None)))


def test_balanced_text_is_left_as_it_is_asked_for() -> None:
    letters = "e\u0301"
    corpus = shmtext.BalancedText(letters=letters, numbers="", character_frequency=9, space_freq=0)
    text = "".join(gather_chunks(corpus_chunks(corpus, 0, None)))

    assert [9, 9] == [text.count(letter) for letter in letters]


def test_the_label_is_the_normalised_text(write: Write, tmp_path: Path) -> None:
    render(RunConfig(corpus=TextFile(write(DECOMPOSED))), tmp_path / "out", engine="serial")
    with shmtext.open(tmp_path / "out") as run:
        assert ["étude", "plain"] == [row["text"] for _, row in run if row["text"] != "ﬁn"]
        assert (run.render(0) == run[0].picture).all()


def test_runs_whose_texts_are_normalised_otherwise_are_told_apart(
    write: Write, tmp_path: Path
) -> None:
    path, out = write(DECOMPOSED), tmp_path / "out"
    render(RunConfig(corpus=TextFile(path)), out, engine="serial")
    assert 0 == render(RunConfig(corpus=Texts(path)), out, engine="serial").num_rendered  # type: ignore[arg-type]

    with pytest.raises(FolderError, match=r'corpus\.normalize: .*"none" asked for'):
        render(RunConfig(corpus=Texts(path, normalize="none")), out, engine="serial")  # type: ignore[arg-type]


def test_texts_of_several_files_come_one_file_after_the_other(write: Write) -> None:
    a, b = write(["1", "2"]), write(["3"], "b.txt")

    assert ["1", "2", "3"] == read([a, b])
    assert ["3", "1", "2"] == read([b, a])


def test_texts_of_files_with_weights_come_in_turns(write: Write) -> None:
    a, b = write(list("abcdef")), write(list("12"), "b.txt")

    assert list("ab1cde2f") == read([Source(TextFile(a), 3), b])


@pytest.mark.parametrize("read_bytes", [1, 7, 2**20])
def test_how_files_are_read_changes_no_text(
    write: Write, monkeypatch: pytest.MonkeyPatch, read_bytes: int
) -> None:
    a, b = write([*DECOMPOSED, "x" * 20]), write(list("1234"), "b.txt")
    asked = [Source(TextFile(a), 1), Source(TextFile(b), 2.5)]
    expected = read(asked)
    monkeypatch.setattr(sources, "_READ_BYTES", read_bytes)

    assert expected == read(asked)


def test_a_source_that_is_missing_is_named_before_any_is_read(write: Write, tmp_path: Path) -> None:
    fifo = tmp_path / "none.txt"
    with pytest.raises(InputError, match=r"cannot read .*none\.txt"):
        corpus_chunks(Texts([write(["a"]), fifo]), 0, None)  # type: ignore[arg-type]
    os.mkfifo(fifo)
    with pytest.raises(InputError, match="no regular file"):
        corpus_chunks(Texts([write(["a"]), fifo]), 0, None)  # type: ignore[arg-type]


def test_reading_that_takes_long_says_how_far_it_is(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = RunConfig(corpus=TextFile(write(["ab", "c"])))
    assert (["ab", "c"], []) == read_by_a_run(config)
    monkeypatch.setattr(engine_texts, "FIRST_NOTE_S", 0)

    _, notes = read_by_a_run(config)
    assert notes == ["reading texts: 2 (0 MB) after 0 s"]


@pytest.mark.parametrize("engine", ["serial", "processes"])
def test_a_run_and_a_stream_have_the_same_texts(write: Write, tmp_path: Path, engine: Any) -> None:
    a, b = write([f"e\u0301{i}" for i in range(30)]), write([f"{i}" for i in range(20)], "b.txt")
    config = RunConfig(
        corpus=Texts([f"{a}=2", f"{b}=1"]),  # type: ignore[arg-type]
        output=Output(csv=False),
    )
    render(config, tmp_path / "out", 1, engine)
    with shmtext.open(tmp_path / "out") as run:
        drawn = [row["text"] for _, row in run]
    with shmtext.stream(config, batch_size=50, size=(32, 128), workers=0, shuffle=False) as stream:
        assert drawn == list(next(iter(stream)).texts)


def test_letters_in_another_case_are_normalised_again(write: Write) -> None:
    path = write(["\u0390"])  # whose capital is three code points, of which two can be one

    assert ["\u03aa\u0301"] == read(path, case="upper")
    assert ["\u0399\u0308\u0301"] == read(path, case="upper", normalize="none")


def test_sources_draw_their_cases_by_themselves(write: Write) -> None:
    a, b = write(["ab"] * 40), write(["ab"] * 40, "b.txt")
    mix = {"case": "keep=0.5,upper=0.5"}

    assert read(a, **mix) == read([a, b], **mix)[:40]
    assert read(a, **mix) != read([a, b], **mix)[40:]
    assert read(a, **mix) != read(a, 1, **mix)


def test_how_many_texts_are_left_out_is_said(write: Write) -> None:
    path = write(["a", "abc", "abcde", "", "abcd"])
    bounds: dict[str, Any] = {"min_text_chars": 2, "max_text_chars": 4}
    texts, notes = read_by_a_run(RunConfig(corpus=Texts(path, **bounds)))  # type: ignore[arg-type]

    assert ["abc", "abcd"] == texts
    assert notes == [
        "of 5 texts that were read, 2 that are shorter and 1 that are longer than asked for are "
        "left out"
    ]


def test_lengths_are_those_of_what_is_drawn(write: Write) -> None:
    path = write(["e\u0301e\u0301", "ﬁ"])

    assert ["éé", "ﬁ"] == read(path, max_text_chars=2)
    assert ["éé", "fi"] == read(path, min_text_chars=2, normalize="NFKC")


@pytest.mark.parametrize("engine", ["serial", "processes"])
def test_a_run_whose_texts_are_all_left_out_is_refused(
    write: Write, tmp_path: Path, engine: Any
) -> None:
    config = RunConfig(corpus=Texts(write(["ab"]), min_text_chars=3))  # type: ignore[arg-type]

    with pytest.raises(InputError, match="all texts are left out: lower min_text_chars"):
        render(config, tmp_path / "out", 1, engine)


def test_a_sample_of_several_files_is_of_all_their_texts_alike(write: Write) -> None:
    a, b = write([f"a{i}" for i in range(900)]), write([f"b{i}" for i in range(100)], "b.txt")
    drawn = read([a, b], sample=200)

    assert 200 == len(set(drawn))
    assert 5 < sum(text.startswith("b") for text in drawn) < 40


@pytest.mark.parametrize("replace", [False, True])
def test_a_sample_of_files_with_weights_is_in_proportion(write: Write, replace: bool) -> None:
    a, b = write([f"a{i}" for i in range(900)]), write([f"b{i}" for i in range(100)], "b.txt")
    drawn = read([a, Source(TextFile(b), 3)], sample=120, replace=replace)

    assert [30, 90] == [sum(text.startswith(name) for text in drawn) for name in "ab"]
    assert (len(set(drawn)) < 120) == replace
    assert drawn != read([a, Source(TextFile(b), 3)], 1, sample=120, replace=replace)


def test_the_others_make_up_for_a_source_that_is_used_up(write: Write) -> None:
    a, b = write([f"a{i}" for i in range(90)]), write(["b0", "b1"], "b.txt")
    drawn = read([a, Source(TextFile(b), 9)], sample=50)

    assert [48, 2] == [sum(text.startswith(name) for text in drawn) for name in "ab"]
    assert [5, 45] == [
        sum(text.startswith(name) for text in read([a, f"{b}=9"], sample=50, replace=True))
        for name in "ab"
    ]


def test_a_sample_of_more_than_there_is_says_so(write: Write) -> None:
    path = write(list("abc"))
    texts, notes = read_by_a_run(RunConfig(corpus=Texts(path, sample=5)))  # type: ignore[arg-type]

    assert ["a", "b", "c"] == sorted(texts)
    assert notes == ["a sample of 5 was asked for, and there are 3 texts"]
    for settings in ({"sample": 5, "replace": True}, {"sample": 2}, {}):
        config = RunConfig(corpus=Texts(path, **settings), max_images=2)  # type: ignore[arg-type]
        assert ([], 2) == (read_by_a_run(config)[1], len(read_by_a_run(config)[0]))


def test_lines_of_words_are_made_of_each_source_by_itself(write: Write) -> None:
    a, b = write(["a1 a2", "a3"] * 9), write(["b1 b2 b3"] * 9, "b.txt")
    made = read([a, b], shuffle_words="3", case="upper")

    assert 9 + 9 == len(made)
    assert all(len({word[0] for word in line.split()}) == 1 for line in made)
    assert all(line.isupper() for line in made)


RARE = [*(["ab"] * 12), "bß", "xa", "x日", "日本", ""]
"""The fonts that come along have no ideographs: two texts, and the blank one, can't be drawn."""


@pytest.mark.parametrize("engine", ["serial", "processes"])
def test_texts_with_rare_characters_are_taken_again(
    write: Write, tmp_path: Path, engine: Any
) -> None:
    config = RunConfig(
        corpus=Texts(write(RARE), min_character_count=10, max_repeats=8)  # type: ignore[arg-type]
    )
    summary = render(config, tmp_path / "out", 1, engine)
    with shmtext.open(tmp_path / "out") as run:
        texts = [row["text"] for _, row in run]

    assert RARE[:14] == texts[:14]
    assert ["bß"] * 7 + ["xa"] * 7 == sorted(texts[14:])
    assert summary.characters == CharacterSummary(
        at_least=10,
        num_characters=4,
        num_before=2,
        num_after=2,
        num_added=14,
        rarest=(("x", 1, 8), ("ß", 1, 8), ("a", 13, 20), ("b", 13, 20)),
    )
    lines = (tmp_path / "out" / "characters.csv").read_text(encoding="utf-8").splitlines()
    assert "character,code_point,without_repeats,with_repeats" == lines[0]
    assert ["a,U+0061,13,20", "b,U+0062,13,20", "x,U+0078,1,8", "ß,U+00DF,1,8"] == lines[1:]
    again = render(config, tmp_path / "out", 1, engine)
    assert (0, summary.digest, summary.characters) == (
        *(again.num_rendered, again.digest, again.characters),
    )
    assert shmtext.verify(tmp_path / "out", checksums=True).whole


def test_a_stream_takes_the_same_texts_again(write: Write, tmp_path: Path) -> None:
    config = RunConfig(corpus=Texts(write(RARE), min_character_count=9))  # type: ignore[arg-type]
    summary = render(config, tmp_path / "out", engine="serial")
    with shmtext.open(tmp_path / "out") as run:
        drawn = [row["text"] for _, row in run]
    with shmtext.stream(
        config, batch_size=summary.num_images, size=(32, 128), workers=0, shuffle=False
    ) as stream:
        assert drawn == list(next(iter(stream)).texts)


def test_max_images_counts_texts_that_are_taken_again(write: Write, tmp_path: Path) -> None:
    corpus = Texts(write(RARE), min_character_count=10)  # type: ignore[arg-type]
    num_texts = len(RARE)
    for num_asked, num_added in ((num_texts + 3, 3), (num_texts, 0)):
        config = RunConfig(corpus=corpus, max_images=num_asked)
        summary = render(config, tmp_path / str(num_asked), engine="serial")
        assert summary.characters is not None
        assert (14 + num_added, num_added) == (summary.num_images, summary.characters.num_added)
    with Renderer(RunConfig(corpus=corpus), engine="serial") as renderer:
        assert renderer.render(tmp_path / "some", 5).characters is None
        assert not (tmp_path / "some" / "characters.csv").exists()


def test_templates_are_sources_as_files_are(write: Write, tmp_path: Path) -> None:
    a = write(["x"] * 6)
    mixed = read([f"{a}=1", "template:3=1:[A-C]-<1..9>"], case="lower")

    assert 9 == len(mixed)
    assert ["x", "x"] == [mixed[0], mixed[2]]
    assert all(text[1] == "-" and text.islower() for text in mixed[1:6:2])
    config = RunConfig(corpus=Texts("template:40:№ <1..9>"))  # type: ignore[arg-type]
    summary = render(config, tmp_path / "out", engine="serial")
    assert 40 == summary.num_images + summary.num_skipped


def test_without_its_library_a_dataset_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(
        ConfigError, match=r"to read hf:user/name, install .* 'shmtext\[datasets\]'"
    ):
        read("hf:user/name::text")
