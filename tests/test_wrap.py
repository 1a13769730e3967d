"""Wrapping in batches gives what ``textwrap.wrap`` gives, for every text."""

from __future__ import annotations

import textwrap
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from shmtext.corpus.wrap import Lines, split_lines, wrap_texts

TEXTS = st.lists(st.text(alphabet="ab -\t\né", max_size=40), max_size=25)
# Whitespace that only Unicode knows, a hyphen that breaks nothing, a byte order mark.
ODD_TEXTS = st.lists(st.text(alphabet="a \u00a0\u3000\u2028\x1c\x85\u2010\ufeff😀", max_size=25))


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
