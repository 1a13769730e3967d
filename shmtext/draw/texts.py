"""A shard's texts before anything is drawn: decoded, wrapped, checked and styled.

Whether a text can be drawn is decided here, for all of them at once: too long, blank, or with
characters that no font has. Pixels, and the sizes of pictures, come later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ragged import RaggedTexts
from shmtext.corpus.ranges import Ints, all_in_ranges, seams
from shmtext.corpus.wrap import Lines, split_lines, wrap_texts
from shmtext.draw.characters import SOFT_HYPHEN, CharacterTable, describe
from shmtext.draw.draws import Stream, words
from shmtext.draw.settings import RenderSettings
from shmtext.draw.style import Styles, draw_styles

MAX_CHARACTERS = 10_000
"""Characters of an example; longer ones are skipped. A page of print has about 3,000."""

MAX_LABEL_CHARACTERS = 2**31
"""Of a label, which may be longer than its text: no bound of its own."""

MAX_NAMED = 5
"""Characters that a reason names; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Skip:
    """A text that is not drawn, and why."""

    position: int
    """Of the text within its shard."""
    reason: str
    failed: bool = False
    """Drawing it was tried and went wrong; otherwise it was known not to be drawable."""


@dataclass(frozen=True, slots=True, eq=False)
class ShardTexts:
    """A shard's texts, wrapped and styled, before anything is drawn."""

    texts: RaggedTexts
    lines: Lines
    is_wrapped: bool
    characters: NDArray[np.int32]
    """Id of each of ``lines.codes`` in the maker's character table."""
    styles: Styles
    face_id: Ints
    is_drawable: NDArray[np.bool_]
    needs_shaping: NDArray[np.bool_]
    skips: list[Skip] = field(default_factory=list)
    """Texts that are not drawn; drawing may add to it."""

    def lines_of(self, position: int) -> list[str]:
        """Return the lines of one text as strings."""
        first, last = self.lines.text_lines[position : position + 2].tolist()
        starts = self.lines.line_starts[first : last + 1].tolist()
        text = self.lines.codes[starts[0] : starts[-1]].tobytes().decode("utf-32-le")
        return [text[start - starts[0] : stop - starts[0]] for start, stop in pairwise(starts)]

    def characters_of(self, position: int) -> NDArray[np.int32]:
        """Return the ids of one text's characters, those of its lines end to end."""
        first, last = self.lines.text_lines[position : position + 2].tolist()
        return self.characters[self.lines.line_starts[first] : self.lines.line_starts[last]]

    def labels(self, positions: Ints) -> RaggedTexts:
        """Return what was drawn for these texts: their lines, joined with newlines."""
        if not self.is_wrapped:
            return self.texts.take(positions)
        return _join_lines(self.lines).take(positions)


@dataclass(frozen=True, slots=True, eq=False)
class DecodedTexts:
    """Texts as code points, line by line."""

    texts: RaggedTexts
    lines: Lines
    is_wrapped: bool
    is_short: NDArray[np.bool_]
    """Whether a text has not too many characters; others have no lines here."""


def decode_texts(
    texts: RaggedTexts, max_chars_per_line: int | None, at_most: int = MAX_CHARACTERS
) -> DecodedTexts:
    """Decode texts and break them into lines: wrapped, or at their newlines alone."""
    codes, text_seams = _code_points(texts)
    is_short: NDArray[np.bool_] = np.diff(text_seams) <= at_most
    if not is_short.all():
        codes, text_seams = _without(codes, text_seams, ~is_short)
    if max_chars_per_line is None:
        return DecodedTexts(texts, split_lines(codes, text_seams), False, is_short)
    return DecodedTexts(texts, wrap_texts(codes, text_seams, max_chars_per_line), True, is_short)


def style_texts(
    decoded: DecodedTexts,
    start: int,
    settings: RenderSettings,
    table: CharacterTable,
    *,
    can_shape: bool,
) -> ShardTexts:
    """Check and style the texts of examples ``[start, start + len(decoded.texts))``."""
    texts, lines = decoded.texts, decoded.lines
    characters = table.ids(lines.codes)
    starts = lines.line_starts[lines.text_lines]
    skips: list[Skip] = []
    is_drawable = np.ones(len(texts), np.bool_)

    def skip(which: NDArray[np.bool_], reason: str) -> None:
        for position in np.flatnonzero(which & is_drawable).tolist():
            skips.append(Skip(position, reason))
        is_drawable[which] = False

    skip(~decoded.is_short, f"longer than {MAX_CHARACTERS:,} characters")
    skip(all_in_ranges(table.is_blank[characters], starts), "blank")
    support, needs_shaping = None, np.zeros(len(texts), np.bool_)
    if not table.all_plain:
        support = _support(table, characters, starts)
        needs_shaping = _any_in_ranges(table.needs_shaping[characters], starts)

        def skip_for_characters(
            which: NDArray[np.bool_], why: Callable[[CharacterTable, NDArray[np.int32]], str]
        ) -> None:
            for position in np.flatnonzero(which & is_drawable).tolist():
                ids = np.unique(characters[starts[position] : starts[position + 1]])
                skips.append(Skip(position, why(table, ids)))
            is_drawable[which] = False

        skip_for_characters(_any_in_ranges(table.is_hidden[characters], starts), _why_hidden)
        skip_for_characters(np.logical_not(support.any(axis=1)), _why_uncovered)
        if not can_shape:
            skip(needs_shaping, "needs shaping, and Pillow finds no FriBiDi on this host")
        elif needs_shaping.any():
            has_hyphen = _any_in_ranges(lines.codes == SOFT_HYPHEN, starts)
            skip(has_hyphen & needs_shaping, "U+00AD leaves no ink in a text that needs shaping")
    counts = len(settings.fonts), len(settings.style.font_sizes), len(settings.color_pairs)
    drawn = words(settings.seed, Stream.STYLE, start, start + len(texts))
    styles = draw_styles(drawn, support, counts)
    return ShardTexts(
        texts=texts,
        lines=lines,
        is_wrapped=decoded.is_wrapped,
        characters=characters,
        styles=styles,
        face_id=styles.font_id * counts[1] + styles.size_id,
        is_drawable=is_drawable,
        needs_shaping=needs_shaping,
        skips=skips,
    )


def _support(
    table: CharacterTable, characters: NDArray[np.int32], starts: Ints
) -> NDArray[np.bool_]:
    """Which fonts draw all of each text, shape ``(num_texts, num_fonts)``."""
    num_fonts = table.support.shape[1]
    support = np.ones((starts.size - 1, num_fonts), np.bool_)
    is_partial: NDArray[np.bool_] = np.logical_not(table.support.all(axis=1))
    places = np.flatnonzero(is_partial[characters])
    text = np.searchsorted(starts, places, side="right") - 1
    for font_id in range(num_fonts):
        support[text[~table.support[characters[places], font_id]], font_id] = False
    return support


def _any_in_ranges(values: NDArray[np.bool_], starts: Ints) -> NDArray[np.bool_]:
    """Whether any of a text's characters has a property, of each text."""
    return np.logical_not(all_in_ranges(~values, starts))


def _why_hidden(table: CharacterTable, ids: NDArray[np.int32]) -> str:
    return describe_inkless(table, ids[table.is_hidden[ids]])


def describe_inkless(table: CharacterTable, ids: NDArray[np.int32]) -> str:
    """Say of some characters that they leave no ink."""
    return f"{_describe(table, ids)} {'leaves' if ids.size == 1 else 'leave'} no ink"


def _why_uncovered(table: CharacterTable, ids: NDArray[np.int32]) -> str:
    nowhere = ids[~table.support[ids].any(axis=1)]
    if nowhere.size:
        return f"no font covers {_describe(table, nowhere)}"
    partly = ids[~table.support[ids].all(axis=1)]
    return f"no font covers all of {_describe(table, partly)}"


def _describe(table: CharacterTable, ids: NDArray[np.int32]) -> str:
    code_points = sorted(table.code_points[ids].tolist())
    more = f" and {len(code_points) - MAX_NAMED} more" if len(code_points) > MAX_NAMED else ""
    return ", ".join(map(describe, code_points[:MAX_NAMED])) + more


def _code_points(texts: RaggedTexts) -> tuple[NDArray[np.uint32], Ints]:
    """Decode all texts at once: code points end to end, and the seams between texts."""
    if texts.values.size == 0 or int(texts.values.max()) < 0x80:
        return texts.values.astype(np.uint32), texts.offsets
    decoded = bytes(texts.values).decode().encode("utf-32-le")
    is_first_byte = (texts.values & 0xC0) != 0x80
    return np.frombuffer(decoded, np.uint32), seams(is_first_byte)[texts.offsets]


def _without(
    codes: NDArray[np.uint32], text_seams: Ints, dropped: NDArray[np.bool_]
) -> tuple[NDArray[np.uint32], Ints]:
    """Empty some texts, so that nothing further is spent on them."""
    lengths = np.diff(text_seams)
    kept = np.repeat(~dropped, lengths)
    return codes[kept], seams(np.where(dropped, 0, lengths))


def _join_lines(lines: Lines) -> RaggedTexts:
    """Lines of each text joined with newlines, as UTF-8."""
    # A newline goes before every line but the first of its text.
    num_lines = lines.line_starts.size - 1
    is_first = np.zeros(num_lines + 1, np.bool_)
    is_first[lines.text_lines[:-1]] = True
    newlines = seams(~is_first[:-1])
    joined = np.full(lines.codes.size + int(newlines[-1]), ord("\n"), np.uint32)
    newlines_up_to = np.repeat(newlines[1:], np.diff(lines.line_starts))
    joined[np.arange(lines.codes.size) + newlines_up_to] = lines.codes
    text_starts = lines.line_starts[lines.text_lines] + newlines[lines.text_lines]
    num_bytes = 1 + (joined > 0x7F).astype(np.int64) + (joined > 0x7FF) + (joined > 0xFFFF)
    encoded = joined.tobytes().decode("utf-32-le").encode()
    return RaggedTexts(np.frombuffer(encoded, np.uint8), seams(num_bytes)[text_starts])
