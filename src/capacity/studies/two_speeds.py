"""The rule ``two-speeds``: at which size memorizing becomes faster than generalizing, and whether that decides.

Song and Ye (arXiv 2605.09724) say that a network generalizes where it does so before it has memorized. Runs whose
answers are permuted can only memorize, and give the time that it takes; runs with the true answers give the time until
they generalize.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from capacity.dictionary.study_measures import MEASURES
from capacity.experiment import axes
from capacity.statistics.comparisons import ALPHA
from capacity.statistics.crossings import Crossing, Median, crossing
from capacity.statistics.shares import Majority, majority
from capacity.statistics.thresholds import Threshold
from capacity.studies import threshold
from capacity.studies.answer import (
    CANNOT_BE_TOLD,
    Answer,
    Draws,
    StudyTables,
    Table,
    Value,
    not_run,
    sentence_of,
    together,
)
from capacity.studies.groups import Group, grouped, label, levels_by_place
from capacity.tables.measured import rows_with

YES, NO = "yes", "no"
MEMORIZED, GENERALIZED, RIGHT = MEASURES["time-to-fit"], MEASURES["time-to-generalize"], MEASURES["all-right"]
RULE = (
    f"T_mem is the median number of {MEMORIZED.what} of the runs that can only memorize, and T_gen that of "
    f"{GENERALIZED.what} of the others. A run that ends or diverges before counts as later than all that do not (with "
    "runs of one length this is the median of Kaplan and Meier). P* is where the two cross, with the 95 % interval of "
    "10,000 bootstrap resamples of the runs of each size and kind. If an end of it lies beyond the sizes that were "
    "run, it cannot be told; else it is widened to the sizes next to it, as nothing was run between. The answer is no "
    "if memorizing is the faster one below P*; if, by the exact 95 % interval of the share, most runs above this "
    f"interval have {RIGHT.words}, or most below it have not; or if the interval of where half of the runs have lies "
    "outside of it. It is yes if the share of these runs falls (Cochran-Armitage, p below "
    f"{ALPHA:g}) and is one half, by a logistic fit, within this interval. Else it cannot be told."
)


_CROSSINGS = (
    *("P*", "P*, low", "P*, high", "crossings"),
    *("half of the runs generalize at", "half, low", "half, high", "p of the slope", "falls there"),
)


@dataclass(frozen=True, eq=False)
class Compared:
    """What is known of one place.

    Attributes:
        along: the numeric axis.
        at: its values that have runs of both kinds.
        runs: how many of each kind there are.
        crossed: where the times cross.
        levels: the runs that may generalize, by value.
        half, slope: where half of them do, and the p-value of the test that their share neither rises nor falls.
    """

    along: str
    at: Sequence[float]
    runs: Sequence[tuple[int, int]]
    crossed: Crossing
    levels: Sequence[Group]
    half: Threshold | None
    slope: float | None


def answer(settings: Mapping[str, Any], tables: StudyTables, draws: Draws) -> Answer:
    """Return the answer of the rule: of each group whether generalization falls where the two speeds cross."""
    along, by = settings["along"], settings["by"]
    ((axis, (memorizing, generalizing)),) = settings["between"].items()
    runs = rows_with(RIGHT, tables.runs)
    if runs.empty:
        return not_run(RULE, [f"runs with {axes.in_words(axis, value)}" for value in (memorizing, generalizing)])
    timed = _with_times(runs, tables.dynamics)
    places = [(dict(group.place), _rows_of(timed, group.place)) for group in grouped(runs, by, RIGHT)]
    compared = [_compare(rows, axis, (memorizing, generalizing), along, draws) for _, rows in places]
    missing = [
        f"{label(place) or 'the study'} with two values of {axes.name(along)} and both "
        f"{axes.in_words(axis, memorizing)} and {axes.in_words(axis, generalizing)}"
        for (place, _), each in zip(places, compared, strict=True)
        if each is None
    ]
    measured = [(place, rows, each) for (place, rows), each in zip(places, compared, strict=True) if each is not None]
    if not measured:
        return not_run(RULE, missing)
    outcomes = [_outcome(each) for _, _, each in measured]
    parts = [
        (label(place), f"{outcome} ({_words(each)})")
        for (place, _, each), outcome in zip(measured, outcomes, strict=True)
    ]
    names = tuple(axes.name(name) for name in by)
    times = (
        *(*names, axes.name(along)),
        *(f"{name}{end}" for name in ("T_mem", "T_gen") for end in (", runs", "", ", low", ", high")),
    )
    return Answer(
        together(outcomes),
        "Does generalization fall where memorizing becomes the faster one? " + sentence_of(parts),
        RULE,
        f"Further runs, and values of {axes.name(along)} between and beyond those that were run.",
        sum(len(rows) for _, rows, _ in measured),
        sum(int(rows["diverged"].sum()) for _, rows, _ in measured),
        (
            Table(
                "Where the speeds cross, and where half of the runs generalize",
                (*names, *_CROSSINGS),
                tuple(
                    (*place.values(), *_row(each), outcome)
                    for (place, _, each), outcome in zip(measured, outcomes, strict=True)
                ),
            ),
            Table(
                "Median updates until runs have memorized and generalized",
                times,
                tuple(row for place, _, each in measured for row in _time_rows(tuple(place.values()), each)),
            ),
        ),
        tuple(missing),
    )


def _with_times(runs: pd.DataFrame, dynamics: pd.DataFrame) -> pd.DataFrame:
    """Return runs with their times, infinite where the event did not come or the run diverged."""
    columns = [MEMORIZED.column, GENERALIZED.column]
    timed = runs.merge(dynamics[["cell", "seed", *columns]], on=["cell", "seed"], validate="one_to_one")
    for column in columns:
        times = timed[column].astype("float64").fillna(math.inf).mask(timed["diverged"].astype(bool), math.inf)
        timed[column] = times.clip(lower=1)  # an event before the first update has no logarithm
    return timed


def _rows_of(runs: pd.DataFrame, place: Mapping[str, Any]) -> pd.DataFrame:
    """Return the runs at some values of axes."""
    for axis, value in place.items():
        runs = runs[runs[axis] == value]
    return runs


def _compare(runs: pd.DataFrame, axis: str, arms: tuple[Any, Any], along: str, draws: Draws) -> Compared | None:
    """Compare the two kinds of runs of one place; None if fewer than two values of the axis have both."""
    kinds = [runs[runs[axis] == value] for value in arms]
    shared = sorted(value for value in set(kinds[0][along]) & set(kinds[1][along]) if value > 0)
    memorized, generalized = (
        [kind.loc[kind[along] == value, measure.column].tolist() for value in shared]
        for kind, measure in zip(kinds, (MEMORIZED, GENERALIZED), strict=True)
    )
    scores = [math.log10(value) for value in shared]
    crossed = crossing(scores, memorized, generalized, draws.rng, draws.resamples)
    if crossed is None:
        return None
    ((_, levels),) = levels_by_place(kinds[1], RIGHT, along, [])
    levels = [level for level in levels if level.place[along] > 0]
    return Compared(
        along,
        [float(value) for value in shared],
        [(len(first), len(second)) for first, second in zip(memorized, generalized, strict=True)],
        crossed,
        levels,
        threshold.fit(levels, along, draws),
        threshold.slope_p_value(levels, along, draws),
    )


def _outcome(compared: Compared) -> str:
    crossed, half = compared.crossed, compared.half
    if crossed.score is None or not math.isfinite(crossed.low) or not math.isfinite(crossed.high):
        return CANNOT_BE_TOLD
    sizes = [math.log10(value) for value in compared.at]
    low = max(size for size in sizes if size <= crossed.low)
    high = min(size for size in sizes if size >= crossed.high)
    above, below = (
        _most(level for level in compared.levels if side * math.log10(level.place[compared.along]) > side * end)
        for side, end in ((1, high), (-1, low))
    )
    if not crossed.first_is_larger_below or above == Majority.YES or below == Majority.NO:
        return NO
    falls = compared.slope is not None and compared.slope < ALPHA
    if half is None or half.score is None or half.low is None or half.high is None or not falls:
        return CANNOT_BE_TOLD
    if half.high < low or high < half.low:
        return NO
    return YES if not half.rises and low <= half.score <= high else CANNOT_BE_TOLD


def _most(levels: Iterable[Group]) -> Majority:
    """Decide whether most runs of some levels generalize."""
    counts = [(level.count, level.runs) for level in levels]
    return majority(sum(count for count, _ in counts), sum(total for _, total in counts))


def _words(compared: Compared) -> str:
    """Say where the speeds cross, and where half of the runs generalize."""
    along, crossed, half = compared.along, compared.crossed, compared.half
    first, last = (axes.short(along, compared.at[number]) for number in (0, -1))

    def interval(low: float, high: float) -> str:
        return " to ".join(threshold.end_words(end, along, first, last) for end in (low, high))

    runs = f"{sum(map(sum, compared.runs))} runs at {len(compared.at)} values of {axes.name(along)}"
    if crossed.score is None:
        where = "the speeds are never told apart"
    elif not math.isfinite(crossed.score):
        faster = "generalizing" if crossed.first_is_larger_below else "memorizing"
        where = f"{faster} is faster from {first} to {last}, P* {interval(crossed.low, crossed.high)}"
    else:
        times = "" if crossed.number == 1 else f", which cross {crossed.number} times"
        below = "generalizing" if crossed.first_is_larger_below else "memorizing"
        star = f"P* is {threshold.rounded(crossed.score, along)} [{interval(crossed.low, crossed.high)}]"
        where = f"{star}{times}, below which {below} is faster"
    if half is None or half.score is None or half.low is None or half.high is None:
        return f"{where}; half of the runs generalize nowhere; {runs}"
    value = threshold.end_words(half.score, along, first, last)
    return f"{where}; half of the runs generalize at {value} [{interval(half.low, half.high)}]; {runs}"


def _row(compared: Compared) -> tuple[Value, ...]:
    crossed, half = compared.crossed, compared.half
    ends = (None, None, None) if half is None else (half.score, half.low, half.high)
    return (
        *(threshold.axis_value(each) for each in (crossed.score, crossed.low, crossed.high)),
        crossed.number,
        *(threshold.axis_value(each) for each in ends),
        compared.slope,
    )


def _time_rows(place: tuple[Value, ...], compared: Compared) -> list[tuple[Value, ...]]:
    """Return a row for each value of the axis, with the medians of both kinds of runs."""
    crossed = compared.crossed
    rows = zip(compared.at, compared.runs, crossed.first, crossed.second, strict=True)
    return [
        (*place, value, counts[0], *_reached(first), counts[1], *_reached(second))
        for value, counts, first, second in rows
    ]


def _reached(median: Median) -> tuple[Value, ...]:
    """Return a median and the ends of its interval, none where it is not reached."""
    return tuple(each if math.isfinite(each) else None for each in median)
