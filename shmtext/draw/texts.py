"""A shard's texts before anything is drawn: decoded, wrapped, checked and styled.

Whether a text can be drawn is decided here, for all of them at once: too long, blank, or with
characters that no font has. Pixels, and the sizes of pictures, come later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shmtext.config import Style
from shmtext.corpus.ragged import RaggedTexts, code_points
from shmtext.corpus.ranges import Ints, all_in_ranges, seams, spell_out
from shmtext.corpus.wrap import Lines, split_lines, wrap_texts
from shmtext.draw.characters import LEFTWARDS, CharacterTable, describe
from shmtext.draw.draws import Stream, words_of
from shmtext.draw.faces import FontFile
from shmtext.draw.fallback import Cover, asking_order
from shmtext.draw.page import Pages
from shmtext.draw.settings import RenderSettings
from shmtext.draw.style import Styles, draw_looks, draw_styles

MAX_CHARACTERS = 10_000
"""Characters of an example; longer ones are skipped. A page of print has about 3,000."""

MAX_LABEL_CHARACTERS = 2**31
"""Of a label, which may be longer than its text: no bound of its own."""

MOST_OF_LINE = 48
"""Characters of a line that stands beside another text: of longer ones the rest would hardly be
seen, and costs."""

MAX_NAMED = 5
"""Characters that a reason names; the rest are counted."""


FirstLinesOf = Callable[[Ints], tuple[NDArray[np.uint32], Ints]]
"""Gives the first lines of examples, or their beginnings, by the examples' numbers in the run: code
points end to end, and the seams between lines."""


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

    examples: Ints
    """By which numbers the texts' random words are drawn, ``(num_texts,)``."""
    texts: RaggedTexts
    lines: Lines
    is_wrapped: bool
    characters: NDArray[np.int32]
    """Id of each of ``lines.codes`` in the maker's character table."""
    styles: Styles
    face_id: Ints
    is_drawable: NDArray[np.bool_]
    is_rtl: NDArray[np.bool_]
    """Texts that read from right to left."""
    is_shaped: NDArray[np.bool_]
    """Texts drawn in layout ``full``; others in ``basic``."""
    fonts: Mapping[int, Ints]
    """Font of each character, those of a text's lines end to end, of texts drawn in several."""
    skips: list[Skip] = field(default_factory=list)
    """Texts that are not drawn; drawing may add to it."""
    first_lines_of: FirstLinesOf | None = None
    """Knows those of all examples up to these; None: nobody asks."""
    pages: Pages | None = None
    """How each stands on its picture; None: as texts do by default."""

    def pages_of(self, positions: Ints) -> Pages | None:
        """How some of the texts stand."""
        return None if self.pages is None else self.pages.take(positions)

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

    def further_fonts(self, position: int) -> tuple[int, ...]:
        """Fonts in which a text is drawn beside its own, in ascending order."""
        if position not in self.fonts:
            return ()
        fonts = np.unique(self.fonts[position])
        return tuple(fonts[fonts != self.styles.font_id[position]].tolist())

    def with_lines(self, lines: Lines, kept: Ints) -> ShardTexts:
        """The same texts in other lines, whose characters were at the places ``kept``."""
        starts = self.lines.line_starts[self.lines.text_lines]
        seams_of_kept = lines.line_starts[lines.text_lines]
        fonts = {
            position: of[kept[slice(*seams_of_kept[position : position + 2])] - starts[position]]
            for position, of in self.fonts.items()
        }
        return replace(
            self, lines=lines, is_wrapped=True, characters=self.characters[kept], fonts=fonts
        )

    def labels(self, positions: Ints) -> RaggedTexts:
        """Return what was drawn for these texts: their lines, joined with newlines."""
        if not self.is_wrapped:
            return self.texts.take(positions)
        return join_lines(self.lines).take(positions)


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
    codes, text_seams = code_points(texts)
    is_short: NDArray[np.bool_] = np.diff(text_seams) <= at_most
    if not is_short.all():
        codes, text_seams = _without(codes, text_seams, ~is_short)
    if max_chars_per_line is None:
        return DecodedTexts(texts, split_lines(codes, text_seams), False, is_short)
    return DecodedTexts(texts, wrap_texts(codes, text_seams, max_chars_per_line), True, is_short)


def labels_of_texts(texts: RaggedTexts, max_chars_per_line: int | None) -> RaggedTexts:
    """What is drawn for texts: their lines, joined with newlines; see ``ShardTexts.labels``."""
    if max_chars_per_line is None:
        return texts
    return join_lines(decode_texts(texts, max_chars_per_line).lines)


def first_lines(
    texts: RaggedTexts, max_chars_per_line: int | None
) -> tuple[NDArray[np.uint32], Ints]:
    """Each text's first line, or its beginning, as ``FirstLinesOf`` gives it."""
    return first_of(decode_texts(texts, max_chars_per_line).lines)


def first_of(lines: Lines) -> tuple[NDArray[np.uint32], Ints]:
    """The first of each text's lines, or its beginning."""
    first = lines.text_lines[:-1]
    has_lines = lines.text_lines[1:] > first
    # Of a text without lines the next one's is looked at, or the last seam.
    start = lines.line_starts[first]
    stop = lines.line_starts[np.minimum(first + 1, lines.line_starts.size - 1)]
    length = np.where(has_lines, np.minimum(stop - start, MOST_OF_LINE), 0)
    return lines.codes[spell_out(start, length)], seams(length)


@dataclass(frozen=True, slots=True, eq=False)
class CheckedTexts:
    """What is known of texts before a font is drawn for each."""

    characters: NDArray[np.int32]
    """Id of each of their lines' characters in the table."""
    starts: Ints
    """The texts' seams among these."""
    support: NDArray[np.bool_] | None
    """Which fonts draw all of each text, ``(num_texts, num_fonts)``; None: all do."""
    has_all: NDArray[np.bool_] | None
    """Likewise, which have all of it as it is written."""
    is_drawable: NDArray[np.bool_]
    """Texts that could be drawn, if there were a font."""
    is_rtl: NDArray[np.bool_]
    is_shaped: NDArray[np.bool_]
    """Texts that are drawn in layout ``full`` in any font."""
    skips: list[Skip]
    """Why others can't be."""

    def skip(self, which: NDArray[np.bool_], why: Callable[[int], str]) -> None:
        """Let texts not be drawn, of those that still are to be; ``why`` tells of each."""
        for position in np.flatnonzero(which & self.is_drawable).tolist():
            self.skips.append(Skip(position, why(position)))
        self.is_drawable[which] = False

    def ids_of(self, position: int) -> NDArray[np.int32]:
        """The characters of one text, each once."""
        return np.unique(self.characters[self.starts[position] : self.starts[position + 1]])


def check_texts(decoded: DecodedTexts, style: Style, table: CharacterTable) -> CheckedTexts:
    """Find out which texts can be drawn, and in which fonts."""
    texts, lines = decoded.texts, decoded.lines
    characters = table.ids(lines.codes)
    starts = lines.line_starts[lines.text_lines]
    is_basic = style.layout == "basic"
    support = has_all = None
    is_rtl, is_shaped = (
        np.full(len(texts), style.direction == "rtl"),
        np.full(len(texts), not is_basic),
    )
    if not table.all_plain:
        has_all = _support(table.support, characters, starts)
        # In layout basic what is drawn as it is written stays so.
        support = _widened(has_all, lines, characters, table, as_written=is_basic)
        is_shaped |= _have_any(table.needs_shaping, characters, starts)
        if style.direction == "auto" and (table.reads == LEFTWARDS).any():
            is_rtl = _first_is_rtl(table.reads[characters], starts)
    checked = CheckedTexts(
        characters=characters,
        starts=starts,
        support=support,
        has_all=has_all,
        is_drawable=np.ones(len(texts), np.bool_),
        is_rtl=is_rtl,
        is_shaped=is_shaped,
        skips=[],
    )
    checked.skip(~decoded.is_short, lambda _: f"longer than {MAX_CHARACTERS:,} characters")
    checked.skip(all_in_ranges(table.is_blank[characters], starts), lambda _: "blank")
    if not table.all_plain:
        checked.skip(
            _have_any(table.is_hidden, characters, starts),
            lambda position: _why_hidden(table, checked.ids_of(position)),
        )
        checked.skip(
            np.logical_not(all_in_ranges(~_has_no_letter(table, characters, lines), starts)),
            lambda _: "begins with a mark, which has no letter to stand on",
        )
    return checked


def style_texts(
    decoded: DecodedTexts,
    examples: Ints,
    settings: RenderSettings,
    table: CharacterTable,
    font_id: Ints | None = None,
) -> ShardTexts:
    """Check and style the texts of examples, each to be drawn in the font ``font_id`` says.

    None: a font is drawn for each among those that cover it.
    """
    checked = check_texts(decoded, settings.style, table)
    support, covers = checked.support, {}
    if support is not None and font_id is not None:
        covers = _cover_in(font_id, support, checked, decoded.lines, (table, settings))
        support = None
    elif support is not None:
        if settings.style.fallback != "none":
            uncovered = np.flatnonzero(checked.is_drawable & ~support.any(axis=1))
            covers = _covers(uncovered, decoded.lines, checked.characters, table, settings)
            support = support.copy()
            for position, cover in covers.items():
                support[position] = cover.mains
        checked.skip(
            np.logical_not(support.any(axis=1)),
            lambda position: _why_uncovered(table, checked.ids_of(position)),
        )
    counts = len(settings.fonts), settings.num_sizes, len(settings.color_pairs)
    drawn = words_of(settings.seed, Stream.STYLE, examples)
    looks = settings.config.look.looks
    styles = draw_styles(drawn, support, counts, settings.font_shares)
    if font_id is not None:
        styles = replace(styles, font_id=font_id)
    if looks:
        of_look = words_of(settings.seed, Stream.LOOK, examples)
        look_id = draw_looks(of_look, [look.share for look in looks])
        styles = replace(styles, look_id=look_id)
    # A font that is asked for comes before others.
    by_character = settings.style.fallback == "character" and font_id is None
    fonts = {
        position: cover.fonts(int(styles.font_id[position]), by_character=by_character)
        for position, cover in covers.items()
    }
    is_shaped = checked.is_shaped
    if checked.has_all is not None:
        # Only shaping composes and decomposes.
        is_shaped |= ~checked.has_all[np.arange(len(decoded.texts)), styles.font_id]
    return ShardTexts(
        examples=examples,
        texts=decoded.texts,
        lines=decoded.lines,
        is_wrapped=decoded.is_wrapped,
        characters=checked.characters,
        styles=styles,
        face_id=styles.font_id * counts[1] + styles.size_id,
        is_drawable=checked.is_drawable,
        is_rtl=checked.is_rtl & is_shaped,
        is_shaped=is_shaped,
        fonts=fonts,
        skips=checked.skips,
    )


def drawn_as_written(
    font_id: Ints,
    characters: NDArray[np.int32],
    starts: Ints,
    table: CharacterTable,
    style: Style,
) -> NDArray[np.bool_]:
    """Which texts the fonts given for each have all of, so that they are drawn without more ado.

    ``starts`` are the texts' seams among the ``characters``.
    """
    font_of_character = np.repeat(font_id, np.diff(starts))
    is_fit = table.support[characters, font_of_character] & ~table.is_hidden[characters]
    if style.layout == "basic":
        is_fit &= ~table.needs_shaping[characters]
    is_first = np.zeros(characters.size, np.bool_)
    is_first[starts[:-1][np.diff(starts) > 0]] = True
    is_fit &= ~(table.is_mark[characters] & is_first)
    is_drawn: NDArray[np.bool_] = all_in_ranges(is_fit, starts)
    is_drawn &= ~all_in_ranges(table.is_blank[characters], starts)
    return is_drawn


def read_leftwards(
    characters: NDArray[np.int32], starts: Ints, table: CharacterTable, style: Style
) -> NDArray[np.bool_]:
    """Which texts read from right to left."""
    if style.direction == "auto":
        return _first_is_rtl(table.reads[characters], starts)
    return np.full(starts.size - 1, style.direction == "rtl")


def _support(
    has: NDArray[np.bool_], characters: NDArray[np.int32], starts: Ints
) -> NDArray[np.bool_]:
    """Which fonts have all of each text, given which have each character.

    Shapes ``(num_texts, num_fonts)`` and ``(num_characters, num_fonts)``.
    """
    num_fonts = has.shape[1]
    support = np.ones((starts.size - 1, num_fonts), np.bool_)
    is_partial: NDArray[np.bool_] = np.logical_not(has.all(axis=1))
    places = np.flatnonzero(is_partial[characters])
    text = np.searchsorted(starts, places, side="right") - 1
    for font_id in range(num_fonts):
        support[text[~has[characters[places], font_id]], font_id] = False
    return support


def _widened(
    support: NDArray[np.bool_],
    lines: Lines,
    characters: NDArray[np.int32],
    table: CharacterTable,
    *,
    as_written: bool,
) -> NDArray[np.bool_]:
    """Add to the fonts that have all of a text those that draw it as shaping (de)composes it.

    ``as_written``: only where no font has all of it as it is.
    """
    starts = lines.line_starts[lines.text_lines]
    drawn_alone = table.drawn_alone()
    if not np.array_equal(drawn_alone, table.support):
        widened = _support(drawn_alone, characters, starts)
        if as_written:
            widened[support.any(axis=1)] = support[support.any(axis=1)]
        support = widened
    has_marks = _have_any(table.continues, characters, starts)
    if not has_marks.any():
        return support
    composable = table.support | table.is_composable[:, None]
    is_open = has_marks & (_support(composable, characters, starts) & ~support).any(axis=1)
    if as_written:
        is_open &= ~support.any(axis=1)
    support = support.copy()
    for position in np.flatnonzero(is_open).tolist():
        rows, _ = _rows_of_clusters(position, lines, characters, table)
        support[position] |= np.logical_and.reduce(rows)
    return support


def _covers(
    positions: Ints,
    lines: Lines,
    characters: NDArray[np.int32],
    table: CharacterTable,
    settings: RenderSettings,
) -> dict[int, Cover]:
    """Find fonts for the parts of texts; those with a part that no font has are left out."""
    order = asking_order(settings.fonts)
    covers: dict[int, Cover] = {}
    for position in positions.tolist():
        rows, lengths = _rows_of_clusters(position, lines, characters, table)
        by_character = settings.style.fallback == "character"
        cover = Cover.of(np.repeat(rows, lengths, axis=0), order, by_character=by_character)
        if cover is not None:
            covers[position] = cover
    return covers


def _cover_in(
    font_id: Ints,
    support: NDArray[np.bool_],
    checked: CheckedTexts,
    lines: Lines,
    others: tuple[CharacterTable, RenderSettings],
) -> dict[int, Cover]:
    """Skip texts that the fonts asked for don't cover; with fallback, if these have none of them.

    Returns fonts for the parts of those that others help with.
    """
    table, settings = others
    is_covered = support[np.arange(font_id.size), font_id]
    covers: dict[int, Cover] = {}
    if settings.style.fallback != "none":
        uncovered = np.flatnonzero(checked.is_drawable & ~is_covered)
        covers = {
            position: cover
            for position, cover in _covers(
                uncovered, lines, checked.characters, table, settings
            ).items()
            if _has_ink_of(position, cover.has[:, font_id[position]], checked, table)
        }
        is_covered[list(covers)] = True
    checked.skip(
        ~is_covered,
        lambda position: _why_lacking(
            table, checked.ids_of(position), settings.fonts, int(font_id[position])
        ),
    )
    return covers


def _has_ink_of(
    position: int, has: NDArray[np.bool_], checked: CheckedTexts, table: CharacterTable
) -> bool:
    """Whether a font has any of a text's characters that leave ink, given which it has."""
    start, stop = checked.starts[position : position + 2].tolist()
    return bool((has & ~table.is_blank[checked.characters[start:stop]]).any())


def _rows_of_clusters(
    position: int, lines: Lines, characters: NDArray[np.int32], table: CharacterTable
) -> tuple[NDArray[np.bool_], Ints]:
    """Which fonts draw each cluster of a text, ``(num_clusters, num_fonts)``, and their lengths."""
    first, last = lines.text_lines[position : position + 2].tolist()
    line_starts = lines.line_starts[first : last + 1]
    own = characters[line_starts[0] : line_starts[-1]]
    begins = ~(table.continues[own] | table.is_joiner[own])
    begins[(line_starts[:-1] - line_starts[0])[np.diff(line_starts) > 0]] = True
    text = lines.codes[line_starts[0] : line_starts[-1]].tobytes().decode("utf-32-le")
    seams = np.append(np.flatnonzero(begins), len(text))
    clusters = [text[start:stop] for start, stop in pairwise(seams.tolist())]
    return np.stack([table.equivalents.row(cluster) for cluster in clusters]), np.diff(seams)


def _have_any(
    has: NDArray[np.bool_], characters: NDArray[np.int32], starts: Ints
) -> NDArray[np.bool_]:
    """Which texts have a character with a property, given which characters have it."""
    if not has.any():
        return np.zeros(starts.size - 1, np.bool_)
    return np.logical_not(all_in_ranges(~has[characters], starts))


def _first_is_rtl(reads: NDArray[np.int8], starts: Ints) -> NDArray[np.bool_]:
    """Whether a text's first character with a direction reads leftwards, of each (UAX 9, P2)."""
    strong = np.flatnonzero(reads)
    first = np.searchsorted(strong, starts[:-1])
    at = np.append(strong, starts[-1])[first]
    is_leftwards = np.append(reads, 0)[at] == LEFTWARDS
    result: NDArray[np.bool_] = is_leftwards & (at < starts[1:])
    return result


def _has_no_letter(
    table: CharacterTable, characters: NDArray[np.int32], lines: Lines
) -> NDArray[np.bool_]:
    """Which characters are marks at a line's start, where they have nothing to stand on."""
    first = lines.line_starts[:-1][np.diff(lines.line_starts) > 0]
    bare = np.zeros(characters.size, np.bool_)
    bare[first] = table.is_mark[characters[first]]
    return bare


def _why_hidden(table: CharacterTable, ids: NDArray[np.int32]) -> str:
    return describe_inkless(table, ids[table.is_hidden[ids]])


def describe_inkless(table: CharacterTable, ids: NDArray[np.int32]) -> str:
    """Say of some characters that they leave no ink."""
    return f"{_describe(table, ids)} {'leaves' if ids.size == 1 else 'leave'} no ink"


def _why_uncovered(table: CharacterTable, ids: NDArray[np.int32]) -> str:
    nowhere = ids[~table.support[ids].any(axis=1)]
    selectors = ids[table.is_selector[ids]]
    if nowhere.size > selectors.size:
        return f"no font covers {_describe(table, np.setdiff1d(nowhere, selectors))}"
    if selectors.size:
        return describe_inkless(table, selectors)
    partly = ids[~table.support[ids].all(axis=1)]
    return f"no font covers all of {_describe(table, partly)}"


def _why_lacking(
    table: CharacterTable, ids: NDArray[np.int32], fonts: Sequence[FontFile], font_id: int
) -> str:
    name = fonts[font_id].name
    lacking = ids[~table.drawn_alone()[ids, font_id] & ~table.is_selector[ids]]
    if lacking.size:
        return f"{name} does not cover {_describe(table, lacking)}"
    selectors = ids[table.is_selector[ids]]
    if selectors.size:
        return describe_inkless(table, selectors)
    return f"{name} does not cover {_describe(table, ids[table.continues[ids]])}"


def _describe(table: CharacterTable, ids: NDArray[np.int32]) -> str:
    code_points = sorted(table.code_points[ids].tolist())
    more = f" and {len(code_points) - MAX_NAMED} more" if len(code_points) > MAX_NAMED else ""
    return ", ".join(map(describe, code_points[:MAX_NAMED])) + more


def _without(
    codes: NDArray[np.uint32], text_seams: Ints, dropped: NDArray[np.bool_]
) -> tuple[NDArray[np.uint32], Ints]:
    """Empty some texts, so that nothing further is spent on them."""
    lengths = np.diff(text_seams)
    kept = np.repeat(~dropped, lengths)
    return codes[kept], seams(np.where(dropped, 0, lengths))


def join_lines(lines: Lines) -> RaggedTexts:
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
