"""Texts of templates are what their notation says, and the same however many are asked for."""

from __future__ import annotations

import datetime
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtext.config.templates import parse_pattern
from shmtext.corpus import templates
from shmtext.corpus.ragged import gather_chunks
from shmtext.corpus.templates import template_chunks


def drawn(pattern: str, num_texts: int = 2_000, seed: int = 0, source: int = 0) -> list[str]:
    chunks = template_chunks(parse_pattern(pattern), num_texts, seed, source)
    return list(gather_chunks(chunks))


@pytest.mark.parametrize(
    ("pattern", "regex"),
    [
        ("plain", "plain"),
        ("[A-C]{2}-[0-9]{1,3}", "[A-C]{2}-[0-9]{1,3}"),
        (r"\[a\]\{\(\)\<\>\|\\", r"\[a\]\{\(\)<>\|\\"),
        ("[a\\]\\-z-]", r"[a\]\-z]"),
        ("(EUR|USD|€) ?", "(EUR|USD|€) \\?"),
        ("(a[0-9]|(b|ß){2}|){2}", "(a[0-9]|(b|ß){2}|){2}"),
        ("x{0}y{0,2}", "y{0,2}"),
        ("日[一-三]", "日[一-三]"),
    ],
)
def test_texts_are_of_the_pattern_and_of_all_its_kinds(pattern: str, regex: str) -> None:
    texts = drawn(pattern)

    assert all(re.fullmatch(regex, text) for text in texts)
    assert 2_000 == len(texts)
    if pattern == "[A-C]{2}-[0-9]{1,3}":
        assert {4, 5, 6} == set(map(len, texts))
    if pattern.startswith("(EUR"):
        assert all(abs(count - 667) < 110 for count in Counter(texts).values())
    if pattern.startswith("(a["):
        assert {*"", "a0a9", "bßßb"} <= set(drawn(pattern, 20_000))


@pytest.mark.parametrize(
    ("pattern", "numbers", "form"),
    [
        ("<8..12>", range(8, 13), "{}"),
        ("<0..3>", range(4), "{}"),
        ("<08..12>", range(8, 13), "{:02}"),
        ("<998..1,002>", range(998, 1_003), "{:,}"),
        ("<0,098..0,102>", range(98, 103), None),
        ("<999,998..1,000,001>", range(999_998, 1_000_002), "{:,}"),
        ("<9.98..10.02>", range(998, 1_003), None),
        ("<0.0..0.3>", range(4), None),
    ],
)
def test_numbers_are_all_those_between_the_ends_and_written_like_them(
    pattern: str, numbers: range, form: str | None
) -> None:
    written = {
        "<0,098..0,102>": lambda n: f"0,{n:03}",
        "<9.98..10.02>": lambda n: f"{n / 100:.2f}",
        "<0.0..0.3>": lambda n: f"{n / 10:.1f}",
    }
    expected = {written[pattern](n) if form is None else form.format(n) for n in numbers}
    counts = Counter(drawn(pattern))

    assert expected == set(counts)
    assert min(counts.values()) > 2_000 / len(expected) * 0.7


def test_large_numbers_have_groups_and_decimals() -> None:
    texts = drawn("<0.05..1,234,567.89>", 500)

    assert all(f"{float(text.replace(',', '')):,.2f}" == text for text in texts)
    assert len({len(text) for text in texts}) >= 2


@pytest.mark.parametrize(
    ("pattern", "form"),
    [("%d.%m.%Y", "%d.%m.%Y"), ("%Y-%m-%d", "%Y-%m-%d"), ("%B %-d, %Y", None), ("%b %y", "%b %y")],
)
def test_dates_are_days_of_the_calendar(pattern: str, form: str | None) -> None:
    texts = drawn(f"<date {pattern}>")
    for text in texts:
        day = datetime.datetime.strptime(text, form or "%B %d, %Y")
        again = day.strftime(form) if form else f"{day:%B} {day.day}, {day.year}"
        assert again == text
        assert "%Y" not in pattern or 1950 <= day.year <= 2049
    assert len(set(texts)) > 500


def test_months_without_zeros() -> None:
    assert {str(month) for month in range(1, 13)} == set(drawn("<date %-m>"))


PATTERN = "[a-zß]{1,9}(<1..99>|<date %B>|){2}"


@given(st.integers(1, 300), st.integers(1, 300))
def test_the_first_texts_are_the_same_however_many_are_asked_for(few: int, many: int) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(templates, "_BLOCK_TEXTS", 64)
        texts = drawn(PATTERN, many)
        assert many == len(texts)
        assert texts[:few] == drawn(PATTERN, few)[:many]


def test_seed_and_source_draw_otherwise() -> None:
    assert 3 == len({tuple(drawn(PATTERN, 20, *each)) for each in ((0, 0), (1, 0), (0, 1))})


def test_blocks_of_long_texts_are_smaller() -> None:
    (first, *_) = template_chunks(parse_pattern("[ab]{1000}{10}"), 10_000, 0, 0)

    assert 104 == first.lengths_bytes.size
    assert (first.lengths_bytes == 10_000).all()
    assert {ord("a"), ord("b")} == set(np.unique(first.values).tolist())
