"""What a worker's death means: which example it blames, what is redone, and when it is enough.

Values in, decisions out. A death is a value here and time comes in from outside: processes, pipes
and clocks are ``supervisor.py``'s.
"""

from __future__ import annotations

import signal
from collections import Counter
from dataclasses import dataclass, field, replace

from shmtext.dataset.plan import Shard
from shmtext.engine.progress import NO_EXAMPLE
from shmtext.engine.task import Task
from shmtext.errors import WorkersError

ADVICE: dict[int, str] = {
    signal.SIGKILL: " (as when memory runs out: free some, or use fewer workers)",
    signal.SIGBUS: " (shared memory or a disk is full or failing: see /dev/shm and the folder)",
    signal.SIGSEGV: " (a crash in a library, most often by a font: leave it out)",
    signal.SIGABRT: " (a crash in a library, most often by a font: leave it out)",
    signal.SIGILL: " (this CPU is too old for an installed wheel)",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """When patience ends."""

    start_s: float = 60
    """For a worker to import its libraries, and then to open its fonts, on a crowded machine."""
    take_up_s: float = 5
    """For an idle worker to take up a shard, and to let go of a folder: it only waits for that. A
    shard is taken from one that does not, if another worker has nothing to do."""
    hang_s: float = 30
    """Without a new example. The largest picture that is allowed takes about 2 s."""
    commit_s: float = 300
    """For a commit: storage may be slow, and a write can't be hurried by starting over."""
    deaths_per_example: int = 2
    kills_before_trial: int = 2
    """SIGKILL comes from outside (a person, the kernel for want of memory) and strikes wherever a
    worker happens to be, again and again where one is busy longest. So many in a row at one
    example of a shard make it a suspect: from then on it is drawn alone before the shard."""
    kills_on_trial: int = 3
    """So many more in a row, within these few milliseconds, are not chance."""
    start_errors: int = 3
    """Workers in a row that said why they can't start: it will not get better."""
    start_deaths: int = 12
    """Workers in a row that ended without a word before they were ready: it may."""
    start_kills: int = 30
    """Likewise, where the last was a SIGKILL."""
    fruitless_deaths: int = 30
    """In a row, with no shard committed in between: seconds of trying."""
    fruitless_kills: int = 45
    """Likewise, where the last was a SIGKILL."""
    fruitless_s: float = 25
    """Time is up as well, after a few deaths: starting takes long on a crowded machine."""
    few_deaths: int = 16
    failed_examples: int = 10
    """Quarantined, or 1 % of the run if that is more."""


@dataclass(frozen=True, slots=True)
class Death:
    """How a worker ended, and what it was about."""

    exit_code: int
    """As ``subprocess`` has it: a signal's number negated."""
    last_words: str = ""
    """Why: in its own words, or in those of the process that ended it because it hung."""
    task: Task | None = None
    """That it was about."""
    example: int = NO_EXAMPLE
    """That it was drawing; negative if none."""
    was_on_trial: bool = False
    """It was drawing the suspect alone."""

    @property
    def was_kill(self) -> bool:
        """Whether it came from outside: not from this program, for hanging."""
        return self.exit_code == -signal.SIGKILL and not self.last_words

    @property
    def how(self) -> str:
        """What ended the worker and, as far as that tells, what to do."""
        if self.last_words:
            return self.last_words
        if self.exit_code >= 0:
            return f"it left with exit code {self.exit_code}"
        number = -self.exit_code
        is_known = number in signal.valid_signals()
        name = signal.Signals(number).name if is_known else f"signal {number}"
        return name + ADVICE.get(number, "")


@dataclass(eq=False, slots=True)
class FailedStarts:
    """Workers in a row that ended before they could take a shard."""

    limits: Limits
    _num_deaths: int = 0
    _num_errors: int = 0
    """Of these, workers that said why."""

    def one_started(self) -> None:
        """Start counting anew: it can be done."""
        self._num_deaths = self._num_errors = 0

    def learn(self, death: Death) -> None:
        """Count another one. Raises ``WorkersError`` where it is one too many."""
        self._num_deaths += 1
        self._num_errors += bool(death.last_words)
        most = self.limits.start_kills if death.was_kill else self.limits.start_deaths
        if self._num_errors >= self.limits.start_errors or self._num_deaths >= most:
            raise WorkersError(f"workers end while they start: {death.how}")


@dataclass(eq=False, slots=True)
class Deaths:
    """What the deaths of one run have taught so far."""

    limits: Limits
    num_examples: int
    """Of the run."""
    _per_example: Counter[int] = field(default_factory=Counter)
    _quarantined: dict[int, str] = field(default_factory=dict)
    """Examples that are not drawn any more, and why."""
    _kills: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By shard: the example at which a worker was last killed, and how often in a row."""
    _num_fruitless: int = 0
    """Since a shard was last committed."""
    _fruitless_since_s: float = 0

    def shard_done(self) -> None:
        """Take note that a shard was committed: workers get somewhere."""
        self._num_fruitless = 0

    def learn(self, death: Death, now_s: float) -> Task | None:
        """Draw conclusions from a death; return what has to be redone.

        ``now_s`` is of any clock that does not go back. Raises ``WorkersError`` when it is enough.
        """
        if self._num_fruitless == 0:
            self._fruitless_since_s = now_s
        self._num_fruitless += 1
        task = death.task
        if task is not None and task.shard.start <= death.example < task.shard.stop:
            self._blame(death, task.shard)
        self._check(death, now_s)
        return None if task is None else self._again(task)

    def _blame(self, death: Death, shard: Shard) -> None:
        """Count a death against the example that was being drawn."""
        example, limits = death.example, self.limits
        self._per_example[example] += 1
        count, most = self._per_example[example], limits.deaths_per_example
        if death.was_kill:
            count = self._count_kill(death, shard)
            most = limits.kills_before_trial + limits.kills_on_trial
        if count >= most:
            self._quarantined[example] = f"ended its worker {count} times: {death.how}"

    def _count_kill(self, death: Death, shard: Shard) -> int:
        """Return how often in a row the shard's workers were killed at this example."""
        before, count = self._kills.get(shard.index, (death.example, 0))
        # A suspect that was drawn alone without harm is none any more.
        has_passed = count >= self.limits.kills_before_trial and not death.was_on_trial
        count = count + 1 if before == death.example and not has_passed else 1
        self._kills[shard.index] = death.example, count
        return count

    def _check(self, death: Death, now_s: float) -> None:
        limits = self.limits
        if len(self._quarantined) > max(limits.failed_examples, self.num_examples // 100):
            raise WorkersError(
                f"{len(self._quarantined)} examples ended their workers, the last so: {death.how}"
            )
        most = limits.fruitless_kills if death.was_kill else limits.fruitless_deaths
        if now_s - self._fruitless_since_s > limits.fruitless_s:
            most = min(most, limits.few_deaths)
        if self._num_fruitless >= most:
            raise WorkersError(
                f"workers ended {self._num_fruitless} times and no shard was done in between, "
                f"the last so: {death.how}"
            )

    def _again(self, task: Task) -> Task:
        """What is left to do of a task, and how."""
        shard = task.shard
        excluded = {
            example: reason
            for example, reason in self._quarantined.items()
            if shard.start <= example < shard.stop
        }
        example, count = self._kills.get(shard.index, (NO_EXAMPLE, 0))
        is_suspect = count >= self.limits.kills_before_trial and example not in excluded
        return replace(task, excluded=excluded, suspect=example if is_suspect else None)
