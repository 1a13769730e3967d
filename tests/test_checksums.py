from __future__ import annotations

import zlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shmtext.checksums import crc32


@given(st.binary(), st.binary())
def test_a_checksum_is_zlibs_however_the_bytes_come(one: bytes, other: bytes) -> None:
    expected = zlib.crc32(one + other)

    assert expected == crc32(one + other) == crc32(other, crc32(one))
    assert expected == crc32(np.frombuffer(one + other, np.uint8))
    assert expected == crc32(memoryview(one + other))
