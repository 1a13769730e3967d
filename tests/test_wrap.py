"""Wrapping in batches gives what ``textwrap.wrap`` gives, and what Unicode adds to it."""

from __future__ import annotations

import textwrap
import unicodedata
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from uniseg.graphemecluster import grapheme_clusters
from uniseg.linebreak import line_break, line_break_units

from shmtext.corpus.properties import complex_places
from shmtext.corpus.wrap import Lines, lines_at_spaces, split_lines, wrap_texts

TEXTS = st.lists(st.text(alphabet="ab -\t\né", max_size=40), max_size=25)
# White space that only Unicode knows, a byte order mark, letters and digits of other scripts.
ODD_TEXTS = st.lists(st.text(alphabet="a \u00a0\u202f\x1c\x1f\ufeffяש٣Ω-", max_size=25))
# Marks, joiners, conjuncts, flags; what UAX 14 breaks beside; white space and hyphens.
CLUSTERED = (
    "a-é \u0301\u0308\u094dकषि\u200d👩🏽🇩🇪ก\u0e34\u0e33日本語。」「…–\u00ad\u1102\u1161가\u102c\t\n"
)
CLUSTERED_TEXTS = st.lists(st.text(alphabet=CLUSTERED, max_size=25), max_size=8)


def lay_out(texts: list[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    starts = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=starts[1:])
    return np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32), starts


def unpack(lines: Lines) -> list[list[str]]:
    whole = lines.codes.tobytes().decode("utf-32-le")
    seams = lines.line_starts.tolist()
    rows = [whole[start:stop] for start, stop in pairwise(seams)]
    bounds = lines.text_lines.tolist()
    return [rows[start:stop] for start, stop in pairwise(bounds)]


def wrapped(texts: list[str], width: int) -> list[list[str]]:
    return unpack(wrap_texts(*lay_out(texts), width))


@given(TEXTS, st.integers(1, 12))
def test_wrapping_a_batch_is_wrapping_each_text(texts: list[str], width: int) -> None:
    assert [textwrap.wrap(text, width) for text in texts] == wrapped(texts, width)


@given(ODD_TEXTS, st.integers(1, 12))
def test_whitespace_only_unicode_knows_is_wrapped_as_by_textwrap(
    texts: list[str], width: int
) -> None:
    assert [textwrap.wrap(text, width) for text in texts] == wrapped(texts, width)


@given(
    st.lists(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6).flatmap(
        lambda some: st.lists(st.text(alphabet=[*some, *"a -\t"], max_size=25), max_size=8)
    ),
    st.integers(1, 9),
)
def test_texts_of_simple_characters_are_wrapped_by_textwrap_to_the_letter(
    texts: list[str], width: int
) -> None:
    simple = [text for text in texts if complex_places(lay_out([text])[0]).size == 0]

    assert [textwrap.wrap(text, width) for text in simple] == wrapped(simple, width)


@pytest.mark.parametrize("width", [1, 2, 3, 5, 8, 13, 30])
@pytest.mark.parametrize("alphabet", ["ab ", "a  ", "abcdefgh ", "abcdefgh -", "aé \t"])
def test_large_batches_are_wrapped_as_by_textwrap(alphabet: str, width: int) -> None:
    rng = np.random.default_rng([width, len(alphabet)])
    texts = [
        "".join(rng.choice(list(alphabet), size)) for size in rng.integers(0, 40, 400).tolist()
    ]

    assert [textwrap.wrap(text, width) for text in texts] == wrapped(texts, width)


@pytest.mark.parametrize("lead", ["", " ", " " * 500])
@pytest.mark.parametrize("width", [1, 4, 7])
def test_texts_of_very_many_lines_are_wrapped_as_by_textwrap(lead: str, width: int) -> None:
    rng = np.random.default_rng(width)
    texts = [lead + "".join(rng.choice(list("abcd  "), 2_000)) for _ in range(3)] + ["", "short"]

    assert [textwrap.wrap(text, width) for text in texts] == wrapped(texts, width)


def test_a_line_of_a_million_characters_is_wrapped_in_one_go() -> None:
    lines = wrap_texts(*lay_out(["x" * 1_000_000]), 3)

    assert 333_334 == lines.line_starts.size - 1
    assert 1_000_000 == lines.codes.size


def test_texts_that_already_fit_are_not_copied() -> None:
    codes, starts = lay_out(["ab c", "d-e", " f"])

    assert codes is wrap_texts(codes, starts, 4).codes


def test_text_that_is_blank_has_no_line() -> None:
    assert [[], [], ["a"]] == wrapped(["", "   ", "a "], 5)


def test_batch_without_texts_has_no_lines() -> None:
    assert [] == wrapped([], 5)
    assert [] == unpack(split_lines(*lay_out([])))


@given(st.lists(st.text(alphabet="a\n é", max_size=12), max_size=20))
def test_splitting_cuts_at_newlines_only(texts: list[str]) -> None:
    assert [text.split("\n") for text in texts] == unpack(split_lines(*lay_out(texts)))


def test_splitting_texts_without_newlines_copies_nothing() -> None:
    codes, starts = lay_out(["a b\t", "", "c\r"])

    assert codes is split_lines(codes, starts).codes


def clusters_of(text: str) -> list[str]:
    """Extended clusters, with marks that begin one, and CR and LF, as ``breaks.py`` has them."""
    found: list[str] = []
    for cluster in grapheme_clusters(text):
        if found and unicodedata.category(cluster[0])[0] == "M":
            found[-1] += cluster
        elif cluster[0] != " " and " " in cluster:
            found += cluster.partition(" ")[0], cluster[cluster.index(" ") :]
        else:
            found.append(cluster)
    return found


class SlowWrapper(textwrap.TextWrapper):
    """The description of wrapping: ``textwrap`` of a text in which each cluster is a letter."""

    def _split(self, text: str) -> list[str]:
        chunks = super()._split("".join(self.stand_ins))
        bounds = {len("".join(chunks[:number])) for number in range(len(chunks) + 1)}
        bounds |= self.offered
        return [text[start:stop] for start, stop in pairwise(sorted(bounds))]

    def wrap(self, text: str) -> list[str]:
        clusters = clusters_of(text)
        self.stand_ins = [
            c if c == " " else "x" if len(c) > 1 and c[0] in " -" else c[0] for c in clusters
        ]
        places = {0: 0}
        for number, cluster in enumerate(clusters, 1):
            places[max(places) + len(cluster)] = number
        self.offered = set()
        at = 0
        for unit in list(line_break_units(text))[:-1]:
            at += len(unit)
            number = places.get(at)
            if number and (offers(clusters[number][0]) or offers(clusters[number - 1][0])):
                self.offered.add(number)
        # Letters of a private plane stand for clusters; spaces and hyphens for themselves.
        letters = [
            c if c in (" ", "-") else chr(0xF0000 + number) for number, c in enumerate(clusters)
        ]
        lines = super().wrap("".join(letters))
        return ["".join(map(dict(zip(letters, clusters, strict=True)).get, line)) for line in lines]


NO_OFFER = ("AL", "HL", "NU", "AI", "SG", "XX", "SA", "GL", "WJ", "CM", "ZWJ")


def offers(character: str) -> bool:
    name = line_break(character).value
    return character >= "\x80" and name not in NO_OFFER


@given(
    st.lists(st.text(alphabet=[c for c in CLUSTERED if c not in "\t\n"], max_size=25), max_size=8),
    st.integers(1, 9),
)
def test_clusters_are_wrapped_as_described(texts: list[str], width: int) -> None:
    assert [SlowWrapper(width).wrap(text) for text in texts] == wrapped(texts, width)


@given(CLUSTERED_TEXTS, st.integers(1, 9))
def test_no_line_begins_with_a_mark_unless_its_text_does(texts: list[str], width: int) -> None:
    for text, lines in zip(texts, wrapped(texts, width), strict=True):
        for number, line in enumerate(lines):
            is_mark = unicodedata.category(line[0])[0] == "M"
            assert not is_mark or (number == 0 and text.startswith(line[0]))


@given(CLUSTERED_TEXTS, st.integers(1, 9))
def test_no_line_has_more_clusters_than_it_may_and_none_is_lost(
    texts: list[str], width: int
) -> None:
    for text, lines in zip(texts, wrapped(texts, width), strict=True):
        assert all(len(clusters_of(line)) <= width for line in lines)
        assert "".join(text.split()) == "".join("".join(lines).split())


@given(CLUSTERED_TEXTS, st.integers(1, 9))
def test_a_text_is_wrapped_alike_alone_and_among_others(texts: list[str], width: int) -> None:
    assert [wrapped([text], width)[0] for text in texts] == wrapped(texts, width)


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("क्षत्रियों", 4, ["क्षत्रियों"]),
        ("क्षत्रियों", 2, ["क्षत्रि", "यों"]),
        ("ที่นี่", 2, ["ที่นี่"]),
        ("ที่นี่นั้น", 1, ["ที่", "นี่", "นั้", "น"]),
        ("e\u0301te\u0301", 2, ["e\u0301t", "e\u0301"]),
        ("e\u0301te\u0301 e\u0301te\u0301", 3, ["e\u0301te\u0301", "e\u0301te\u0301"]),
        ("日本語。「はい」", 3, ["日本", "語。", "「は", "い」"]),
        ("日本語 text", 5, ["日本語", "text"]),
        ("a 日本語", 3, ["a 日", "本語"]),
        ("한국어", 2, ["한국", "어"]),
        ("one—two", 5, ["one—", "two"]),
        ("one-two e\u0301-a", 5, ["one-", "two", "e\u0301-a"]),
        ("a\u0308\tb", 9, ["a\u0308       b"]),
        ("ab\n\u0301c", 3, ["ab \u0301", "c"]),
        ("👩\u200d👩\u200d👧👩\u200d👩\u200d👧", 1, ["👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"]),
        ("မာမာ", 1, ["မာ", "မာ"]),
    ],
)
def test_lines_end_where_unicode_lets_them(text: str, width: int, lines: list[str]) -> None:
    assert [lines] == wrapped([text], width)


def test_ten_thousand_marks_on_a_letter_are_one_cluster() -> None:
    text = "a" + "\u0301" * 10_000

    assert [[text, "b"]] == wrapped([text + " b"], 1)


@pytest.mark.parametrize(
    "alphabet", ["日本語。「」ab ", "कखि\u094d ", "กข\u0e34\u0e49 ", "e\u0301a- "]
)
@pytest.mark.parametrize("width", [1, 3, 8])
def test_large_batches_of_clusters_are_wrapped_as_described(alphabet: str, width: int) -> None:
    rng = np.random.default_rng([width, len(alphabet)])
    texts = ["".join(rng.choice(list(alphabet), size)) for size in rng.integers(0, 30, 60).tolist()]

    assert [SlowWrapper(width).wrap(text) for text in texts] == wrapped(texts, width)


@given(st.lists(st.text(alphabet="x ", max_size=30), max_size=12), st.integers(1, 9))
def test_lines_at_spaces_are_those_of_textwrap(texts: list[str], width: int) -> None:
    codes, starts = lay_out(texts)
    line_starts, line_stops, text_lines = lines_at_spaces(codes == ord(" "), starts, width)
    whole = "".join(texts)
    lines = [whole[start:stop] for start, stop in zip(line_starts, line_stops, strict=True)]

    expected = [textwrap.wrap(text, width) for text in texts]
    assert expected == [lines[first:last] for first, last in pairwise(text_lines.tolist())]
