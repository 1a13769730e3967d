"""Sources of texts as settings: what is written down is what is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtext import DatasetColumn, RunConfig, Source, Template, TextFile, Texts
from shmtext.config import config_from_options, load_toml
from shmtext.config.writing import toml_of
from shmtext.errors import ConfigError

A, B = TextFile(Path("a.txt")), TextFile(Path("b.csv"), "word")


@pytest.mark.parametrize(
    ("given", "sources"),
    [
        ("a.txt", (Source(A),)),
        (Path("a.txt"), (Source(A),)),
        (A, (Source(A),)),
        (Source(A, 3), (Source(A, 3),)),
        (["a.txt=3", B], (Source(A, 3), Source(B))),
        (("a.txt", "b.csv::word=0.5"), (Source(A), Source(B, 0.5))),
        ("a=b.txt", (Source(TextFile(Path("a=b.txt"))),)),
        ("a=1=2", (Source(TextFile(Path("a=1")), 2),)),
        ("b.csv::x=3=", (Source(TextFile(Path("b.csv"), "x=3")),)),
        ("template:5:a=3", (Source(Template("a=3", 5)),)),
        (
            ["template:5=2:a:b", Template("c", 1)],
            (*[Source(Template("a:b", 5), 2)], *[Source(Template("c", 1))]),
        ),
    ],
)
def test_sources_are_texts_or_what_they_stand_for(given: Any, sources: tuple[Source, ...]) -> None:
    assert sources == Texts(given).sources


def test_a_file_whose_name_ends_like_a_weight_is_found(tmp_path: Path) -> None:
    name = str(tmp_path / "a=3")
    assert Source(TextFile(tmp_path / "a"), 3) == Source.parse(name)
    Path(name).touch()

    assert Source(TextFile(Path(name))) == Source.parse(name)
    assert Source(TextFile(Path(name)), 2) == Source.parse(f"{name}=2")
    assert Source(TextFile(Path(name), "w"), 2) == Source.parse(f"{name}::w=2")


@pytest.mark.parametrize("text", ["a=0", "a=0.0001", "a=1000001"])
def test_a_weight_out_of_bounds_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"the weight of texts a must be 0\.001 to 1,000,000"):
        Texts(text)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [3, None, [3], {}, [], [None]])
def test_what_is_no_source_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError, match="texts must"):
        Texts(value)


COLUMNS = st.none() | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1
)


@given(COLUMNS, st.none() | st.sampled_from([0.5, 3]))
def test_a_source_that_is_written_down_reads_back(column: str | None, weight: float | None) -> None:
    source = Source(TextFile(Path("/nowhere/a"), column), weight)

    assert source == Source.parse(source.written())


def test_several_sources_in_toml_are_a_list_and_begin_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('texts = ["a.txt=3", "/b.csv::word"]\nnormalize = "none"\n')
    found = config_from_options(load_toml(tmp_path / "run.toml"))
    sources = (Source(TextFile(tmp_path / "a.txt"), 3), Source(TextFile(Path("/b.csv"), "word")))

    assert RunConfig(corpus=Texts(sources, normalize="none")) == found
    (tmp_path / "again.toml").write_text(toml_of(found))
    assert found == config_from_options(load_toml(tmp_path / "again.toml"))


def test_a_text_file_is_the_texts_of_it_alone() -> None:
    assert RunConfig(corpus=A) == RunConfig(corpus=Texts(A))  # type: ignore[arg-type]


def test_options_of_texts_want_texts() -> None:
    with pytest.raises(ConfigError, match="normalize is of texts that are read: give them"):
        config_from_options({"normalize": "NFKC"})
    with pytest.raises(ConfigError, match="texts and letters exclude each other"):
        config_from_options({"texts": "a", "letters": "b"})


@pytest.mark.parametrize(
    ("given", "case"),
    [
        ("upper", "upper"),
        ("upper=0.3", "upper"),
        ("title=1, keep = 0.5,lower=0", "keep=0.5,title=1"),
    ],
)
def test_shares_of_cases_are_brought_to_one_form(given: str, case: str) -> None:
    assert case == Texts("a", case=given).case  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("capital", "case: expected CASE or CASE=SHARE,..., each once of keep, lower, upper"),
        ("upper=0.1,upper", "each once"),
        ("upper=many", "each once"),
        ("upper=-1", "case: the share of upper must be 0 to 1,000,000, got -1"),
        ("upper=nan", "case: the share of upper must be"),
        ("upper=0", "case: expected a share above 0"),
        ("", "each once"),
        (3, "case must be text, got 3"),
    ],
)
def test_shares_of_cases_that_make_no_sense_are_refused(given: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Texts("a", case=given)  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_bounds_of_lengths_go_together() -> None:
    with pytest.raises(
        ConfigError, match=r"min_text_chars \(5\) must be at most max_text_chars \(4"
    ):
        Texts("a", min_text_chars=5, max_text_chars=4)  # type: ignore[arg-type]


def test_replacement_goes_with_a_sample() -> None:
    with pytest.raises(ConfigError, match="replace is for a sample: say of how many texts"):
        Texts("a", replace=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", ["", "0-3", "5-2", "2-", "-3", "a", "2-3-4", "99999", "²", "2.5"])
def test_numbers_of_words_that_make_no_sense_are_refused(given: str) -> None:
    with pytest.raises(ConfigError, match="shuffle_words: expected MIN-MAX"):
        Texts("a", shuffle_words=given)  # type: ignore[arg-type]


@pytest.mark.parametrize("weight", [None, 2.5])
def test_a_template_that_is_written_down_reads_back(weight: float | None) -> None:
    source = Source(Template("=[:=]::=3", 7), weight)

    assert source == Source.parse(source.written())


def test_a_template_in_toml_does_not_begin_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("texts = ['a.txt', 'template:5:<1..9>']")
    found = config_from_options(load_toml(tmp_path / "run.toml")).corpus

    assert Texts([tmp_path / "a.txt", Template("<1..9>", 5)]) == found  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("template:a", "template:N:PATTERN, with the number N"),
        ("template:x:a", "template:N:PATTERN, with the number N"),
        ("template:²:a", "template:N:PATTERN, with the number N"),
        ("template:0:a", "the number of texts of a template must be"),
        ("template:1:", "expected texts of 1 to 10,000 characters, it may come to 0"),
        ("template:1:[a", r"template '[a', character 3: expected a character"),
        ("template:1:a]", r"character 2: expected no ']' here"),
        ("template:1:{2}", "character 2: expected something to repeat before '{'"),
        ("template:1:a{", "character 3: expected '}' somewhere behind"),
        ("template:1:a{2,1}", "with MIN at most MAX"),
        ("template:1:a{x}", "expected {N} or {MIN,MAX}"),
        ("template:1:a{1,2,3}", "expected {N} or {MIN,MAX}"),
        ("template:1:a{1000}{1000}", "may come to 1,000,000"),
        ("template:1:(a", "character 3: expected ')'"),
        ("template:1:[b-a]", "expected a range that goes up, found b-a"),
        ("template:1:[]", "expected a character between '[' and ']'"),
        ("template:1:a\\\\"[:-1], "expected a character"),
        ("template:1:<5>", "expected <FIRST..LAST>"),
        ("template:1:<5..1>", "expected numbers that go up, found 5..1"),
        ("template:1:<1..2.5>", "expected <FIRST..LAST> with as many decimals"),
        ("template:1:<1...5>", "expected <FIRST..LAST>"),
        ("template:1:<a..b>", "expected <FIRST..LAST>"),
        ("template:1:<²..³>", "expected <FIRST..LAST>"),
        ("template:1:<date %Q>", "expected a date of %d %m"),
        ("template:1:<date >", "expected a date's format"),
        ("template:1:" + "(" * 5_000, "nested too deeply"),
        ("template:1:\udcff", "expected Unicode text without NUL"),
    ],
)
def test_templates_that_make_no_sense_are_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Texts(text)  # type: ignore[arg-type]
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("hf:name::text", DatasetColumn("name", "text")),
        ("hf:user/name@en:test::a::b", DatasetColumn("user/name", "a::b", "test", "en")),
        ("hf:/a/b:c/d@e/f::text", DatasetColumn("/a/b:c/d@e/f", "text")),
        ("hf:/a/b:test::text", DatasetColumn("/a/b", "text", "test")),
    ],
)
@pytest.mark.parametrize("weight", [None, 3])
def test_a_column_of_a_dataset_that_is_written_down_reads_back(
    text: str, column: DatasetColumn, weight: float | None
) -> None:
    source = Source(column, weight)

    assert source == Source.parse(text + ("" if weight is None else f"={weight}"))
    assert source == Source.parse(source.written())


@pytest.mark.parametrize("text", ["hf:", "hf:name", "hf:::text", "hf:name::"])
def test_a_dataset_without_name_or_column_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"texts must be hf:NAME\[@CONFIG\]\[:SPLIT\]::COLUMN"):
        Texts(text)  # type: ignore[arg-type]


def test_a_dataset_s_folder_in_toml_begins_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("texts = ['hf:./a::text', 'hf:/b::text', 'hf:c/d::text']")
    found = config_from_options(load_toml(tmp_path / "run.toml")).corpus

    places = [str(tmp_path / "a"), "/b", "c/d"]
    assert Texts([DatasetColumn(place, "text") for place in places]) == found  # type: ignore[arg-type]
