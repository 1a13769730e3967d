"""How well texts were read: what is counted, and nothing of who read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PERCENT = 100


@dataclass(frozen=True, slots=True)
class Score:
    """Shares of texts, in percent; case and spaces never count."""

    word: float
    """Texts whose letters and digits are all right; those that have none are left out."""
    full: float
    """Texts that are right with all their marks."""
    cer: float
    """Characters that were wrong, too many or missing, of all that there are."""


def score(said: Sequence[str], texts: Sequence[str]) -> Score:
    """Compare what was read with what is there.

    >>> score(["total 12.5O", "exit"], ["total: 12.50", "exit"])
    Score(word=50.0, full=50.0, cer=13.333333333333334)
    """
    from rapidfuzz.distance import Levenshtein  # noqa: PLC0415 - the extra learn has it

    pairs = [(_joined(read), _joined(text)) for read, text in zip(said, texts, strict=True)]
    words = [(_bare(read), bare) for read, text in pairs if (bare := _bare(text))]
    num_wrong = sum(Levenshtein.distance(read, text) for read, text in pairs)
    return Score(
        word=PERCENT * sum(read == text for read, text in words) / max(1, len(words)),
        full=PERCENT * sum(read == text for read, text in pairs) / len(pairs),
        cer=PERCENT * num_wrong / sum(len(text) for _, text in pairs),
    )


def misread(said: Sequence[str], texts: Sequence[str]) -> list[int]:
    """Numbers of texts that were not read right with all their marks."""
    pairs = enumerate(zip(said, texts, strict=True))
    return [number for number, (read, text) in pairs if _joined(read) != _joined(text)]


def _joined(text: str) -> str:
    return text.replace(" ", "")


def _bare(text: str) -> str:
    return "".join(character for character in text if character.isalnum())
