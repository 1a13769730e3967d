"""JSON that carries its own checksum: ``run.json``, manifests and other small records.

The checksum is over the canonical text of the value without it, so the layout of the file is free
and a person may read it; one changed figure is found. Whose keys they are is not known here.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from shmtext.canonical import canonical_json
from shmtext.errors import DamageError, VersionError

_SEAL = "checksum"
_SEAL_BEGINS = b'"checksum":'


def seal(value: Mapping[str, Any], *, readable: bool) -> bytes:
    """The file bytes of ``value``: one line, or ``readable``, laid out for a person.

    >>> seal({"shard": 42}, readable=False)
    b'{"checksum":987403474,"shard":42}\\n'
    """
    sealed = {**value, _SEAL: _checksum(value)}
    text = json.dumps(sealed, sort_keys=True, indent=2) if readable else canonical_json(sealed)
    return text.encode() + b"\n"


def unseal(data: bytes, what: str, version: int) -> dict[str, Any]:
    """The value of the file called ``what``, whose ``version`` must be this one."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DamageError(f"{what} is damaged: it is not JSON") from error
    if not isinstance(value, dict) or value.pop(_SEAL, None) != _checksum(value):
        raise DamageError(f"{what} is damaged: its checksum does not fit")
    if value.get("version") != version:
        raise VersionError(
            f"{what} has format version {value.get('version')!r}, this shmtext knows {version}: "
            "use the version that wrote it, or another folder"
        )
    return value


def unseal_many(texts: Sequence[bytes], version: int) -> list[dict[str, Any] | None]:
    """The values of many files; None for one that ``unseal`` must be asked about.

    Takes a third of its time where ``seal`` wrote one line each: that is the canonical text, and
    the parser is called once for all of them.
    """
    found: list[dict[str, Any] | None] = [None] * len(texts)
    fitting = {at: text for at, text in enumerate(texts) if _fits_its_seal(text)}
    try:
        values = json.loads(b"[" + b",".join(fitting.values()) + b"]")
    except (ValueError, RecursionError):
        return found
    if len(values) != len(fitting):
        return found
    for at, value in zip(fitting, values, strict=True):
        if isinstance(value, dict) and value.get("version") == version:
            del value[_SEAL]
            found[at] = value
    return found


def _fits_its_seal(text: bytes) -> bool:
    """Whether the checksum in a text is that of what stands around it."""
    before, _, rest = text.partition(_SEAL_BEGINS)
    number, _, after = rest.partition(b",")
    return number == str(zlib.crc32(before + after.removesuffix(b"\n"))).encode()


def check_types(what: str, value: object, types: Mapping[str, type | tuple[type, ...]]) -> None:
    """Raise unless ``value`` is an object with exactly these keys, each of its type."""
    if not isinstance(value, dict) or value.keys() != types.keys():
        raise DamageError(f"{what} is damaged: it must have exactly the keys {', '.join(types)}")
    for key, wanted in types.items():
        # Not isinstance: a bool is an int to Python, and never to these records.
        found = type(value[key])
        if found is not wanted and not (isinstance(wanted, tuple) and found in wanted):
            raise DamageError(f"{what} is damaged: {key} is {value[key]!r}")


def _checksum(value: Mapping[str, Any]) -> int:
    return zlib.crc32(canonical_json(value).encode())
