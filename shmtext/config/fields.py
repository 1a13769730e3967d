"""What stands at a setting: ``setting`` declares it, ``settings_of`` reads it, ``check`` holds it.

A settings class is a frozen dataclass whose fields are declared here and whose ``__post_init__``
calls ``check``. The command line, TOML, the JSON schema and the table of options are made of
these declarations by the modules beside this one; which settings there are is ``settings.py``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, MISSING, Field, dataclass, field, fields, replace
from typing import Any, TypeVar, get_type_hints

from shmtext.config.kinds import Kind, Limits, ListOf, Maybe, Part, kind_of

T = TypeVar("T")

_ABOUT = "about"

_known: dict[type, dict[str, Setting]] = {}
"""Settings by class: a type is looked at once."""


@dataclass(frozen=True, slots=True)
class About:
    """What is said of a setting where it is declared; the rest is read off its type."""

    help: str = ""
    """A sentence or two; without the default, which is added."""
    group: str = ""
    """The heading under which the setting stands."""
    metavar: str = ""
    """What stands for its value, with the unit if it has one: ``PX``."""
    _: KW_ONLY
    default_text: str = ""
    """What the default comes to, where its value alone does not say."""
    at_least: float | None = None
    at_most: float | None = None
    """Bounds of a number, or of each in a list; both are included."""
    parse: Callable[[Any], str] | None = None
    """Brings a text to its one form."""
    expected: str = ""
    """What a refusal says, in place of the words made of the bounds."""
    kind: Kind | None = None
    """What it may be, where its type does not say."""
    called: str = ""
    """Its name as an option and in messages, where that is not the field's."""
    is_option: bool = True
    is_flat: bool = False
    """Of a part: its settings are options of the command line, and need no table in TOML."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of a settings class."""

    name: str
    kind: Kind
    about: About
    field: Field[Any]

    @property
    def called(self) -> str:
        """Its name as an option and in messages."""
        return self.about.called or self.name

    @property
    def is_optional_part(self) -> bool:
        """Whether it holds settings of its own, or none."""
        return isinstance(self.kind, Maybe) and isinstance(self.kind.kind, Part)

    @property
    def default(self) -> Any:
        """The default as it is declared, a part's made anew; ``MISSING`` where there is none."""
        factory = self.field.default_factory
        return self.field.default if factory is MISSING else factory()


def setting(default: T, about: About) -> T:
    """Declare a field by its default and what is said of it."""
    return field(default=default, metadata=metadata(about))


def part(factory: Callable[[], T], about: About) -> T:
    """Declare a field that holds settings of its own."""
    return field(default_factory=factory, metadata=metadata(about))


def metadata(about: About) -> Mapping[str, About]:
    """What ``dataclasses.field`` needs for a setting that has no default."""
    return {_ABOUT: about}


def settings_of(kind: type) -> dict[str, Setting]:
    """The settings of a class by their field's name, in their order."""
    if kind not in _known:
        hints = get_type_hints(kind)
        _known[kind] = {each.name: _setting(each, hints[each.name]) for each in fields(kind)}
    return _known[kind]


def _setting(declared: Field[Any], hint: Any) -> Setting:
    about: About = declared.metadata.get(_ABOUT, About())
    limits = Limits(about.at_least, about.at_most)
    kind = about.kind or kind_of(hint, limits, about.parse, about.expected)
    if isinstance(kind, ListOf) and declared.default == ():
        kind = replace(kind, may_be_empty=True)
    said = Setting(declared.name, kind, about, declared)
    if isinstance(kind, Maybe) and not said.is_optional_part and declared.default is not None:
        raise TypeError(f"{declared.name} can be None and isn't by default: TOML can't say None")
    return said


def check(settings: object) -> None:
    """Bring every field of a frozen dataclass to its one form; raise ``ConfigError`` if it can't.

    To be called by ``__post_init__``, before it compares fields with one another.
    """
    for each in settings_of(type(settings)).values():
        value = each.kind.take(each.called, getattr(settings, each.name))
        object.__setattr__(settings, each.name, value)
