"""Balanced random text: every character equally often, shuffled, cut into examples.

The whole text never lies in memory as one shuffled array. It is made in blocks that fit in the
processor's cache: how often each character stands in a block is drawn from what remains (the
law of a shuffle of the whole, so the balance is exact), then the block alone is shuffled. That
costs a fraction of one large shuffle, which misses the cache at every character.

Four random streams, each addressed by ``(seed, purpose)``, decide all: the counts of the
blocks, the order inside each block (a stream per block), which letters carry the marks of a block
(likewise), the sizes of the pieces.

A mark can't be shuffled as letters are: it would follow spaces, or begin a text. So what is
shuffled are clusters, one a letter. The marks of a block are as many as its share of the letters
that may carry them, as even among themselves as can be, and are put on these letters in random
order: no letter carries a second one before all carry one, and none carries one twice.

This module makes chunks of texts; where they go is not its business.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shmtext.config import BalancedText
from shmtext.config.marks import MARKS_PER_LETTER, MarkGroup, is_mark, mark_groups
from shmtext.corpus.ragged import TextChunk
from shmtext.corpus.ranges import Ints, seams, spell_out
from shmtext.corpus.wrap import lines_at_spaces
from shmtext.errors import ConfigError

Codes: TypeAlias = NDArray[np.unsignedinteger[Any]]
"""Clusters: uint8 where all characters are ASCII, and the values with that; else uint32, a code
point each; uint64 where there are marks: a code point, and shifted by 21 and 42 bits its marks."""

BLOCK_CHARS = 65_536
"""512 KiB while it is shuffled: inside the second-level cache of any current processor."""

_CHUNK_BLOCKS = 8
_SPELLED_CHUNK_BLOCKS = 4  # Spelling out takes a hundred bytes of working memory a character.
_SIZES_PER_DRAW = 65_536

_COUNTS_STREAM, _ORDER_STREAM, _SIZES_STREAM, _MARKS_STREAM = range(4)

_MAX_HYPERGEOMETRIC = 10**9
"""numpy draws from populations below this only."""

_SPACE = ord(" ")

_CODE_POINT_BITS = 21
_CODE_POINT = np.uint64(2**_CODE_POINT_BITS - 1)
_SHIFTS = tuple(np.uint64(_CODE_POINT_BITS * place) for place in range(1 + MARKS_PER_LETTER))


class _Pieces(NamedTuple):
    """Ranges of one array of code points."""

    codes: Codes
    starts: Ints
    stops: Ints


def balanced_chunks(
    text: BalancedText, seed: int, max_chars_per_line: int | None
) -> Iterator[TextChunk]:
    """Make the examples of ``text``, half a megabyte at a time, always the same for a ``seed``.

    With ``split_letters`` each piece is followed by those lines of its spelled-out characters
    (wrapped at the smaller of ``max_example_size`` and ``max_chars_per_line``) that have at
    least ``min_example_size`` characters.
    """
    # A TextChunk's lengths are int32, and a character has up to four bytes.
    has_marks = text.num_clusters < text.num_characters
    too_long = 2**29 // (len(_SHIFTS) if has_marks else 1)
    longest = min(text.max_example_size, text.num_clusters)
    if longest >= too_long:
        raise ConfigError(f"max_example_size must be less than {too_long:,}, got {longest:,}")
    width = min(text.max_example_size, max_chars_per_line or text.max_example_size)
    for pieces in _cut(text, seed):
        codes, lengths = _strip(pieces)
        if text.split_letters:
            codes, lengths = _spell_out(codes, lengths, width, text.min_example_size)
        if lengths.size:
            yield _encode(codes, lengths)


def shuffled_blocks(text: BalancedText, seed: int) -> Iterator[Codes]:
    """Make the whole shuffled text, block after block."""
    characters = text.letters + text.numbers
    symbols = np.array([*(ord(c) for c in characters if not is_mark(c)), _SPACE])
    dealers = [_Dealer(group, text.character_frequency) for group in mark_groups(characters)]
    dtype = np.uint8 if characters.isascii() else np.uint32
    remaining = np.full(symbols.size, text.character_frequency)
    remaining[-1] = text.num_spaces
    counts_rng = _rng(seed, _COUNTS_STREAM)
    for block, start in enumerate(range(0, text.num_clusters, BLOCK_CHARS)):
        counts = _draw_counts(counts_rng, remaining, min(BLOCK_CHARS, text.num_clusters - start))
        remaining -= counts
        # numpy shuffles 8-byte elements in two thirds of the time it takes for single bytes.
        # Sorting random keys is faster still where numpy's vectorised sort is, but four times
        # slower where it is not; a shuffle costs the same everywhere and knows no ties.
        characters_of_block = np.repeat(symbols, counts)
        _rng(seed, _ORDER_STREAM, block).shuffle(characters_of_block)
        if not dealers:
            yield characters_of_block.astype(dtype)
            continue
        clusters = characters_of_block.astype(np.uint64)
        rng = _rng(seed, _MARKS_STREAM, block)
        for dealer in dealers:
            dealer.deal(clusters, rng)
        yield clusters


def piece_sizes(text: BalancedText, seed: int) -> Iterator[Ints]:
    """Draw the sizes of the pieces, without end."""
    rng = _rng(seed, _SIZES_STREAM)
    while True:
        sizes = rng.integers(
            text.min_example_size, text.max_example_size, _SIZES_PER_DRAW, endpoint=True
        )
        # Larger than the whole text is as good as endless, and sums must not overflow.
        yield np.minimum(sizes, text.num_clusters + 1)


class _Dealer:
    """Puts the marks of one group on letters, block after block, until all are used up."""

    def __init__(self, group: MarkGroup, frequency: int) -> None:
        def key(mark: str) -> tuple[int, str]:
            return unicodedata.combining(mark), mark

        self._letters = np.array([*map(ord, group.letters)], np.uint64)
        # In the order in which two of them stand on a letter.
        self._marks = np.array([*map(ord, sorted(group.marks, key=key))], np.uint64)
        self._num_letters = frequency * len(group.letters)
        self._num_marks = frequency * len(group.marks)
        self._num_past = 0

    def deal(self, clusters: NDArray[np.uint64], rng: np.random.Generator) -> None:
        """Put marks on letters of a block, in place."""
        places = np.flatnonzero(np.isin(clusters, self._letters))
        dealt = self._dealt()
        self._num_past += places.size
        counts = self._dealt() - dealt
        # All of a kind together: fewer than there are places, so none meets its like there.
        kinds = rng.permutation(self._marks.size)
        ranks = np.repeat(kinds, counts[kinds])
        places = rng.permutation(places)
        first, second = ranks[: places.size], ranks[places.size :]
        lower = first.copy()
        lower[: second.size] = np.minimum(first[: second.size], second)
        higher = np.maximum(first[: second.size], second)
        clusters[places[: lower.size]] |= self._marks[lower] << _SHIFTS[1]
        clusters[places[: higher.size]] |= self._marks[higher] << _SHIFTS[2]

    def _dealt(self) -> Ints:
        """How many of each mark the letters past have their share of; differs by one at most."""
        num_dealt = self._num_marks * self._num_past // self._num_letters
        return (num_dealt + np.arange(self._marks.size)) // self._marks.size


def _rng(seed: int, *stream: int) -> np.random.Generator:
    # SFC64 is the fastest of numpy's bit generators here (by 10 to 30 % of a shuffle).
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=stream)))


def _draw_counts(rng: np.random.Generator, remaining: Ints, num_drawn: int) -> Ints:
    """Draw how often each symbol stands among ``num_drawn`` of the ``remaining`` characters."""
    total = int(remaining.sum())
    if total < _MAX_HYPERGEOMETRIC:
        return rng.multivariate_hypergeometric(remaining, num_drawn, method="marginals")
    # The same law by its definition: distinct places among all that remain. It costs several
    # times the shuffle, but only in a text of more than a billion characters.
    places = np.sort(rng.integers(0, total, num_drawn))
    while not (is_new := np.diff(places, prepend=-1) > 0).all():
        again = rng.integers(0, total, num_drawn - np.count_nonzero(is_new))
        places = np.sort(np.concatenate([places[is_new], again]), kind="stable")
    return np.diff(np.searchsorted(places, np.cumsum(remaining)), prepend=0)


def _joined_blocks(text: BalancedText, seed: int) -> Iterator[tuple[Codes, bool]]:
    """Join blocks to a chunk's size, each with whether it is the last."""
    num_joined = _SPELLED_CHUNK_BLOCKS if text.split_letters else _CHUNK_BLOCKS
    held: list[Codes] = []
    num_left = text.num_clusters
    for block in shuffled_blocks(text, seed):
        held.append(block)
        num_left -= block.size
        if len(held) == num_joined or num_left == 0:
            yield np.concatenate(held), num_left == 0
            held.clear()


def _cut(text: BalancedText, seed: int) -> Iterator[_Pieces]:
    """Cut the shuffled text into pieces that lie end to end from the start of their codes."""
    draws = piece_sizes(text, seed)
    sizes = next(draws)
    rest: Codes | None = None
    for blocks, is_last in _joined_blocks(text, seed):
        codes = blocks if rest is None else np.concatenate([rest, blocks])
        bounds = seams(sizes)
        while bounds[-1] <= codes.size:
            sizes = np.concatenate([sizes, next(draws)])
            bounds = seams(sizes)
        num_whole = int(np.searchsorted(bounds, codes.size, side="right")) - 1
        sizes = sizes[num_whole:]
        bounds = bounds[: num_whole + 1]
        rest = codes[bounds[-1] :]
        if is_last and rest.size >= text.min_example_size:
            bounds = np.append(bounds, codes.size)
        yield _Pieces(codes, bounds[:-1], bounds[1:])


def _strip(pieces: _Pieces) -> tuple[Codes, Ints]:
    """Take the spaces off both ends of every piece, leave out the empty, close all gaps.

    Return the code points of all pieces end to end, and the pieces' lengths.
    """
    starts, stops = pieces.starts, pieces.stops
    if starts.size == 0:
        return pieces.codes[:0], starts
    codes = pieces.codes[: stops[-1]]
    spaces = np.flatnonzero(codes == _SPACE)
    if spaces.size == 0:
        return codes, stops - starts
    is_run_stop = np.append(np.diff(spaces) != 1, True)
    run_stops = spaces[is_run_stop] + 1
    run_starts = spaces[np.append(True, is_run_stop[:-1])]

    def run_of(positions: Ints) -> Ints:
        return np.searchsorted(run_starts, positions, side="right") - 1

    # Only the few pieces with a space at an edge are touched, and only dropped characters named.
    led = np.flatnonzero(codes[starts] == _SPACE)
    led_starts = starts[led]
    led_stops = np.minimum(run_stops[run_of(led_starts)], stops[led])
    kept_starts = starts.copy()
    kept_starts[led] = led_stops
    trailed = np.flatnonzero(codes[stops - 1] == _SPACE)
    trailed_stops = stops[trailed]
    trailed_starts = np.maximum(run_starts[run_of(trailed_stops - 1)], kept_starts[trailed])
    lengths = stops - kept_starts
    lengths[trailed] -= trailed_stops - trailed_starts

    is_kept = np.ones(codes.size, np.bool_)
    is_kept[spell_out(led_starts, led_stops - led_starts)] = False
    is_kept[spell_out(trailed_starts, trailed_stops - trailed_starts)] = False
    return codes[is_kept], lengths[lengths > 0] if led.size else lengths


def _spell_out(codes: Codes, lengths: Ints, width: int, min_size: int) -> tuple[Codes, Ints]:
    """Let each piece be followed by the lines of its characters with spaces between them."""
    starts = seams(lengths)
    # A space follows the last character too: wrapping drops it.
    spelled = np.full(2 * codes.size, _SPACE, codes.dtype)
    spelled[::2] = codes
    line_starts, line_stops, text_lines = lines_at_spaces(spelled == _SPACE, 2 * starts, width)
    line_lengths = line_stops - line_starts
    kept = np.flatnonzero(line_lengths >= min_size)
    pieces_of_lines = np.repeat(np.arange(lengths.size), np.diff(text_lines))[kept]

    # Stable: a piece comes before its own lines, and they in their order.
    order = np.argsort(np.concatenate([np.arange(lengths.size), pieces_of_lines]), kind="stable")
    all_starts = np.concatenate([starts[:-1], codes.size + line_starts[kept]])[order]
    all_lengths = np.concatenate([lengths, line_lengths[kept]])[order]
    both: Codes = np.concatenate([codes, spelled])
    return both.take(spell_out(all_starts, all_lengths)), all_lengths


def _encode(codes: Codes, lengths: Ints) -> TextChunk:
    if codes.dtype == np.uint8:
        return TextChunk(codes.astype(np.uint8, copy=False), lengths.astype(np.int32))
    if codes.dtype == np.uint64:
        parts = np.stack([codes >> shift & _CODE_POINT for shift in _SHIFTS], axis=1)
        lengths = np.diff(seams(np.count_nonzero(parts, axis=1))[seams(lengths)])
        codes = parts[parts > 0]
    values = np.frombuffer(codes.astype("<u4").tobytes().decode("utf-32-le").encode(), np.uint8)
    widths = np.ones(codes.size, np.int8)
    for first_wider in (0x80, 0x800, 0x10000):
        widths += codes >= first_wider
    lengths_bytes = np.diff(seams(widths)[seams(lengths)])
    return TextChunk(values, lengths_bytes.astype(np.int32))
