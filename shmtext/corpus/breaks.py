"""Where text may be cut: clusters (UAX 29) and opportunities for line breaks (UAX 14).

For all texts of a batch at once: a rule is a few operations on arrays, so that a text of ten
thousand marks costs no more than ten thousand letters. What is known of single characters is
``properties.py``'s; how lines are filled is ``wrap.py``'s.

Both annexes let implementations tailor them, and clusters are tailored here in three places. A mark
never begins a cluster unless its text does, though UAX 29 cuts before some of Myanmar's and after
controls: drawn by itself it would get a dotted circle. CR and LF are a cluster each, as
``textwrap`` takes them for two spaces. A space begins a cluster also after a sign that is prepended
to numbers (U+0600): else there would be spaces that ``textwrap`` does not see.
"""

from __future__ import annotations

from functools import reduce
from operator import and_, or_

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


def _present(bits: Bits) -> np.uint64:
    """Every bit that some character has: most of what rules ask for, most texts have not."""
    found: np.uint64 = np.bitwise_or.reduce(bits)
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
    present = _present(bits)
    held = _in(bits, of("Extend ZWJ SpacingMark"))
    if present & of("Prepend"):
        held |= _in(before, of("Prepend")) & ~_in(bits, of("SPACE"))
    if present & of("L V T LV LVT"):
        held |= _in(before, of("L")) & _in(bits, of("L V LV LVT"))
        held |= _in(before, of("LV V")) & _in(bits, of("V T"))
        held |= _in(before, of("LVT T")) & _in(bits, of("T"))
    if present & of("LINKER"):
        # Consonants of a conjunct, with at least one virama between them.
        first = _last(~_in(bits, of("LINKER IN_CONJUNCT")))
        num_linkers = np.cumsum(_in(bits, of("LINKER")))
        is_conjunct = num_linkers > num_linkers[first]
        held |= _in(bits & bits[first], of("CONSONANT")) & is_conjunct
    if present & of("ZWJ"):
        # Pictographs joined by ZWJ: the one before the joiner may have modifiers.
        base = _shifted(bits[_last(~_in(bits, of("Extend")))], 1, CLUSTER_BIT["EDGE"])
        held |= _in(before, of("ZWJ")) & _in(base & bits, of("PICTOGRAPH"))
    if present & of("Regional_Indicator"):
        held |= _is_second_of_pair(_in(bits, of("Regional_Indicator")))
    controls = of("CR LF Control")
    if present & controls:
        held &= ~(_in(bits, controls) | _in(before, controls))
    held |= _in(bits, of("MARK"))
    return ~held | _in(before, of("EDGE"))


def _line_rules(bits: Bits) -> Bools:
    def of(names: str) -> np.uint64:
        return _any_of(LINE_BIT, names)

    # LB9: marks go with what they follow, LB10: or are letters where they follow nothing.
    is_mark = _in(bits, of("CM ZWJ"))
    if not is_mark.any():
        return _base_rules(bits, is_mark)
    base = bits[_last(~is_mark)]
    is_attached = is_mark & ~_in(base, of("BK CR LF NL SP ZW EDGE"))
    after_joiner = _in(_shifted(bits, 1, LINE_BIT["EDGE"]), of("ZWJ"))
    left = np.flatnonzero(~is_attached)
    allowed = np.zeros(bits.size, np.bool_)
    allowed[left] = _base_rules(np.where(is_mark, of("AL"), bits)[left], after_joiner[left])
    return allowed


def _base_rules(now: Bits, after_joiner: Bools) -> Bools:
    """Rules LB4 to LB31 on characters without their marks: the first one that speaks decides."""
    present = _present(now)
    never = np.zeros(now.size, np.bool_)

    def holds(bits: Bits, names: str) -> Bools:
        some = _any_of(LINE_BIT, names)
        return _in(bits, some) if present & some else never

    def at(names: str) -> Bools:
        return holds(now, names)

    def after(names: str) -> Bools:
        return holds(before, names)

    edge = LINE_BIT["EDGE"]
    before, second = _shifted(now, 1, edge), _shifted(now, 2, edge)
    behind, next_behind = _shifted(now, -1, edge), _shifted(now, -2, edge)
    # What stands before spaces, and before separators in numbers; and what is before that.
    unspaced, before_unspaced = before, second
    if present & LINE_BIT["SP"]:
        place = _last(~at("SP"))
        unspaced, before_unspaced = now[place], before[place]
    number, before_close = before, second
    if present & _any_of(LINE_BIT, "SY IS"):
        number = now[_last(~at("SY IS"))]
        before_close = _shifted(number, 1, edge)
    letters, hangul, pictures = "AL HL", "JL JV JT H2 H3", "ID EB EM"
    aksara = "AK AS DOTTED_CIRCLE"
    is_narrow = {"at": ~at("WIDE"), "before": ~after("WIDE"), "behind": ~holds(behind, "WIDE")}
    # All conditions of a rule must hold for it to say whether a line may break.
    rules: list[tuple[bool, tuple[Bools, ...]]] = [
        (True, (after("BK"),)),  # 4
        (False, (after("CR"), at("LF"))),  # 5
        (True, (after("CR LF NL"),)),
        (False, (at("BK CR LF NL SP ZW"),)),  # 6, 7
        (True, (holds(unspaced, "ZW"),)),  # 8
        (False, (after_joiner,)),  # 8a
        (False, (at("WJ"),)),  # 11
        (False, (after("WJ GL"),)),  # 11, 12
        (False, (at("GL"), ~after("SP BA HY"))),  # 12a
        (False, (at("CL CP EX SY"),)),  # 13
        (False, (holds(unspaced, "OP"),)),  # 14
        (
            False,  # 15a
            (
                holds(unspaced, "INITIAL"),
                holds(before_unspaced, "BK CR LF NL OP QU GL SP ZW EDGE"),
            ),
        ),
        (
            False,  # 15b
            (
                at("FINAL"),
                at("QU"),
                holds(behind, "SP GL WJ CL QU CP EX IS SY BK CR LF NL ZW EDGE"),
            ),
        ),
        (True, (after("SP"), at("IS"), holds(behind, "NU"))),  # 15c
        (False, (at("IS"),)),  # 15d
        (False, (holds(unspaced, "CL CP"), at("NS"))),  # 16
        (False, (holds(unspaced, "B2"), at("B2"))),  # 17
        (True, (after("SP"),)),  # 18
        (False, (at("QU"), ~at("INITIAL"))),  # 19
        (False, (after("QU"), ~after("FINAL"))),
        (False, (at("QU"), is_narrow["before"])),  # 19a
        (False, (at("QU"), is_narrow["behind"])),
        (False, (after("QU"), is_narrow["at"])),
        (False, (after("QU"), ~holds(second, "WIDE"))),
        (True, (at("CB"),)),  # 20
        (True, (after("CB"),)),
        (
            False,  # 20a
            (after("HY HYPHEN"), holds(second, "BK CR LF NL SP ZW CB GL EDGE"), at("AL")),
        ),
        (False, (at("BA HY NS"),)),  # 21
        (False, (after("BB"),)),
        (False, (holds(second, "HL"), after("HY BA"), ~at("HL"))),  # 21a
        (False, (after("SY"), at("HL"))),  # 21b
        (False, (at("IN"),)),  # 22
        (False, (after(letters), at("NU"))),  # 23
        (False, (after("NU"), at(letters))),
        (False, (after("PR"), at(pictures))),  # 23a
        (False, (after(pictures), at("PO"))),
        (False, (after("PR PO"), at(letters))),  # 24
        (False, (after(letters), at("PR PO"))),
        (False, (after("CL CP"), holds(before_close, "NU"), at("PO PR"))),  # 25
        (False, (holds(number, "NU"), at("PO PR NU"))),
        (False, (after("PO PR"), at("OP"), holds(behind, "NU"))),
        (False, (after("PO PR"), at("OP"), holds(behind, "IS"), holds(next_behind, "NU"))),
        (False, (after("PO PR HY IS"), at("NU"))),
        (False, (after("JL"), at("JL JV H2 H3"))),  # 26
        (False, (after("JV H2"), at("JV JT"))),
        (False, (after("JT H3"), at("JT"))),
        (False, (after(hangul), at("PO"))),  # 27
        (False, (after("PR"), at(hangul))),
        (False, (after(letters), at(letters))),  # 28
        (False, (after("AP"), at(aksara))),  # 28a
        (False, (after(aksara), at("VF VI"))),
        (False, (holds(second, aksara), after("VI"), at("AK DOTTED_CIRCLE"))),
        (False, (after(aksara), at(aksara), holds(behind, "VF"))),
        (False, (after("IS"), at(letters))),  # 29
        (False, (after(f"{letters} NU"), at("OP"), is_narrow["at"])),  # 30
        (False, (after("CP"), is_narrow["before"], at(f"{letters} NU"))),
        (False, (_is_second_of_pair(at("RI")) if present & LINE_BIT["RI"] else never,)),  # 30a
        (False, (after("EB RESERVED"), at("EM"))),  # 30b
    ]
    allowed = np.ones(now.size, np.bool_)  # 31
    for says, conditions in reversed(rules):
        if not any(condition is never for condition in conditions):
            allowed[reduce(and_, conditions)] = says
    return allowed
