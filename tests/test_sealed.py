from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtext.dataset.sealed import check_types, seal, unseal, unseal_many
from shmtext.errors import DamageError

VALUES = st.fixed_dictionaries(
    {"version": st.integers(1, 2)},
    optional={
        "name": st.text(),
        "zeta": st.none() | st.booleans() | st.floats(allow_nan=False) | st.lists(st.integers()),
        "checksums": st.sampled_from(['"checksum":1,', "checksum", "},{"]),
    },
)


def damaged(data: bytes, position: int, byte: int) -> bytes:
    position %= len(data)
    return data[:position] + bytes([byte]) + data[position + 1 :]


DAMAGED = st.builds(
    lambda value, readable, *how: damaged(seal(value, readable=readable), *how),
    VALUES,
    st.booleans(),
    st.integers(0, 10_000),
    st.integers(0, 255),
)
WHOLE = st.builds(lambda value, readable: seal(value, readable=readable), VALUES, st.booleans())
OTHER = st.sampled_from([b"", b"{}", b"1", b"[]", b"{", b"1,2", b'{"checksum":1}', b"\xff"])


@given(st.lists(WHOLE | DAMAGED | OTHER, max_size=6))
def test_many_are_read_as_each_alone(texts: list[bytes]) -> None:
    for text, value in zip(texts, unseal_many(texts, version=2), strict=True):
        if value is not None:
            assert value == unseal(text, "it", version=2)


def test_lines_are_read_at_once_and_others_left() -> None:
    values = [{"version": 2, "host": f"host{i}", "a": i} for i in range(5)]
    lines = [seal(value, readable=False) for value in values]
    lines[1] = seal(values[1], readable=True)
    lines[3] = lines[3].replace(b"host3", b"host4")

    assert [values[0], None, values[2], None, values[4]] == unseal_many(lines, version=2)
    assert [None] * 5 == unseal_many(lines, version=3)


def test_what_fits_its_checksum_and_is_no_object_is_left_with_all_others() -> None:
    """No accident makes such a text: the parser stumbles, and each is read alone."""
    whole = seal({"version": 2}, readable=False)
    crafted = b'{"checksum":1254431350,{'

    assert [None, None] == unseal_many([whole, crafted], version=2)
    with pytest.raises(DamageError, match="not JSON"):
        unseal(crafted, "it", version=2)


@pytest.mark.parametrize("value", [True, "1", 1.0, None, [1]])
def test_only_the_very_type_is_taken(value: object) -> None:
    check_types("it", {"a": 1, "b": None}, {"a": int, "b": (int, type(None))})
    with pytest.raises(DamageError, match="a is"):
        check_types("it", json.loads(json.dumps({"a": value})), {"a": int})
