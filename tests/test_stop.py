"""Signals end a run, whatever it is about."""

from __future__ import annotations

import os
import signal

import pytest

from shmtext.engine.stop import SIGNALS, stop_on_signals
from shmtext.errors import InterruptedRunError


@pytest.mark.parametrize("number", SIGNALS)
def test_a_first_signal_asks_and_a_second_ends_the_block(number: signal.Signals) -> None:
    with (
        pytest.raises(InterruptedRunError, match=f"interrupted \\({number.name}\\)"),
        stop_on_signals() as stop,
    ):
        os.kill(os.getpid(), number)
        assert stop.asked
        assert not stop.overdue
        os.kill(os.getpid(), number)
        pytest.fail("the second signal did not end the block")


def test_a_second_signal_is_not_taken_for_a_failure_of_what_was_going_on() -> None:
    # A font's parser takes any exception for damage of the font.
    with pytest.raises(InterruptedRunError), stop_on_signals():
        try:
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)
        except Exception as error:
            pytest.fail(f"taken for {error!r}")


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with stop_on_signals():
        assert before != [signal.getsignal(number) for number in SIGNALS]

    assert before == [signal.getsignal(number) for number in SIGNALS]
