"""Texts drawn from a template, many at once: each node makes its part of all of them.

A part is code points end to end, and how many of them each text has. Blocks of texts have random
streams of their own: the first texts are the same however many are asked for. What templates
there are stands in ``config/templates.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Several
from typing import NamedTuple, assert_never

import numpy as np
from numpy.typing import NDArray

from shmtext.config.templates import Choice, Date, Node, Number, OneOf, Repeat, Sequence
from shmtext.corpus.chance import Purpose, sequence
from shmtext.corpus.ragged import TextChunk
from shmtext.corpus.ranges import Ints, seams, spell_out

_BLOCK_TEXTS = 2**13
_BLOCK_CODES = 2**20
"""A block of long texts has fewer of them."""

_FIRST_DAY = np.datetime64("1950-01-01")
_NUM_DAYS = int((np.datetime64("2050-01-01") - _FIRST_DAY).astype(np.int64))
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


class _Part(NamedTuple):
    codes: NDArray[np.uint32]
    counts: Ints


def template_chunks(node: Node, num_texts: int, seed: int, source: int) -> Iterator[TextChunk]:
    """So many texts of a template."""
    num_at_once = max(1, min(_BLOCK_TEXTS, _BLOCK_CODES // node.most))
    for block, start in enumerate(range(0, num_texts, num_at_once)):
        key = sequence(seed, Purpose.TEMPLATE, source, block)
        rng = np.random.Generator(np.random.Philox(key))
        codes, counts = _draw(node, num_at_once, rng)
        num_taken = min(num_at_once, num_texts - start)
        counts = counts[:num_taken]
        yield _encoded(codes[: int(counts.sum())], counts)


def _encoded(codes: NDArray[np.uint32], counts: Ints) -> TextChunk:
    values = np.frombuffer(codes.astype("<u4").tobytes().decode("utf-32-le").encode(), np.uint8)
    first_bytes = np.flatnonzero((values & 0xC0) != 0x80)
    bounds = np.append(first_bytes, values.size)[seams(counts)]
    return TextChunk(values, np.diff(bounds).astype(np.int32))


def _draw(node: Node, num: int, rng: np.random.Generator) -> _Part:
    match node:
        case OneOf():
            codes = np.array([*map(ord, node.characters)], np.uint32)
            drawn = codes[rng.integers(0, codes.size, num)] if codes.size > 1 else codes.repeat(num)
            return _Part(drawn, np.ones(num, np.int64))
        case Number():
            return _number(node, rng.integers(node.first, node.last, num, endpoint=True))
        case Date():
            return _date(node, _FIRST_DAY + rng.integers(0, _NUM_DAYS, num))
        case Repeat():
            times = rng.integers(node.at_least, node.at_most, num, endpoint=True)
            codes, counts = _draw(node.node, int(times.sum()), rng)
            return _Part(codes, np.diff(seams(counts)[seams(times)]))
        case Sequence():
            return _side_by_side([_draw(each, num, rng) for each in node.nodes], num)
        case Choice():
            return _chosen(node, rng.integers(0, len(node.nodes), num), rng)
        case _:
            assert_never(node)


def _side_by_side(parts: Several[_Part], num: int) -> _Part:
    """Of each text all parts, one after the other."""
    if not parts:
        return _Part(np.empty(0, np.uint32), np.zeros(num, np.int64))
    offsets = seams(np.array([part.codes.size for part in parts]))
    starts = np.stack(
        [seams(part.counts)[:-1] + at for part, at in zip(parts, offsets[:-1], strict=True)], axis=1
    )
    counts = np.stack([part.counts for part in parts], axis=1)
    codes = np.concatenate([part.codes for part in parts])
    return _Part(codes[spell_out(starts.reshape(-1), counts.reshape(-1))], counts.sum(axis=1))


def _chosen(choice: Choice, which: Ints, rng: np.random.Generator) -> _Part:
    """Of each text the part that was chosen for it."""
    codes: list[NDArray[np.uint32]] = []
    counts = np.empty(which.size, np.int64)
    order = np.argsort(which, kind="stable")
    for number, node in enumerate(choice.nodes):
        part = _draw(node, int(np.count_nonzero(which == number)), rng)
        codes.append(part.codes)
        counts[which == number] = part.counts
    starts = np.empty(which.size, np.int64)
    starts[order] = seams(counts[order])[:-1]
    return _Part(np.concatenate(codes)[spell_out(starts, counts)], counts)


def _number(node: Number, numbers: Ints) -> _Part:
    """Numbers in digits: a row a number, without zeros in front and their commas."""
    num_columns = max(node.num_digits, len(str(node.last)))
    powers = 10 ** np.arange(num_columns, dtype=np.int64)[::-1]
    digits = numbers[:, None] // powers % 10
    is_written = (numbers[:, None] >= powers) | (np.arange(num_columns)[::-1] < node.num_digits)
    columns: list[tuple[NDArray[np.integer], NDArray[np.bool_]]] = []
    for column in range(num_columns):
        behind = num_columns - column - node.num_decimals
        mark = "," if node.is_grouped and column and behind > 0 and behind % 3 == 0 else ""
        mark = "." if node.num_decimals and behind == 0 else mark
        if mark:
            columns.append((np.full(numbers.size, ord(mark)), is_written[:, column - 1]))
        columns.append((digits[:, column] + ord("0"), is_written[:, column]))
    codes = np.stack([each[0] for each in columns], axis=1).astype(np.uint32)
    is_kept = np.stack([each[1] for each in columns], axis=1)
    return _Part(codes[is_kept], np.count_nonzero(is_kept, axis=1))


def _date(node: Date, days: NDArray[np.datetime64]) -> _Part:
    months = days.astype("datetime64[M]")
    day = (days - months).astype(np.int64) + 1
    months_since = months.astype(np.int64)  # 1970-01
    month, year = months_since % 12 + 1, months_since // 12 + 1970
    numbers = {
        "%d": (day, 2),
        "%-d": (day, 1),
        "%m": (month, 2),
        "%-m": (month, 1),
        "%Y": (year, 4),
        "%y": (year % 100, 2),
    }
    parts: list[_Part] = []
    for each in node.parts:
        if each in numbers:
            values, num_digits = numbers[each]
            number = Number(0, 99 if num_digits < 4 else 9_999, num_digits, 0, is_grouped=False)
            parts.append(_number(number, values))
        elif each in ("%B", "%b"):
            names = [name if each == "%B" else name[:3] for name in _MONTHS]
            parts.append(_words(names, month - 1))
        else:
            parts.append(_words([each], np.zeros(days.size, np.int64)))
    return _side_by_side(parts, days.size)


def _words(words: Several[str], which: Ints) -> _Part:
    codes = np.array([ord(c) for word in words for c in word], np.uint32)
    bounds = seams(np.array([len(word) for word in words]))
    counts = np.diff(bounds)[which]
    return _Part(codes[spell_out(bounds[which], counts)], counts)
