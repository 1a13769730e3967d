"""A page as HTML: one file that asks for nothing else and runs nothing but its own script.

Whatever texts, fonts and hosts are called is escaped, and what can't be seen is made visible,
wherever it is put in.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shmtext.errors import ConfigError
from shmtext.view.embedding import EmbeddedPicture, embedded
from shmtext.view.page import Page
from shmtext.view.timeline import NUM_STEPS

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
MOST_BYTES = 2_000_000
"""Of a page with up to ``FEW_PICTURES``: it can be sent by mail, and opens at once."""
FEW_PICTURES = 400
BYTES_PER_PICTURE = MOST_BYTES // FEW_PICTURES
"""That each further one adds at most."""
_SPARE_BYTES = 1_000
"""For what is said of pictures once they are there."""

_PLACEHOLDER = EmbeddedPicture("image/webp", b"", is_recoded=True)

_VISIBLE: dict[int, int | str] = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: 0x2421,
    **{code: f"\\x{code:02x}" for code in range(0x80, 0xA0)},
    **{code: f"\\u{code:04x}" for code in range(0xD800, 0xE000)},
}
"""Control characters as pictures of them, and what stands for bytes of file names that are no
UTF-8."""


@dataclass(frozen=True, slots=True)
class _Inlined:
    """A style sheet or a script as it stands in the page; nothing in it needs to be escaped."""

    text: Any
    hash: str
    """As a policy names it."""


def html_of(page: Page) -> bytes:
    """The page, under ``MOST_BYTES`` where it has few pictures. Raises ``ConfigError`` without
    Jinja.
    """
    environment = _environment()
    template = environment.get_template("report.html.j2")
    stored = [card.stored for card in page.cards if card.stored]
    empty = page.with_pictures([_PLACEHOLDER] * len(stored))
    most = max(MOST_BYTES, BYTES_PER_PICTURE * len(stored))
    left = most - _SPARE_BYTES - len(_rendered(template, empty))
    return _rendered(template, page.with_pictures(embedded(stored, left)))


def _rendered(template: Any, page: Page) -> bytes:
    text: str = template.render(page=page, num_steps=NUM_STEPS)
    return text.encode()


@cache
def _environment() -> Environment:
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - extra
        from markupsafe import Markup  # noqa: PLC0415 - comes with it
    except ImportError as error:
        raise ConfigError(
            f"a report needs Jinja ({error}): pip install 'shmtext[report]'"
        ) from error
    environment = Environment(
        autoescape=True,
        finalize=_finalized,
        loader=FileSystemLoader(TEMPLATES),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(
        number="{:,}".format,
        percent=_percent,
        rate=_rate,
        duration=_duration,
        size=_size,
        utc=_utc,
    )
    for name in ("css", "js"):
        source = (TEMPLATES / f"report.{name}").read_text(encoding="utf-8")
        digest = b64encode(sha256(source.encode()).digest()).decode()
        environment.globals[name] = _Inlined(Markup(source), f"sha256-{digest}")
    return environment


def _finalized(value: object) -> object:
    """What is put in; ``Markup``, which our own files alone are, as it is."""
    return visible(value) if type(value) is str else value


def visible(text: str) -> str:
    """A text in which what can't be seen, or not be written, is shown.

    >>> visible("a\\0b\\x85"), visible("\\udcff")
    ('a␀b\\\\x85', '\\\\udcff')
    """
    return text.translate(_VISIBLE)


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.0005 else f"{share:.0e}".replace("e-0", "e-")


def _rate(per_s: float) -> str:
    return f"{per_s:,.0f}" if per_s >= 10 else f"{per_s:.2g}"


def _duration(seconds: float) -> str:
    """
    >>> _duration(0.52), _duration(75), _duration(7_500), _duration(200_000)
    ('0.5 s', '1 min 15 s', '2 h 5 min', '2 d 7 h')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    units = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
    for (large, large_name), (small, small_name) in pairwise(units):
        if seconds >= large:
            whole, rest = divmod(int(seconds), large)
            return f"{whole:,} {large_name} {rest // small} {small_name}"
    raise AssertionError


def _size(num_bytes: int) -> str:
    for factor, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if num_bytes >= factor:
            return f"{num_bytes / factor:,.1f} {name}"
    return f"{num_bytes / 1e3:,.1f} kB"


def _utc(unix_s: float) -> str:
    # Python's own datetime ends with the year 9999, and a clock may be set to anything.
    day, time = str(np.datetime64(int(unix_s), "s")).split("T")
    return f"{day} {time} UTC"
