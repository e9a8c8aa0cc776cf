"""The rule ``capacity``: how many bits a parameter holds, from the most that each size memorizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from capacity.dictionary.study_measures import MEASURES, Measure
from capacity.experiment import axes
from capacity.statistics.intervals import Interval
from capacity.statistics.lines import Slope, slope_of_plateaus
from capacity.studies.answer import Answer, Draws, StudyTables, Table, Value, not_run, sentence_of
from capacity.studies.groups import Group, grouped, label

PUBLISHED = (
    ("Allen-Zhu and Li (arXiv 2404.05405)", 2.0, 2.0),
    ("Song and Ye (arXiv 2605.09724)", 2.16, 2.16),
    ("Morris et al. (arXiv 2505.24832)", 3.5, 3.8),
)
"""Bits per parameter that others have found, from and to, for other networks and data."""

RULE = (
    "Of each size the most that it memorizes is the largest, over the amounts of data, of the means over runs. The "
    "answer is the slope of the least-squares line of these against the number of parameters, in bits per parameter, "
    "with the 95 % interval of 10,000 bootstrap resamples of the runs of each cell, in each of which the largest mean "
    "is chosen anew. A published value agrees if it lies within the interval. A diverged run has memorized nothing. "
    "The largest of several means is a little too large by chance, and too small if more data would have shown more: "
    "sizes whose largest mean is at the largest amount of data are named."
)


def answer(settings: Mapping[str, Any], tables: StudyTables, draws: Draws) -> Answer:
    """Return the answer of the rule: of each group the bits per parameter, beside those that others have found."""
    measure, over, by = MEASURES[settings["measure"]], settings["over"], settings["by"]
    places: dict[tuple[Any, ...], list[Group]] = {}
    for group in grouped(tables.runs, [*by, "size", over], measure):
        if group.values:
            places.setdefault(tuple(group.place[axis] for axis in by), []).append(group)
    fitted = {key: _fit(groups, draws) for key, groups in places.items()}
    missing = [
        f"{label(dict(zip(by, key, strict=True))) or 'the study'} with a second size"
        for key, slope in fitted.items()
        if slope is None
    ]
    slopes = {key: slope for key, slope in fitted.items() if slope is not None}
    if not slopes:
        return not_run(RULE, missing or [f"runs that are asked for {measure.words}"])
    parts, summary, rows = [], [], []
    for key, slope in slopes.items():
        place, sizes = dict(zip(by, key, strict=True)), _sizes(places[key])
        parts.append((label(place), _words(slope, sizes, over)))
        published = (_beside(slope.interval, low, high) for _, low, high in PUBLISHED)
        runs = sum(group.runs for group in places[key])
        summary.append((*key, len(sizes), runs, slope.value, *slope.interval, slope.intercept, *published))
        rows += [
            (*key, *_row(parameters, groups, plateau.place, plateau.value, plateau.interval, over))
            for (parameters, groups), plateau in zip(sizes.items(), slope.plateaus, strict=True)
        ]
    names = tuple(axes.name(axis) for axis in by)
    used = [group for key in slopes for group in places[key]]
    return Answer(
        "; ".join(dict.fromkeys(f"{slope.value:.2f}" for slope in slopes.values())),
        "How many bits does a parameter hold? " + sentence_of(parts),
        RULE,
        f"Further sizes and runs, and more data ({axes.name(over)}) for sizes whose most is at the largest amount.",
        sum(group.runs for group in used),
        sum(group.diverged for group in used),
        (
            Table(
                "Bits per parameter",
                (
                    *(*names, "sizes", "runs", "bits per parameter", "low", "high", "bits at no parameter"),
                    *(f"beside {_range(low, high)}, {who}" for who, low, high in PUBLISHED),
                ),
                tuple(summary),
            ),
            Table("The most that each size memorizes", (*names, *_columns(over, measure)), tuple(rows)),
        ),
        tuple(missing),
    )


def _sizes(groups: Sequence[Group]) -> dict[float, list[Group]]:
    """Return the groups of each size, by ascending amount of data, under its number of parameters, in ascending order.

    Little data may have fewer characters, and so a network fewer parameters: the most that the size has count.
    """
    sizes: dict[str, list[Group]] = {}
    for group in groups:
        sizes.setdefault(group.place["size"], []).append(group)
    return dict(sorted((max(group.parameters for group in of_size), of_size) for of_size in sizes.values()))


def _fit(groups: Sequence[Group], draws: Draws) -> Slope | None:
    sizes = _sizes(groups)
    values = [[group.values for group in of_size] for of_size in sizes.values()]
    return slope_of_plateaus(list(sizes), values, draws.rng, draws.resamples)


def _words(slope: Slope, sizes: Mapping[float, Sequence[Group]], over: str) -> str:
    """Say the slope with its interval, and what others have found."""
    first, *_, last = sizes
    low, high = slope.interval
    beside = ", ".join(f"{_beside(slope.interval, *ends)} {_range(*ends)} of {who}" for who, *ends in PUBLISHED)
    rising = [
        axes.short("parameters", parameters)
        for (parameters, groups), plateau in zip(sizes.items(), slope.plateaus, strict=True)
        if plateau.place == len(groups) - 1
    ]
    short = f"; the most is at the largest {axes.name(over)} for {', '.join(rising)} parameters" if rising else ""
    ends = f"{axes.short('parameters', first)} to {axes.short('parameters', last)} parameters"
    runs = sum(group.runs for groups in sizes.values() for group in groups)
    return f"{slope.value:.2f} bits [{low:.2f}, {high:.2f}] ({runs} runs, {ends}), {beside}{short}"


def _beside(interval: Interval, low: float, high: float) -> str:
    """Say where an interval lies beside what others have found."""
    if interval.low > high:
        return "above"
    return "below" if interval.high < low else "agrees with"


def _range(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _columns(over: str, measure: Measure) -> tuple[str, ...]:
    return (
        "parameters",
        f"{axes.name(over)} of the most",
        "runs",
        measure.what,
        "low",
        "high",
        "per parameter",
        "rises",
    )


def _row(
    parameters: float, groups: Sequence[Group], place: int, value: float, interval: Interval, over: str
) -> tuple[Value, ...]:
    group = groups[place]
    rises = "still" if place == len(groups) - 1 else ""
    return (parameters, group.place[over], group.runs, value, *interval, value / parameters, rises)
