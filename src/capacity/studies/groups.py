"""Runs in groups: by the axes of a study, with the measure of each run and the words for each group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from capacity.dictionary.study_measures import Measure
from capacity.experiment import axes
from capacity.experiment.text import in_order_of_numbers
from capacity.statistics import comparisons
from capacity.statistics.intervals import clopper_pearson
from capacity.tables.measured import rows_with, values_of

COUNTED = ("runs", "diverged", "with it", "share", "low", "high")
"""Columns of a share of runs with its exact interval."""


@dataclass(frozen=True, eq=False)
class Group:
    """Runs that agree in some axes.

    Attributes:
        place: the value of each axis.
        values: the measure of each run that has one: 1 or 0 for an outcome.
        runs: how many runs there are.
        diverged: how many of them diverged.
        parameters: of the networks, the mean over runs.
    """

    place: Mapping[str, Any]
    values: tuple[float, ...]
    runs: int
    diverged: int
    parameters: float

    @property
    def counted(self) -> tuple[int | float | None, ...]:
        """The numbers of runs that have an outcome, under the columns :data:`COUNTED`."""
        return (self.runs, self.diverged, *share_of(self.count, self.runs))

    @property
    def label(self) -> str:
        """The values of the axes in words."""
        return label(self.place)

    @property
    def count(self) -> int:
        """How many runs have an outcome."""
        return int(sum(self.values))

    @property
    def mean(self) -> float:
        """The mean of the measure. Raises ZeroDivisionError if no run has one."""
        return sum(self.values) / len(self.values)

    def words(self, measure: Measure) -> str:
        """Say what the runs have: ``12 of 20 runs [0.361, 0.809]``, or ``mean 0.850 of 20 runs``."""
        if measure.is_outcome:
            return count_words(self.count, self.runs)
        left = "" if len(self.values) == self.runs else f" ({self.runs - len(self.values)} without a value)"
        return f"mean {self.mean:.{measure.digits}f} of {len(self.values)} {'run' if self.runs == 1 else 'runs'}{left}"


def share_of(count: int, total: int) -> tuple[int, float | None, float | None, float | None]:
    """Return a count, its share of a total and the exact interval of that; no share of no runs."""
    return (count, count / total, *clopper_pearson(count, total)) if total else (count, None, None, None)


def count_words(count: int, total: int) -> str:
    """Return ``3 of 5 runs [0.147, 0.947]``, with the exact interval of the share."""
    low, high = clopper_pearson(count, total)
    return f"{count} of {total} {'run' if total == 1 else 'runs'} [{low:.3f}, {high:.3f}]"


def measured(runs: pd.DataFrame, measure: Measure) -> pd.Series:
    """Return the measure of each run, NaN where it has none; a diverged run counts as ``measure.failure``."""
    failure = float("nan") if measure.failure is None else measure.failure
    return values_of(measure, runs).mask(runs["diverged"].astype(bool), failure)


def grouped(runs: pd.DataFrame, by: Sequence[str], measure: Measure) -> list[Group]:
    """Return the groups of the runs that have a measure, by the values of some axes, in order of size.

    Without axes there is one group; without runs there is none. Values come in the order of the numbers of parameters
    for sizes, else in their own.
    """
    table = rows_with(measure, runs)
    if table.empty:
        return []
    table = table.assign(measured=measured(table, measure))
    pieces = [((), table)] if not by else [(key, rows) for key, rows in table.groupby(list(by), sort=True)]
    groups = [
        Group(
            dict(zip(by, (plain(each) for each in key), strict=True)),
            tuple(float(value) for value in rows["measured"].dropna()),
            len(rows),
            int(rows["diverged"].sum()),
            float(rows["parameters"].mean()),
        )
        for key, rows in pieces
    ]
    return sorted(groups, key=lambda group: _order(group, by))


def equivalent(first: Group, second: Group, measure: Measure) -> bool:
    """Tell whether two groups are equal to within the margin (TOST), which only an outcome or a share can be."""
    if measure.is_outcome:
        return comparisons.tost_proportions(first.count, first.runs, second.count, second.runs).equivalent
    tost = comparisons.tost_means(first.values, second.values) if measure.has_share else None
    return tost is not None and tost.equivalent


def levels_by_place(
    runs: pd.DataFrame, measure: Measure, along: str, by: Sequence[str]
) -> list[tuple[dict[str, Any], list[Group]]]:
    """Return the groups of each place, in the order of the values of an axis, without those that have no value."""
    places: dict[tuple[Any, ...], list[Group]] = {}
    for group in grouped(runs, [*by, along], measure):
        if group.values:
            places.setdefault(tuple(group.place[name] for name in by), []).append(group)
    return [(dict(zip(by, key, strict=True)), levels) for key, levels in places.items()]


def _order(group: Group, by: Sequence[str]) -> list[Any]:
    """Return the key by which groups are sorted; the values of one axis are all numbers or all texts."""
    order: list[Any] = []
    for axis in by:
        value = group.place[axis]
        if axis == "size":
            order.append((group.parameters, value))
        else:
            order.append(value if isinstance(value, int | float) else in_order_of_numbers(str(value)))
    return order


def plain(value: Any) -> Any:
    """Return a value of a table as one of Python."""
    return value.item() if hasattr(value, "item") else value


def label(place: Mapping[str, Any]) -> str:
    """Return the values of axes in words, such as ``n14, learning rate 0.01``."""
    return ", ".join(axes.in_words(axis, value) for axis, value in place.items())
