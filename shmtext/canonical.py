"""The one JSON text of a value, its hash, and how two values differ, in words.

What a run's identity holds is ``engine/identity.py``'s, checksums of files ``dataset/sealed.py``'s.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

DECIDES_THE_REST = ("format", "kind")
"""Keys that say what the others of their object mean: where these differ, no other is compared."""


def canonical_json(value: object) -> str:
    """The one JSON text of a value: keys sorted, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def fingerprint(identity: Mapping[str, Any]) -> str:
    """Hash (SHA-256, hexadecimal) of everything that decides a run's output bytes."""
    import hashlib  # noqa: PLC0415 - a fifth of the time that --help takes

    return hashlib.sha256(canonical_json(identity).encode()).hexdigest()


def differences(
    wanted: object,
    found: object,
    defaults: object = None,
    places: tuple[str, str] = ("in the folder", "asked for"),
) -> list[str]:
    """Key-by-key difference of two JSON values, a line each: ``key: found, wanted``.

    A key that one of them lacks has the value that it has in ``defaults``. ``places`` are where the
    one was found and the other is from, in words.

    >>> differences({"a": {"b": 1}, "c": 2}, {"a": {"b": 3}, "c": 2})
    ['a.b: 3 in the folder, 1 asked for']
    >>> differences({}, {"seed": 1}, {"seed": 0})
    ['seed: 1 in the folder, 0 asked for']
    """
    return [
        f"{path}: {json.dumps(there)} {places[0]}, {json.dumps(here)} {places[1]}"
        for path, there, here in _differences("", wanted, found, defaults)
    ]


def _differences(
    path: str, wanted: object, found: object, defaults: object
) -> list[tuple[str, object, object]]:
    """Paths of keys, and what was found there and what is wanted."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        known = defaults if isinstance(defaults, Mapping) else {}
        lines = {
            key: _differences(
                f"{path}{key}.",
                wanted.get(key, known.get(key)),
                found.get(key, known.get(key)),
                known.get(key),
            )
            for key in sorted({*wanted, *found})
        }
        decisive = next((key for key in DECIDES_THE_REST if lines.get(key)), None)
        return lines[decisive] if decisive else [line for each in lines.values() for line in each]
    # By their JSON, which is hashed: 1 and 1.0 are equal, and hashed differently.
    if canonical_json(wanted) == canonical_json(found):
        return []
    return [(path[:-1], found, wanted)]
