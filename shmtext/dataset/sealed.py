"""JSON that carries its own checksum: ``run.json``, manifests and other small records.

The checksum is over the canonical text of the value without it, so the layout of the file is free
and a person may read it; one changed figure is found. Whose keys they are is not known here.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from shmtext.canonical import canonical_json
from shmtext.errors import DamageError, VersionError

_SEAL = "checksum"


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


def check_types(what: str, value: object, types: Mapping[str, type | tuple[type, ...]]) -> None:
    """Raise unless ``value`` is an object with exactly these keys, each of its type."""
    if not isinstance(value, dict) or set(value) != set(types):
        raise DamageError(f"{what} is damaged: it must have exactly the keys {', '.join(types)}")
    for key, wanted in types.items():
        # A bool is an int to Python, and never to these records.
        if not isinstance(value[key], wanted) or (
            isinstance(value[key], bool) and wanted is not bool
        ):
            raise DamageError(f"{what} is damaged: {key} is {value[key]!r}")


def _checksum(value: Mapping[str, Any]) -> int:
    return zlib.crc32(canonical_json(value).encode())
