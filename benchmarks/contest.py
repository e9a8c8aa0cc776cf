"""Contestants, and the rounds in which they take turns.

Every contestant lives in a child process that is pinned to the same processors as all others and works only when it
is asked, so that whatever else the machine does hits all alike.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

from benchmarks.child import Child, ChildError
from benchmarks.measure import Sample
from benchmarks.setting import Setting


class Contestant(Protocol):
    """What a module that takes part returns from its function ``enter(setting)``."""

    def update(self, updates: int, untimed: int = 0) -> Sample:
        """Make so many updates of all seeds, and wait until they are done; before them some that are not timed."""

    def evaluate(self) -> Sample:
        """Evaluate all networks once, as a run does; asked only of those whose timing says that they are."""

    def peak_bytes(self) -> int:
        """Most memory held so far: of the process, or of the GPU."""


@dataclass
class Timing:
    """What was measured of one contestant; lists have one value per round, in order.

    Attributes:
        contestant: ``ours``, ``torch`` (ours too, by torch), ``baseline`` or ``jax``.
        seeds: networks that one update trains.
        is_evaluated: whether it is asked to evaluate as well.
        block: updates in each round.
        update_seconds: time of one update of all seeds.
        processor_seconds: processor time of one update of all seeds.
        updates_before_evaluation: that the networks had had when they were evaluated.
        evaluation_seconds: time of one evaluation of all seeds.
        start_seconds: from the start of a process to the end of its first update.
        peak_bytes: memory of the process, or on the GPU.
        full_seconds: a full run, start included, where it was made for real.
        failure: why there is no measurement, or not all of them.
    """

    contestant: str
    seeds: int
    is_evaluated: bool = True
    block: int = 0
    update_seconds: list[float] = field(default_factory=list)
    processor_seconds: list[float] = field(default_factory=list)
    updates_before_evaluation: int = 0
    evaluation_seconds: list[float] = field(default_factory=list)
    start_seconds: list[float] = field(default_factory=list)
    peak_bytes: int | None = None
    full_seconds: float | None = None
    failure: str | None = None

    @property
    def processor_share(self) -> float:
        """Processor time as a fraction of the clock's, over all rounds: below one where other programs took the
        processor, or where the work was done on a GPU. Raises ZeroDivisionError before the first round."""
        return sum(self.processor_seconds) / sum(self.update_seconds)


@dataclass(frozen=True)
class Effort:
    """How much is sampled.

    Attributes:
        rounds: blocks of updates of each contestant, at most.
        block_seconds: about how long a block takes.
        evaluations: of each contestant, at most.
        starts: processes started to time the start of ours.
        updates_before_evaluation: to be had by our networks before they are evaluated, for a trained network ends
            its answers sooner than an untrained one.
        budget_seconds: for each of the three (rounds, those updates, evaluations) of a cell; what is under way is
            finished, and there are at least three rounds and one evaluation.
    """

    rounds: int
    block_seconds: float
    evaluations: int
    starts: int
    updates_before_evaluation: int
    budget_seconds: float


THOROUGH = Effort(
    rounds=8, block_seconds=1.5, evaluations=5, starts=3, updates_before_evaluation=500, budget_seconds=60.0
)
QUICK = Effort(rounds=3, block_seconds=0.5, evaluations=1, starts=1, updates_before_evaluation=0, budget_seconds=5.0)
LEAST_ROUNDS = 3


def start(timing: Timing, child: Child, effort: Effort) -> None:
    """First update; then how many make a block, found twice, because few updates are slower than many.

    Leaves all compiled and warm.
    """
    if _update(timing, child, 1):
        timing.start_seconds.append(child.seconds_since_start)
    timing.block = 1
    for _ in range(2):
        sample = _update(timing, child, timing.block, 1)
        if sample is None or sample.seconds >= effort.block_seconds:
            return
        timing.block = max(1, round(timing.block * effort.block_seconds / sample.seconds))
    _update(timing, child, timing.block)


def take_turns(pairs: Sequence[tuple[Timing, Child]], effort: Effort) -> None:
    """Rounds of updates, then of evaluations, of contestants that have made their start.

    Before each block comes an update that is not timed, for another contestant has just filled the caches. One that
    fails says so in its timing, and the others go on.
    """
    for _ in _rounds(effort.rounds, LEAST_ROUNDS, effort.budget_seconds):
        for timing, child in pairs:
            if sample := _update(timing, child, timing.block, 1):
                timing.update_seconds.append(sample.seconds / timing.block)
                timing.processor_seconds.append(sample.processor_seconds / timing.block)

    evaluated = [(timing, child) for timing, child in pairs if timing.is_evaluated]
    for timing, child in evaluated:
        _train_on(timing, child, effort)
    for _ in _rounds(effort.evaluations, 1, effort.budget_seconds):
        for timing, child in evaluated:
            if sample := _ask(timing, child, "evaluate"):
                timing.evaluation_seconds.append(sample.seconds)
    for timing, child in pairs:
        timing.peak_bytes = _ask(timing, child, "peak_bytes")


def race(contestants: Mapping[str, tuple[str, Setting]], effort: Effort) -> dict[str, Timing]:
    """The timings by name of contestants, each a module and what it is told, that take turns in updates alone.

    Raises ChildError naming a contestant that fails.
    """
    timings = {name: Timing(name, 1, is_evaluated=False) for name in contestants}
    with ExitStack() as stack:
        children = [stack.enter_context(Child(module, setting)) for module, setting in contestants.values()]
        pairs = list(zip(timings.values(), children, strict=True))
        for timing, child in pairs:
            start(timing, child, effort)
        take_turns(pairs, effort)
    for name, timing in timings.items():
        if timing.failure is not None:
            raise ChildError(f"{name}: {timing.failure}")
    return timings


def _train_on(timing: Timing, child: Child, effort: Effort) -> None:
    """More updates for our networks, until they have had enough of them or the budget is spent."""
    if timing.contestant != "ours" or not timing.update_seconds:
        return
    missing = effort.updates_before_evaluation - timing.updates_before_evaluation
    affordable = int(effort.budget_seconds / min(timing.update_seconds))
    if (updates := min(missing, affordable)) > 0:
        _update(timing, child, updates)


def _rounds(most: int, least: int, budget_seconds: float) -> Iterator[int]:
    """Numbers of rounds, until there were ``most``, or at least ``least`` and the budget is spent."""
    begin = time.perf_counter()
    for done in range(most):
        if done >= least and time.perf_counter() - begin > budget_seconds:
            return
        yield done


def _update(timing: Timing, child: Child, updates: int, untimed: int = 0) -> Sample | None:
    """The time of some updates, all of which are counted."""
    sample: Sample | None = _ask(timing, child, "update", updates, untimed)
    if sample is not None:
        timing.updates_before_evaluation += updates + untimed
    return sample


def _ask(timing: Timing, child: Child, method: str, *arguments: Any) -> Any:
    """The child's answer, or None if it failed, now or before."""
    if timing.failure is not None:
        return None
    try:
        return child.call(method, *arguments)
    except ChildError as error:
        timing.failure = str(error)
        child.close()  # its memory is wanted by the others
        return None
