"""What reading a font's damaged tables raises, wherever they are read from bytes."""

from __future__ import annotations

import struct

DAMAGED = (ValueError, IndexError, struct.error)
