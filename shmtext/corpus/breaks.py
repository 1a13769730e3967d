"""Where text may be cut: clusters (UAX 29) and opportunities for line breaks (UAX 14).

For all texts of a batch at once: a rule is a few operations on arrays, so that a text of ten
thousand marks costs no more than ten thousand letters. What is known of single characters is
``properties.py``'s; how lines are filled is ``wrap.py``'s.

Both annexes let implementations tailor them, and clusters are tailored here in two places. A mark
never begins a cluster unless its text does, though UAX 29 cuts before some of Myanmar's and after
controls: drawn by itself it would get a dotted circle. CR and LF are a cluster each, as
``textwrap`` takes them for two spaces.
"""

from __future__ import annotations

from functools import reduce
from operator import or_

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.properties import CLUSTER_BIT, LINE_BIT, Bits, cluster_bits, line_bits
from shmtext.corpus.ranges import Ints

Bools = NDArray[np.bool_]


def _any_of(bits: dict[str, np.uint64], names: str) -> np.uint64:
    return reduce(or_, (bits[name] for name in names.split()))


def _in(bits: Bits, some: np.uint64) -> Bools:
    found: Bools = (bits & some) != 0
    return found


def cluster_starts(codes: NDArray[np.uint32], starts: Ints) -> Bools:
    """Whether a cluster begins at each code point, shape ``(num_codes,)``.

    ``starts`` are the seams of texts in ``codes``, as in ``wrap.py``.

    >>> codes = np.frombuffer("e\u0301a".encode("utf-32-le"), np.uint32)
    >>> cluster_starts(codes, np.array([0, 3])).tolist()
    [True, False, True]
    """
    at = _with_edges(starts)
    bits = np.full(codes.size + starts.size, CLUSTER_BIT["EDGE"])
    bits[at] = cluster_bits(codes)
    return _cluster_rules(bits)[at]


def line_breaks(codes: NDArray[np.uint32], starts: Ints) -> Bools:
    """Whether UAX 14 allows a line break before each code point, shape ``(num_codes,)``.

    Where it demands one, it allows one. Never before the first of a text.
    """
    at = _with_edges(starts)
    bits = np.full(codes.size + starts.size, LINE_BIT["EDGE"])
    bits[at] = line_bits(codes)
    allowed = _line_rules(bits)[at]
    allowed[starts[:-1][np.diff(starts) > 0]] = False
    return allowed


def _with_edges(starts: Ints) -> Ints:
    """Places of code points when an edge stands before each text, and behind the last."""
    lengths = np.diff(starts)
    return np.arange(int(starts[-1])) + np.repeat(np.arange(1, starts.size), lengths)


def _shifted(bits: Bits, by: int, edge: np.uint64) -> Bits:
    """Bits of the character ``by`` places before each, or behind for less than 0."""
    result = np.full_like(bits, edge)
    if by > 0:
        result[by:] = bits[:-by]
    else:
        result[:by] = bits[-by:]
    return result


def _last(wanted: Bools) -> Ints:
    """Before each place, the last one where ``wanted`` holds; the first is an edge, and does."""
    places = np.where(wanted, np.arange(wanted.size), 0)
    result = np.zeros(wanted.size, np.int64)
    np.maximum.accumulate(places[:-1], out=result[1:])
    return result


def _is_second_of_pair(is_indicator: Bools) -> Bools:
    """Of regional indicators in a row, every second."""
    num_before = np.arange(is_indicator.size) - 1 - _last(~is_indicator)
    is_second: Bools = is_indicator & (num_before % 2 == 1)
    return is_second


def _cluster_rules(bits: Bits) -> Bools:
    def of(names: str) -> np.uint64:
        return _any_of(CLUSTER_BIT, names)

    before = _shifted(bits, 1, CLUSTER_BIT["EDGE"])
    held = _in(bits, of("Extend ZWJ SpacingMark")) | _in(before, of("Prepend"))
    held |= _in(before, of("L")) & _in(bits, of("L V LV LVT"))
    held |= _in(before, of("LV V")) & _in(bits, of("V T"))
    held |= _in(before, of("LVT T")) & _in(bits, of("T"))
    # Consonants of a conjunct, with at least one virama between them.
    is_linker = _in(bits, of("LINKER"))
    first = _last(~_in(bits, of("LINKER IN_CONJUNCT")))
    num_linkers = np.cumsum(is_linker)
    is_conjunct = num_linkers > num_linkers[first]
    held |= _in(bits & bits[first], of("CONSONANT")) & is_conjunct
    # Pictographs joined by ZWJ: the one before the joiner, which may have modifiers.
    base = bits[_last(~_in(bits, of("Extend")))]
    held |= _in(before, of("ZWJ")) & _in(
        _shifted(base, 1, CLUSTER_BIT["EDGE"]) & bits, of("PICTOGRAPH")
    )
    held |= _is_second_of_pair(_in(bits, of("Regional_Indicator")))
    controls = of("CR LF Control")
    held &= ~(_in(bits, controls) | _in(before, controls))
    held |= _in(bits, of("MARK"))
    return ~held | _in(before, of("EDGE"))


def _line_rules(bits: Bits) -> Bools:
    def of(names: str) -> np.uint64:
        return _any_of(LINE_BIT, names)

    # LB9: marks go with what they follow, LB10: or are letters where they follow nothing.
    is_mark = _in(bits, of("CM ZWJ"))
    base = bits[_last(~is_mark)]
    is_attached = is_mark & ~_in(base, of("BK CR LF NL SP ZW EDGE"))
    after_joiner = _in(_shifted(bits, 1, LINE_BIT["EDGE"]), of("ZWJ"))
    left = np.flatnonzero(~is_attached)
    allowed = np.zeros(bits.size, np.bool_)
    allowed[left] = _base_rules(np.where(is_mark, of("AL"), bits)[left], after_joiner[left])
    return allowed


def _base_rules(now: Bits, after_joiner: Bools) -> Bools:
    """Rules LB4 to LB31 on characters without their marks: the first one that speaks decides."""

    def of(names: str) -> np.uint64:
        return _any_of(LINE_BIT, names)

    def at(names: str) -> Bools:
        return _in(now, of(names))

    def after(names: str) -> Bools:
        return _in(before, of(names))

    edge = LINE_BIT["EDGE"]
    before, second = _shifted(now, 1, edge), _shifted(now, 2, edge)
    behind, next_behind = _shifted(now, -1, edge), _shifted(now, -2, edge)
    place = _last(~at("SP"))
    unspaced, before_that = now[place], before[place]
    number = now[_last(~at("SY IS"))]
    past_close = _shifted(number, 1, edge)
    letters, hangul, pictures = "AL HL", "JL JV JT H2 H3", "ID EB EM"
    aksara = "AK AS DOTTED_CIRCLE"
    narrow = ~at("WIDE")
    narrow_before, narrow_behind = ~after("WIDE"), ~_in(behind, of("WIDE"))
    quote_openers = of("BK CR LF NL OP QU GL SP ZW EDGE")
    quote_closers = of("SP GL WJ CL QU CP EX IS SY BK CR LF NL ZW EDGE")
    hyphen_openers = of("BK CR LF NL SP ZW CB GL EDGE")
    rules: list[tuple[Bools, bool]] = [
        (after("BK"), True),  # 4
        (after("CR") & at("LF"), False),  # 5
        (after("CR LF NL"), True),
        (at("BK CR LF NL SP ZW"), False),  # 6, 7
        (_in(unspaced, of("ZW")), True),  # 8
        (after_joiner, False),  # 8a
        (at("WJ") | after("WJ GL"), False),  # 11, 12
        (at("GL") & ~after("SP BA HY"), False),  # 12a
        (at("CL CP EX SY"), False),  # 13
        (_in(unspaced, of("OP")), False),  # 14
        (_in(unspaced, of("INITIAL")) & _in(before_that, quote_openers), False),  # 15a
        (at("FINAL") & at("QU") & _in(behind, quote_closers), False),  # 15b
        (after("SP") & at("IS") & _in(behind, of("NU")), True),  # 15c
        (at("IS"), False),  # 15d
        (_in(unspaced, of("CL CP")) & at("NS"), False),  # 16
        (_in(unspaced, of("B2")) & at("B2"), False),  # 17
        (after("SP"), True),  # 18
        (at("QU") & ~at("INITIAL") | after("QU") & ~after("FINAL"), False),  # 19
        (at("QU") & (narrow_before | narrow_behind), False),  # 19a
        (after("QU") & (narrow | ~_in(second, of("WIDE"))), False),
        (at("CB") | after("CB"), True),  # 20
        (after("HY HYPHEN") & _in(second, hyphen_openers) & at("AL"), False),  # 20a
        (at("BA HY NS") | after("BB"), False),  # 21
        (_in(second, of("HL")) & after("HY BA") & ~at("HL"), False),  # 21a
        (after("SY") & at("HL") | at("IN"), False),  # 21b, 22
        (after(letters) & at("NU") | after("NU") & at(letters), False),  # 23
        (after("PR") & at(pictures) | after(pictures) & at("PO"), False),  # 23a
        (after("PR PO") & at(letters) | after(letters) & at("PR PO"), False),  # 24
        (after("CL CP") & _in(past_close, of("NU")) & at("PO PR"), False),  # 25
        (_in(number, of("NU")) & at("PO PR NU"), False),
        (after("PO PR") & at("OP") & _in(behind, of("NU")), False),
        (after("PO PR") & at("OP") & _in(behind, of("IS")) & _in(next_behind, of("NU")), False),
        (after("PO PR HY IS") & at("NU"), False),
        (after("JL") & at("JL JV H2 H3"), False),  # 26
        (after("JV H2") & at("JV JT") | after("JT H3") & at("JT"), False),
        (after(hangul) & at("PO") | after("PR") & at(hangul), False),  # 27
        (after(letters) & at(letters), False),  # 28
        (after("AP") & at(aksara) | after(aksara) & at("VF VI"), False),  # 28a
        (_in(second, of(aksara)) & after("VI") & at("AK DOTTED_CIRCLE"), False),
        (after(aksara) & at(aksara) & _in(behind, of("VF")), False),
        (after("IS") & at(letters), False),  # 29
        (after(f"{letters} NU") & at("OP") & narrow, False),  # 30
        (after("CP") & narrow_before & at(f"{letters} NU"), False),
        (_is_second_of_pair(at("RI")), False),  # 30a
        (after("EB RESERVED") & at("EM"), False),  # 30b
    ]
    allowed = np.ones(now.size, np.bool_)  # 31
    for holds, says in reversed(rules):
        allowed[holds] = says
    return allowed
