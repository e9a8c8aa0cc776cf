"""What we want to be true of the numbers, and whether it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.contest import Timing
from benchmarks.floor import Rates
from benchmarks.measure import summarise
from benchmarks.results import CellResult, find
from capacity.paper.protocol import SIZES, TASKS

STUDY_SEEDS = 64
ONE_LAYER_SIZES = tuple(name for name, size in SIZES.items() if size.layers == 1)
NOISE = 1.1
"""What must not grow may still measure ten percent more."""


@dataclass(frozen=True)
class Goal:
    """One line of the verdict; ``met`` is None where what it needs was not measured."""

    text: str
    wanted: str
    measured: str
    met: bool | None

    @property
    def verdict(self) -> str:
        return {True: "met", False: "NOT MET", None: "not measured"}[self.met]


def goals(results: Sequence[CellResult], device: str, rates: Rates) -> list[Goal]:
    """The goals for a device."""
    small = [each for each in results if not each.setting.is_large]
    if device == "cpu":
        return [
            _faster_than_baseline(small),
            at_most("update of a one-layer cell, of JAX's", 0.35, _ratios(small, "jax")),
            at_most("update of n14-arithmetic, of JAX's", 0.15, _ratios(_of(small, "n14", "arithmetic"), "jax")),
            at_most("update of a one-layer cell, of torch's", 0.36, _ratios(small, "torch")),
            at_most("update of n14, of torch's", 0.25, _ratios(_of(small, "n14"), "torch")),
            at_most("update of a one-layer cell, of the floor", 1.8, _of_floor(small)),
            _below_floor(small),
            at_most("evaluations of a full run, of its updates", 0.05, _evaluation_shares(small, 1)),
            at_most("start to first update of a one-layer cell, s", 1.5, _starts(small)),
            at_most("memory of a one-layer job, MB", 200.0, _memory(small)),
            at_most("cost of seeds, of linear", NOISE, _costs_of_seeds(small, None)),
            at_most("memory of many seeds, of one's", NOISE, _memory_of_seeds(small)),
            at_most("update of MLT, of the plain program's", 0.9, _ratios(_of(results, "mlt"), "baseline")),
        ]
    return [
        _run_within("full run, n14-arithmetic, 64 seeds", 60.0, small, "n14", "arithmetic", STUDY_SEEDS),
        _study_within(20 * 60.0, small),
        at_most("evaluations of a full run, of its updates", 0.05, _evaluation_shares(small, STUDY_SEEDS)),
        _share_of_ceiling(results, rates),
        _run_within("full run, mlt-arithmetic, one seed", 90.0, results, "mlt", "arithmetic", 1),
        at_most("cost of up to 64 seeds, of linear", 1.0, _costs_of_seeds(small, STUDY_SEEDS)),
    ]


Named = tuple[str, float]
"""A number and what it is the number of."""


def at_most(text: str, limit: float, values: Iterable[Named]) -> Goal:
    """A goal for every one of some values: the largest decides."""
    return _for_all(text, f"at most {limit:g}", values, limit, 1)


def at_least(text: str, limit: float, values: Iterable[Named]) -> Goal:
    """A goal for every one of some values: the smallest decides."""
    return _for_all(text, f"at least {limit:g}", values, limit, -1)


def _for_all(text: str, wanted: str, values: Iterable[Named], limit: float, sign: int) -> Goal:
    """A goal that the worst of some values decides; ``sign`` is 1 where large ones are bad, -1 where small ones are."""
    ordered = sorted(values, key=lambda pair: sign * pair[1])
    if not ordered:
        return Goal(text, wanted, "", None)
    name, worst = ordered[-1]
    within = sum(sign * value <= sign * limit for _, value in ordered)
    measured = f"{worst:.3g} at worst ({name}); {within} of {len(ordered)}"
    return Goal(text, wanted, measured, sign * worst <= sign * limit)


def _faster_than_baseline(results: Sequence[CellResult]) -> Goal:
    text, wanted = "full run, n14-arithmetic, baseline's over ours", "at least 40"
    result = find(results, "n14", "arithmetic")
    if result is None:
        return Goal(text, wanted, "", None)
    timings = (result.timing("ours"), result.timing("baseline"))
    # Both extrapolated: a run that was made later may have met a busier machine.
    ours, theirs = (None if timing is None else result.extrapolated_seconds(timing) for timing in timings)
    if ours is None or theirs is None:
        return Goal(text, wanted, "", None)
    return Goal(text, wanted, f"{theirs / ours:.1f} ({theirs:.0f} s over {ours:.0f} s)", theirs >= 40 * ours)


def _run_within(text: str, limit: float, results: Sequence[CellResult], size: str, task: str, seeds: int) -> Goal:
    result = find(results, size, task)
    seconds = None if result is None else _full_seconds(result, seeds)
    if seconds is None:
        return Goal(text, f"under {limit:g} s", "", None)
    return Goal(text, f"under {limit:g} s", f"{seconds:.1f} s", seconds < limit)


def _study_within(limit: float, results: Sequence[CellResult]) -> Goal:
    text, wanted = "nine one-layer cells, 64 seeds each, one after another", f"under {limit:g} s"
    cells = [find(results, size, task) for size in ONE_LAYER_SIZES for task in TASKS]
    seconds = [None if cell is None else _full_seconds(cell, STUDY_SEEDS) for cell in cells]
    measured = [value for value in seconds if value is not None]
    if len(measured) < len(seconds):
        return Goal(text, wanted, "", None)
    return Goal(text, wanted, f"{sum(measured):.0f} s", sum(measured) < limit)


def _share_of_ceiling(results: Sequence[CellResult], rates: Rates) -> Goal:
    text, wanted = "mlt-arithmetic, of the bfloat16 matrix rate", "at least 0.4"
    result = find(results, "mlt", "arithmetic")
    timing = None if result is None else result.timing("ours")
    if result is None or timing is None:
        return Goal(text, wanted, "", None)
    share = result.work.operations / summarise(timing.update_seconds).median / rates.operations["bfloat16"]
    return Goal(text, wanted, f"{share:.2f}", share >= 0.4)


def _full_seconds(result: CellResult, seeds: int) -> float | None:
    timing = result.timing("ours", seeds)
    return None if timing is None else result.full_seconds(timing)


def _of(results: Iterable[CellResult], size: str, task: str | None = None) -> list[CellResult]:
    """The cells of a size, and of a task if one is given."""
    return [each for each in results if each.setting.size == size and task in (None, each.setting.task)]


def _ours(results: Iterable[CellResult], seeds: int = 1) -> Iterator[tuple[CellResult, Timing]]:
    """The cells in which ours was timed with so many seeds."""
    for result in results:
        if timing := result.timing("ours", seeds):
            yield result, timing


def _ratios(results: Iterable[CellResult], other: str) -> list[Named]:
    """Our update's time as a share of another contestant's."""
    pairs = ((result.setting.name, result.ratio(ours, other)) for result, ours in _ours(results))
    return [(name, ratio.median) for name, ratio in pairs if ratio is not None]


def _of_floor(results: Iterable[CellResult]) -> list[Named]:
    return [
        (result.setting.name, summarise(ours.update_seconds).median / result.floor_seconds)
        for result, ours in _ours(results)
    ]


def _below_floor(results: Iterable[CellResult]) -> Goal:
    text, wanted = "one-layer cells whose update is below the floor", "at least 5"
    shares = _of_floor(results)
    if not shares:
        return Goal(text, wanted, "", None)
    below = sum(share < 1.0 for _, share in shares)
    return Goal(text, wanted, f"{below} of {len(shares)}", below >= 5)


def _evaluation_shares(results: Iterable[CellResult], seeds: int) -> list[Named]:
    pairs = ((result.setting.name, result.evaluations_share(ours)) for result, ours in _ours(results, seeds))
    return [(name, share) for name, share in pairs if share is not None]


def _memory(results: Iterable[CellResult]) -> list[Named]:
    return [(result.setting.name, ours.peak_bytes / 1e6) for result, ours in _ours(results) if ours.peak_bytes]


def _starts(results: Iterable[CellResult]) -> list[Named]:
    return [(result.setting.name, summarise(ours.start_seconds).median) for result, ours in _ours(results)]


def _stacks(results: Iterable[CellResult]) -> list[tuple[CellResult, Timing]]:
    """Our timings with several seeds."""
    return [
        (result, timing)
        for result in results
        for timing in result.timings
        if timing.contestant == "ours" and timing.seeds > 1 and timing.update_seconds
    ]


def _costs_of_seeds(results: Iterable[CellResult], most: int | None) -> list[Named]:
    """Time of a stack over that of as many single networks."""
    costs = []
    for result, timing in _stacks(results):
        ratio = result.ratio(timing, "ours")
        if ratio is not None and (most is None or timing.seeds <= most):
            costs.append((f"{result.setting.name}, {timing.seeds} seeds", ratio.median))
    return costs


def _memory_of_seeds(results: Iterable[CellResult]) -> list[Named]:
    shares = []
    for result, timing in _stacks(results):
        one = result.timing("ours")
        if one is not None and one.peak_bytes and timing.peak_bytes:
            shares.append((f"{result.setting.name}, {timing.seeds} seeds", timing.peak_bytes / one.peak_bytes))
    return shares
