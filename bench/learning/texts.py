"""Texts as they stand on signs and in documents: recipes for a corpus of English.

    python -m bench.learning.texts scene 20000 > scene.txt
    python -m bench.learning.texts documents 20000 > documents.txt
    python -m bench.learning.texts both 20000 > texts.txt

Words come from wordfreq, the best kept list of how often words occur (the extra ``learn`` has it);
case, numbers, prices, dates and marks are drawn around them, with the shares that stand here. One
text a line, in printable ASCII. Which pictures they become is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import accumulate
from random import Random

import click

MAX_LENGTH = 25
"""Characters of a text; longer ones are drawn anew."""

NUM_WORDS = 40_000
"""The commonest, of which texts are made."""

FLATTENING = 0.6
"""The power that frequencies are raised to: as they are, one word in sixteen would be *the*."""

SHORT_CODES = (
    "AB",
    "CD",
    "GR",
    "KG",
    "LTD",
    "NO",
    "PCS",
    "PT",
    "QTY",
    "REF",
    "SR",
    "ST",
    "TEL",
    "X",
)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Recipe = Callable[[Random], str]


def scene(random: Random) -> str:
    """A text as signs, labels, covers and shop fronts have them: mostly a single word."""
    return _one_of(
        random,
        (
            (0.80, lambda: _cased(random, _word(random))),
            (0.05, lambda: _cased(random, f"{_word(random)} {_word(random)}")),
            (0.05, lambda: _cased(random, _word(random)) + random.choice("'!?.,:&-")),
            (0.07, lambda: _number(random)),
            (0.03, lambda: _price(random)),
        ),
    )


def documents(random: Random) -> str:
    """A piece of a line as forms, letters and receipts have them."""
    return _one_of(
        random,
        (
            (0.38, lambda: _cased(random, _words(random))),
            (0.10, lambda: _cased(random, _words(random)) + random.choice([":", " :", ".", ","])),
            (0.06, lambda: _cased(random, _bracketed(random))),
            (0.17, lambda: _price(random)),
            (0.08, lambda: _number(random)),
            (0.06, lambda: _date(random)),
            (0.03, lambda: _time(random)),
            (0.06, lambda: _code(random)),
            (0.06, lambda: f"{_cased(random, _word(random))} {_number(random)}"),
        ),
    )


def both(random: Random) -> str:
    """One of either."""
    return random.choice((scene, documents))(random)


RECIPES: dict[str, Recipe] = {"scene": scene, "documents": documents, "both": both}


def texts(recipe: str, num_texts: int, seed: int = 0) -> Iterator[str]:
    """Draw texts, none longer than ``MAX_LENGTH``; the first ones of more are the same."""
    random = Random(seed)
    for _ in range(num_texts):
        while len(text := RECIPES[recipe](random)) > MAX_LENGTH:
            pass
        yield text


def _one_of(random: Random, cases: tuple[tuple[float, Callable[[], str]], ...]) -> str:
    shares, made = zip(*cases, strict=True)
    drawn: Callable[[], str] = random.choices(made, shares)[0]
    return drawn()


@cache
def _vocabulary() -> tuple[list[str], list[float]]:
    """Words, and the running sum of their weights."""
    import wordfreq  # noqa: PLC0415 - the extra learn has it; recipes can be listed without

    words = [
        word
        for word in wordfreq.top_n_list("en", NUM_WORDS)
        if word.isascii() and word.replace("'", "").isalpha()
    ]
    weights = (wordfreq.word_frequency(word, "en") ** FLATTENING for word in words)
    return words, list(accumulate(weights))


def _word(random: Random) -> str:
    words, sums = _vocabulary()
    return random.choices(words, cum_weights=sums)[0]


def _words(random: Random) -> str:
    count = random.choices((1, 2, 3, 4), (5, 3, 2, 1))[0]
    return " ".join(_word(random) for _ in range(count))


def _cased(random: Random, text: str) -> str:
    return random.choices((text, text.capitalize(), _titled(text), text.upper()), (2, 1, 2, 4))[0]


def _titled(text: str) -> str:
    """Each word with a capital; ``str.title`` would begin one after an apostrophe, too."""
    return " ".join(map(str.capitalize, text.split(" ")))


def _bracketed(random: Random) -> str:
    return random.choice(("({})", "*{}*", "{0} ({1})", "{0}/{1}", "{0} & {1}", "{0}-{1}")).format(
        _word(random), _word(random)
    )


def _number(random: Random) -> str:
    return str(random.randrange(10 ** random.choices((1, 2, 3, 4, 6, 8), (4, 5, 4, 3, 2, 1))[0]))


def _price(random: Random) -> str:
    amount = f"{random.randrange(10 ** random.randint(1, 4)):,}.{random.randrange(100):02}"
    return random.choices(
        (amount, f"${amount}", f"-{amount}", f"{amount}{random.choice('*%-')}"), (7, 2, 1, 1)
    )[0]


def _date(random: Random) -> str:
    day, month, year = random.randint(1, 31), random.randint(1, 12), random.randint(1950, 2030)
    name = MONTHS[month - 1]
    mark = random.choice("/-.")
    return random.choice(
        (
            f"{day:02}{mark}{month:02}{mark}{year}",
            f"{day:02}{mark}{month:02}{mark}{year % 100:02}",
            f"{year}-{month:02}-{day:02}",
            f"{day} {random.choice((name, name.upper()))} {year}",
            f"{name} {day}, {year}",
        )
    )


def _time(random: Random) -> str:
    hour, minute, second = random.randrange(24), random.randrange(60), random.randrange(60)
    return random.choice(
        (
            f"{hour:02}:{minute:02}",
            f"{hour:02}:{minute:02}:{second:02}",
            f"{hour % 12 + 1}:{minute:02} {'PM' if hour > 11 else 'AM'}",
        )
    )


def _code(random: Random) -> str:
    """Units, numbers of articles, telephones, shares: letters and digits side by side."""
    short = random.choice(SHORT_CODES)
    digits = "".join(random.choices("0123456789", k=random.randint(3, 8)))
    return random.choice(
        (
            f"{short}{digits}",
            f"{short}-{digits}",
            f"{short} {random.randrange(100)}",
            f"#{digits}",
            f"{random.randrange(100)} {short}",
            f"{random.randrange(101)}%",
            f"{digits[:3]}-{digits[3:]}1",
            f"({digits[:3]}) {digits}",
        )
    )


@click.command(help="Print texts, one a line.")
@click.argument("recipe", type=click.Choice(list(RECIPES)))
@click.argument("num_texts", type=click.IntRange(min=1))
@click.option("--seed", type=int, default=0, show_default=True, help="Other texts.")
def main(recipe: str, num_texts: int, seed: int) -> None:
    """Print texts."""
    for text in texts(recipe, num_texts, seed):
        click.echo(text)


if __name__ == "__main__":
    main()
