"""How often fonts are drawn: ``GLOB=SHARE``, by the names that labels give fonts.

    --font-share 'Lora*=3' --font-share '*Mono*=0'

The first glob that matches a font's name says its share; a font that none matches has 1. Which
fonts there are is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import escape
from typing import Self

from shmtext.config.kinds import Limits, Number, Schema, refusal

SHARE = Number(Limits(0, 1_000_000))
EXPECTED = "GLOB=SHARE, as in 'Lora*=3'"


@dataclass(frozen=True, slots=True)
class FontShare:
    """The share of fonts whose names match."""

    glob: str
    """As ``fnmatch`` has it; upper and lower case differ."""
    share: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what a setting says. Raises ``ConfigError``.

        >>> FontShare.parse("Inter.ttf@wght=*=0.5")
        FontShare(glob='Inter.ttf@wght=*', share=0.5)
        """
        glob, _, share = text.rpartition("=")
        try:
            number = float(share)
        except ValueError:
            raise refusal("font_share", EXPECTED, text) from None
        if not glob:
            raise refusal("font_share", EXPECTED, text)
        return cls(glob, SHARE.take(f"the share of font_share {text!r}", number))

    @classmethod
    def of_name(cls, name: str, share: float) -> Self:
        """The share of the fonts of one name, whatever that holds.

        >>> FontShare.of_name("a[1].ttf", 2).plain()
        'a[[]1].ttf=2'
        """
        return cls(escape(name), SHARE.take("share", share))

    def matches(self, name: str) -> bool:
        """Whether it says the share of a font of this name, if none before it does."""
        return fnmatchcase(name, self.glob)

    def plain(self) -> str:
        """As settings have it."""
        return f"{self.glob}={self.share}"


class FontShareKind:
    """The kind of a font's share: a text, brought to one form."""

    def take(self, name: str, value: object) -> str:
        """The text in that form."""
        if not isinstance(value, str) or "\0" in value:
            raise refusal(name, EXPECTED, value)
        return FontShare.parse(value).plain()

    def schema(self) -> Schema:
        """A string with a number behind its last sign of equality."""
        return {"type": "string", "pattern": "^.+=[^=]+$"}


def share_of(name: str, asked: Iterable[FontShare]) -> float:
    """The share of a font.

    >>> shares = [FontShare("Lora*", 3), FontShare("*", 0)]
    >>> share_of("Lora-Bold.ttf", shares), share_of("Inter.ttf", shares), share_of("Inter.ttf", [])
    (3, 0, 1)
    """
    return next((each.share for each in asked if each.matches(name)), 1)


def parsed(asked: Sequence[str]) -> list[FontShare]:
    """What a setting says, read."""
    return [FontShare.parse(each) for each in asked]
