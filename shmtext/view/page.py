"""All that a page tells of a run, as values. How it looks there is the templates', and what of it
is counted ``statistics.py``'s and ``timeline.py``'s.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from shmtext import __version__
from shmtext.config.writing import toml_of
from shmtext.dataset.committed import CommittedRun, StoredPicture
from shmtext.dataset.fragment import SkippedRow
from shmtext.dataset.locks import holders
from shmtext.dataset.places import RunPlace
from shmtext.dataset.survey import Survey, survey
from shmtext.engine.recorded import recorded_settings_in
from shmtext.view.embedding import EmbeddedPicture
from shmtext.view.of_run import pictures_all_over
from shmtext.view.statistics import Statistics, cut, statistics_of
from shmtext.view.timeline import Timeline, timeline_of

MOST_LOST = 60
"""Examples without a picture that are shown among the pictures."""
MOST_DAMAGES = 10
MOST_DIGESTS = 1_000
MOST_HOSTS = 16
HIGH_PX = 400
"""Pictures that are higher are shown smaller: several are to be seen at once."""
WIDE_PX, LOW_PX = 1_200, 20
"""Pictures that would be lower, if they were made so narrow, are scrolled: their text could not be
read."""

PICTURE, SKIPPED, FAILED, DAMAGED = "picture", "skipped", "failed", "damaged"
_STATES = {PICTURE: "pictures", SKIPPED: "skipped", FAILED: "failed", DAMAGED: "damaged"}


@dataclass(frozen=True, slots=True, eq=False)
class Card:
    """One example in the gallery."""

    state: str
    example: int
    text: str
    """Its beginning, where it is long."""
    num_characters: int
    """Of the whole text."""
    font: str | None
    font_size_px: int | None
    look: str | None
    reason: str = ""
    """Why it has no picture; empty where it has one."""
    stored: bytes = field(default=b"", repr=False)
    """The picture as it is stored."""
    width_px: int = 0
    height_px: int = 0
    picture: EmbeddedPicture | None = None
    """As it stands in the page; None where there is none, or not yet."""
    font_key: str = ""
    """Of the choice that it is among; likewise the next."""
    look_key: str = ""

    @property
    def is_cut(self) -> bool:
        """Whether only the text's beginning is shown."""
        return len(self.text) != self.num_characters

    @property
    def shown_px(self) -> tuple[int, int]:
        """Width and height that the picture is shown in: its own, unless it is high."""
        if self.height_px <= HIGH_PX:
            return self.width_px, self.height_px
        return max(self.width_px * HIGH_PX // self.height_px, 1), HIGH_PX

    @property
    def is_wide(self) -> bool:
        """Whether it is better scrolled than made smaller."""
        return self.width_px > WIDE_PX and self.height_px * WIDE_PX < LOW_PX * self.width_px


@dataclass(frozen=True, slots=True)
class Choice:
    """What a filter may ask for."""

    key: str
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Lines:
    """The first of so many lines."""

    num: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Digests:
    """The first of so many fonts, each with its SHA-256."""

    num: int
    fonts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """What a page tells of a run at one moment."""

    name: str
    is_finished: bool
    state: str
    num_examples: int
    num_images: int
    num_skipped: int
    num_failed: int
    image_bytes: int
    cards: tuple[Card, ...] = field(repr=False)
    fonts: tuple[Choice, ...]
    looks: tuple[Choice, ...]
    states: tuple[Choice, ...]
    statistics: Statistics
    timeline: Timeline | None
    """None where nothing is committed."""
    damages: Lines
    toml: str
    facts: tuple[tuple[str, str], ...]
    digests: Digests
    made_s: float
    """Unix time."""
    version: str = __version__

    @property
    def num_pictures(self) -> int:
        """That are shown."""
        return sum(card.state == PICTURE for card in self.cards)

    @property
    def num_recoded(self) -> int:
        """Of these, that are not as stored."""
        return sum(card.picture is not None and card.picture.is_recoded for card in self.cards)

    def with_pictures(self, pictures: Iterable[EmbeddedPicture]) -> Page:
        """The page with its pictures, in their order."""
        given = iter(pictures)
        cards = (replace(c, picture=next(given)) if c.stored else c for c in self.cards)
        return replace(self, cards=tuple(cards))


def page_of(run: CommittedRun, place: RunPlace, num_pictures: int) -> Page:
    """Look at all rows of a run and at some of its pictures.

    Raises ``FolderError`` for settings that another version wrote.
    """
    found = survey(run)
    pictures, damaged = pictures_all_over(run, num_pictures)
    cards = [
        *(_picture_card(each) for each in pictures),
        *(_lost_card(each, DAMAGED) for each in damaged),
        *_lost_cards(found),
    ]
    fonts = _choices(card.font for card in cards)
    looks = _choices(card.look for card in cards)
    keys_of_fonts = {each.name: each.key for each in fonts}
    keys_of_looks = {each.name: each.key for each in looks}
    timeline = timeline_of(run.manifests)
    recorded = recorded_settings_in(run.folder, run.record)
    is_finished = run.is_finished
    return Page(
        name=str(place),
        is_finished=is_finished,
        state=_state(run, is_finished),
        num_examples=run.record.plan.num_examples,
        num_images=run.num_images,
        num_skipped=run.num_skipped,
        num_failed=run.num_failed,
        image_bytes=run.image_bytes,
        cards=tuple(
            replace(
                card,
                font_key=keys_of_fonts.get(card.font or "", ""),
                look_key=keys_of_looks.get(card.look or "", ""),
            )
            for card in cards
        ),
        fonts=fonts,
        looks=looks,
        states=_states(cards),
        statistics=statistics_of(found),
        timeline=timeline,
        damages=_lines([*map(str, run.damages), *found.damages]),
        toml=toml_of(recorded.config, unknown=recorded.unknown),
        facts=tuple(_facts(run, timeline)),
        digests=_digests(run),
        made_s=time.time(),
    )


def _picture_card(stored: StoredPicture) -> Card:
    row = stored.row
    return Card(
        state=PICTURE,
        example=row["example_index"],
        text=cut(row["text"]),
        num_characters=len(row["text"]),
        font=row.get("font"),
        font_size_px=row.get("font_size_px"),
        look=row.get("look"),
        stored=stored.data,
        width_px=row["width_px"],
        height_px=row["height_px"],
    )


def _lost_card(lost: SkippedRow, state: str) -> Card:
    return Card(
        state=state,
        example=lost.example_index,
        text=cut(lost.text),
        num_characters=len(lost.text),
        font=lost.font,
        font_size_px=lost.font_size_px,
        look=None,
        reason=lost.reason,
    )


def _lost_cards(found: Survey) -> list[Card]:
    cards = (
        _lost_card(example, FAILED if kind.failed else SKIPPED)
        for kind in found.lost
        for example in kind.examples
    )
    return [card for card, _ in zip(cards, range(MOST_LOST), strict=False)]


def _choices(names: Iterable[str | None]) -> tuple[Choice, ...]:
    counts = Counter(name for name in names if name)
    return tuple(
        Choice(str(number), name, counts[name]) for number, name in enumerate(sorted(counts), 1)
    )


def _states(cards: Sequence[Card]) -> tuple[Choice, ...]:
    counts = Counter(card.state for card in cards)
    return tuple(Choice(key, name, counts[key]) for key, name in _STATES.items() if counts[key])


def _state(run: CommittedRun, is_finished: bool) -> str:
    if found := holders(run.folder):
        return f"Running: {found[0]}" + (f" and {len(found) - 1:,} more" if found[1:] else "")
    if is_finished:
        return "Finished"
    if len(run.manifests) == run.record.plan.num_shards:
        return "All shards are there, the label table is not"
    if run.folder.is_durable:
        return "Not finished"  # who is at work, no bucket tells
    return "Interrupted"


def _lines(lines: Sequence[str]) -> Lines:
    return Lines(len(lines), tuple(lines[:MOST_DAMAGES]))


def _facts(run: CommittedRun, timeline: Timeline | None) -> Iterable[tuple[str, str]]:
    record = run.record
    yield "Fingerprint", record.fingerprint
    yield "Container", f"{record.container.name}, of .{record.container.extension}"
    yield "Label columns", ", ".join(each.name for each in record.schema.columns)
    yield "Shards", f"{len(run.manifests):,} of {record.plan.num_shards:,} committed"
    if corpus := record.identity.get("corpus_sha256"):
        yield "Texts, SHA-256", str(corpus)
    if timeline is not None:
        hosts = ", ".join(timeline.hosts[:MOST_HOSTS])
        num_more = len(timeline.hosts) - MOST_HOSTS
        yield "Rendered on", hosts + (f" and {num_more:,} more hosts" if num_more > 0 else "")
    versions = record.identity.get("versions", {})
    effects = {name for name in versions if name.startswith("effect ")}
    if libraries := _versions(versions, versions.keys() - effects):
        yield "Libraries", libraries
    if of_effects := _versions(versions, effects):
        yield "Effects, versions", of_effects.replace("effect ", "")


def _versions(versions: dict[str, str | None], names: Iterable[str]) -> str:
    known = ((name, versions[name]) for name in sorted(names))
    return ", ".join(f"{name} {version}" for name, version in known if version is not None)


def _digests(run: CommittedRun) -> Digests:
    fonts = run.record.identity.get("fonts", {})
    return Digests(len(fonts), tuple(list(fonts.items())[:MOST_DIGESTS]))
