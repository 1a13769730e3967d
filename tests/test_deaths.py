"""What a worker's death means is decided by values alone: no process, no clock."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtext.dataset.plan import Plan, Shard
from shmtext.engine.deaths import Death, Deaths, FailedStarts, Limits
from shmtext.engine.progress import NO_EXAMPLE
from shmtext.engine.shards import COMMITTING
from shmtext.engine.task import Task
from shmtext.errors import WorkersError

LIMITS = Limits()
SHARD = Shard(index=3, start=300, stop=400)
KILLED, CRASHED = -signal.SIGKILL, -signal.SIGSEGV
MOST_KILLS = LIMITS.kills_before_trial + LIMITS.kills_on_trial


def deaths(num_examples: int = 10_000) -> Deaths:
    return Deaths(LIMITS, num_examples)


def num_until_enough(learn: Callable[[], object]) -> int:
    """How many deaths are learnt of until it is enough, that one included."""
    for number in range(1, 1_000):
        try:
            learn()
        except WorkersError:
            return number
    raise AssertionError("never enough")


# -- how a worker ended ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exit_code", "last_words", "how"),
    [
        (KILLED, "", "SIGKILL (as when memory runs out"),
        (-signal.SIGBUS, "", "SIGBUS (shared memory or a disk is full"),
        (CRASHED, "", "SIGSEGV (a crash in a library"),
        (-signal.SIGABRT, "", "SIGABRT (a crash in a library"),
        (-signal.SIGILL, "", "SIGILL (this CPU is too old"),
        (-signal.SIGTERM, "", "SIGTERM"),
        (-99, "", "signal 99"),
        (0, "", "it left with exit code 0"),
        (3, "", "it left with exit code 3"),
        (KILLED, "did not get on for 30 s", "did not get on for 30 s"),
        (1, "RuntimeError: boom", "RuntimeError: boom"),
    ],
)
def test_an_ending_is_told_with_what_to_do(exit_code: int, last_words: str, how: str) -> None:
    assert Death(exit_code, last_words).how.startswith(how)


@pytest.mark.parametrize(
    ("exit_code", "last_words", "expected"),
    [(KILLED, "", True), (KILLED, "did not get on for 30 s", False), (CRASHED, "", False)],
)
def test_a_kill_is_what_comes_from_outside(exit_code: int, last_words: str, expected: bool) -> None:
    assert Death(exit_code, last_words).was_kill == expected


# -- starts that fail ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("death", "most"),
    [
        (Death(1, "ImportError: libGL.so.1"), LIMITS.start_errors),
        (Death(0), LIMITS.start_deaths),
        (Death(-signal.SIGILL), LIMITS.start_deaths),
        (Death(KILLED), LIMITS.start_kills),
        (Death(KILLED, "did not get on for 60 s"), LIMITS.start_errors),
    ],
)
def test_so_many_failed_starts_in_a_row_are_enough(death: Death, most: int) -> None:
    starts = FailedStarts(LIMITS)

    assert most == num_until_enough(lambda: starts.learn(death))


def test_the_last_failed_start_is_the_diagnosis() -> None:
    starts = FailedStarts(LIMITS)
    for _ in range(LIMITS.start_deaths - 1):
        starts.learn(Death(KILLED))

    with pytest.raises(WorkersError, match=r"end while they start: SIGILL \(this CPU"):
        starts.learn(Death(-signal.SIGILL))


def test_a_start_that_succeeds_is_a_new_beginning() -> None:
    starts = FailedStarts(LIMITS)
    for _ in range(100):
        for _ in range(LIMITS.start_errors - 1):
            starts.learn(Death(1, "no libGL"))
        starts.one_started()


# -- which example is blamed -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("death", "most"),
    [
        (Death(CRASHED, "", Task(SHARD), 333), LIMITS.deaths_per_example),
        (Death(0, "", Task(SHARD), 333), LIMITS.deaths_per_example),
        (Death(KILLED, "did not get on for 30 s", Task(SHARD), 333), LIMITS.deaths_per_example),
        (Death(1, "RuntimeError: boom", Task(SHARD), 333), LIMITS.deaths_per_example),
        (Death(KILLED, "", Task(SHARD), 333, was_on_trial=True), MOST_KILLS),
    ],
)
def test_an_example_that_ends_every_worker_is_set_aside_after_so_many(
    death: Death, most: int
) -> None:
    known = deaths()
    for number in range(1, most):
        redo = known.learn(death, 0)
        assert redo is not None
        assert (redo.shard, redo.excluded) == (SHARD, {})
        assert (redo.suspect == 333) == (death.was_kill and number >= LIMITS.kills_before_trial)

    reason = f"ended its worker {most} times: {death.how}"
    assert Task(SHARD, {333: reason}, suspect=None) == known.learn(death, 0)


@pytest.mark.parametrize("example", [NO_EXAMPLE, COMMITTING, SHARD.start - 1, SHARD.stop])
@pytest.mark.parametrize("exit_code", [KILLED, CRASHED, 0])
def test_a_death_between_examples_or_while_committing_blames_none(
    example: int, exit_code: int
) -> None:
    known = deaths()
    for _ in range(LIMITS.fruitless_deaths - 1):
        assert Task(SHARD) == known.learn(Death(exit_code, "", Task(SHARD), example), 0)


def test_a_worker_without_a_shard_leaves_nothing_to_redo() -> None:
    known = deaths()

    assert known.learn(Death(KILLED), 0) is None


def test_a_suspect_that_was_drawn_alone_without_harm_is_none_any_more() -> None:
    known = deaths()
    in_company = Death(KILLED, "", Task(SHARD), 333)
    suspects = []
    for _ in range(9):
        redo = known.learn(in_company, 0)
        assert redo is not None
        assert redo.excluded == {}
        suspects.append(redo.suspect)

    assert [None, 333] * 4 + [None] == suspects


def test_kills_at_other_examples_of_the_shard_start_the_count_anew() -> None:
    known = deaths()
    for example in [310, 320] * 10:
        assert Task(SHARD) == known.learn(Death(KILLED, "", Task(SHARD), example), 0)


def test_a_crash_after_a_kill_at_the_same_example_is_its_second_death() -> None:
    known = deaths()
    known.learn(Death(KILLED, "", Task(SHARD), 333), 0)
    redo = known.learn(Death(CRASHED, "", Task(SHARD), 333), 0)

    assert redo is not None
    assert list(redo.excluded) == [333]


def test_a_shard_is_told_of_its_own_examples_alone() -> None:
    known = deaths()
    other = Shard(index=4, start=400, stop=500)
    for shard, example in [(SHARD, 333), (SHARD, 333), (other, 444), (other, 444)]:
        redo = known.learn(Death(CRASHED, "", Task(shard), example), 0)

    assert redo is not None
    assert list(redo.excluded) == [444]
    again = known.learn(Death(CRASHED, "", Task(SHARD)), 0)
    assert again is not None
    assert list(again.excluded) == [333]


# -- when it is enough -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("death", "most"),
    [
        (Death(CRASHED), LIMITS.fruitless_deaths),
        (Death(CRASHED, "", Task(SHARD), COMMITTING), LIMITS.fruitless_deaths),
        (Death(KILLED, "", Task(SHARD), 333), LIMITS.fruitless_kills),
    ],
)
def test_so_many_deaths_with_no_shard_done_are_enough(death: Death, most: int) -> None:
    known = deaths()

    assert most == num_until_enough(lambda: known.learn(death, 0))


@pytest.mark.parametrize(
    ("between_s", "most"),
    [
        # Measured from the first of them: the sixteenth comes after fifteen pauses.
        (LIMITS.fruitless_s / 15, LIMITS.few_deaths + 1),
        (LIMITS.fruitless_s / 14, LIMITS.few_deaths),
        (1_000, LIMITS.few_deaths),
        (0, LIMITS.fruitless_deaths),
    ],
)
def test_time_is_up_after_a_few_deaths(between_s: float, most: int) -> None:
    known = deaths()
    times_s = iter(between_s * number for number in range(100))

    assert most == num_until_enough(lambda: known.learn(Death(CRASHED), next(times_s)))


def test_a_shard_that_is_done_is_a_new_beginning() -> None:
    known = deaths()
    for now_s in range(100):
        for _ in range(LIMITS.few_deaths - 1):
            known.learn(Death(CRASHED), 1_000 * now_s)
        known.shard_done()


@pytest.mark.parametrize(
    ("num_examples", "most"),
    [(10, 10), (1_000, 10), (1_099, 10), (1_100, 11), (100_000, 1_000)],
)
def test_more_than_ten_or_one_percent_of_quarantined_examples_are_enough(
    num_examples: int, most: int
) -> None:
    known = deaths(num_examples)
    shard = Shard(0, 0, 10_000)

    def lose(example: int) -> None:
        death = Death(CRASHED, "", Task(shard), example)
        for _ in range(LIMITS.deaths_per_example):
            known.learn(death, 0)
        known.shard_done()

    for example in range(most):
        lose(example)
    with pytest.raises(WorkersError, match=rf"^{most + 1} examples .*SIGSEGV"):
        lose(most)


# -- whatever happens ------------------------------------------------------------------------------

EXAMPLES = st.integers(SHARD.start - 2, SHARD.start + 5) | st.just(COMMITTING)
ENDINGS = st.sampled_from([(KILLED, ""), (KILLED, "hung"), (CRASHED, ""), (0, ""), (1, "boom")])


@st.composite
def any_death(draw: st.DrawFn) -> Death:
    exit_code, last_words = draw(ENDINGS)
    return Death(exit_code, last_words, Task(SHARD), draw(EXAMPLES), draw(st.booleans()))


def learn_all(known: Deaths, story: list[Death | None]) -> Iterator[Task]:
    """Learn of deaths, and of commits (None), until it is enough."""
    for event in story:
        if event is None:
            known.shard_done()
            continue
        try:
            redo = known.learn(event, 0)
        except WorkersError:
            return
        assert redo is not None
        yield redo


@given(st.lists(st.none() | any_death(), max_size=80))
def test_who_is_set_aside_stays_so_and_was_being_drawn_in_enough_deaths(
    story: list[Death | None],
) -> None:
    tasks = list(learn_all(deaths(), story))

    for before, after in pairwise(tasks):
        assert set(before.excluded) <= set(after.excluded)
    for task in tasks:
        assert task.suspect not in task.excluded
        for example in task.excluded:
            assert SHARD.start <= example < SHARD.stop
            blamed = [each for each in story if each is not None and each.example == example]
            assert len(blamed) >= LIMITS.deaths_per_example


@given(st.lists(any_death(), min_size=LIMITS.fruitless_kills, max_size=60))
def test_no_run_goes_on_after_so_many_fruitless_deaths(story: list[Death]) -> None:
    learnt = len(list(learn_all(deaths(), [*story])))

    assert learnt < LIMITS.fruitless_kills


@given(st.lists(st.none() | any_death(), max_size=80))
def test_kills_in_company_set_nobody_aside(story: list[Death | None]) -> None:
    kills = [
        event and replace(event, exit_code=KILLED, last_words="", was_on_trial=False)
        for event in story
    ]
    for task in learn_all(deaths(), kills):
        assert task.excluded == {}


@dataclass
class SlowReference:
    """The same rules for one shard, read off the whole story each time."""

    story: list[Death] = field(default_factory=list)

    def set_aside(self) -> set[int]:
        return {
            each.example
            for number, each in enumerate(self.story, start=1)
            if SHARD.start <= each.example < SHARD.stop and self._is_last_straw(number)
        }

    def _is_last_straw(self, number: int) -> bool:
        *_, last = so_far = self.story[:number]
        if not last.was_kill:
            return sum(each.example == last.example for each in so_far) >= LIMITS.deaths_per_example
        row, before = 0, NO_EXAMPLE
        for each in so_far:
            if each.was_kill and SHARD.start <= each.example < SHARD.stop:
                has_passed = row >= LIMITS.kills_before_trial and not each.was_on_trial
                row = 1 if each.example != before or has_passed else row + 1
                before = each.example
        return row >= MOST_KILLS


@given(st.lists(any_death(), max_size=LIMITS.fruitless_deaths - 1))
def test_decisions_equal_those_read_off_the_whole_story(story: list[Death]) -> None:
    known, reference = deaths(), SlowReference()
    for death in story:
        reference.story.append(death)
        redo = known.learn(death, 0)
        assert redo is not None
        assert set(redo.excluded) == reference.set_aside()


# -- a run, played through -------------------------------------------------------------------------


@dataclass
class Play:
    """One worker after another renders shards of ten; some examples end theirs, somebody kills."""

    poison: dict[int, int]
    """By example: the exit code of a worker that draws it, alone or in company."""
    only_in_company: set[int]
    """Of these, examples that do no harm when they are drawn alone."""
    kills: Iterator[bool] = field(default_factory=lambda: iter(()))
    """For each example drawn in company: whether somebody kills the worker just then."""
    limits: Limits = LIMITS
    num_deaths: int = 0

    def work(self, task: Task) -> Death | None:
        """Render a shard; return the death that came between."""
        if task.suspect in self.poison and task.suspect not in self.only_in_company:
            code = self.poison[task.suspect]
            return Death(code, "", task, task.suspect, was_on_trial=True)
        for example in range(task.shard.start, task.shard.stop):
            if example in task.excluded:
                continue
            if example in self.poison:
                return Death(self.poison[example], "", task, example)
            if next(self.kills, False):
                return Death(KILLED, "", task, example)
        return None

    def run(self, num_shards: int) -> set[int]:
        """Render every shard; return the examples that were set aside."""
        known, lost = Deaths(self.limits, 10 * num_shards), set[int]()
        for index in range(num_shards):
            task: Task | None = Task(Shard(index, 10 * index, 10 * index + 10))
            while task is not None:
                death = self.work(task)
                if death is None:
                    known.shard_done()
                    lost |= set(task.excluded)
                    break
                self.num_deaths += 1
                task = known.learn(death, 0)
        return lost


POISON = st.dictionaries(
    st.integers(0, 39), st.sampled_from([CRASHED, KILLED, 0, -signal.SIGBUS]), max_size=4
)


@given(POISON)
def test_a_run_loses_exactly_the_examples_that_end_their_workers(poison: dict[int, int]) -> None:
    play = Play(poison, set())

    assert set(poison) == play.run(num_shards=4)
    num_kills = sum(code == KILLED for code in poison.values())
    expected = num_kills * MOST_KILLS + (len(poison) - num_kills) * LIMITS.deaths_per_example
    assert expected == play.num_deaths


@given(POISON, st.lists(st.booleans(), max_size=25))
def test_who_kills_workers_at_random_costs_no_innocent_example(
    poison: dict[int, int], kills: list[bool]
) -> None:
    patient = replace(LIMITS, fruitless_kills=1_000, fruitless_deaths=1_000)
    lost = Play(poison, set(), iter(kills), patient).run(num_shards=4)

    assert set(poison) == lost


def test_an_example_that_kills_in_company_alone_ends_the_run_and_is_not_blamed() -> None:
    play = Play({5: KILLED}, {5})

    with pytest.raises(WorkersError, match="45 times and no shard was done"):
        play.run(num_shards=1)


def test_a_whole_plan_s_shards_are_redone_as_they_were() -> None:
    known = deaths()
    for shard in Plan(1_000).shards():
        redo = known.learn(Death(CRASHED, "", Task(shard), shard.start), 0)

        assert redo == Task(shard)
