"""The rule ``variance-components``: how much of what differs between runs each of two seeds decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from capacity.dictionary.study_measures import MEASURES, Measure
from capacity.experiment import axes
from capacity.statistics import comparisons
from capacity.statistics.comparisons import ALPHA
from capacity.statistics.components import Component, Components, variance_components
from capacity.studies.answer import (
    CANNOT_BE_TOLD,
    Answer,
    Draws,
    StudyTables,
    Table,
    Value,
    not_run,
    p_words,
    sentence_of,
    together,
)
from capacity.studies.groups import label, measured, plain
from capacity.tables.measured import rows_with

BOTH, REST = "both", "what the two decide together, and the rest"
RULE = (
    "Every value of the one factor is combined with every value of the other. The variance over runs is split into "
    "that of the one factor, that of the other, and the rest, by the mean squares of two crossed random factors; the "
    "95 % interval of a share is from 10,000 bootstrap resamples of the values of its factor, and is too short where "
    f"the share is near 0. A factor counts if p is below {ALPHA:g} (permutation within the values of the other factor, "
    "Holm over the two). The answer is the factor that counts, or both; else it cannot be told. A value of the first "
    "factor that lacks a run is left out, and a diverged run counts as a failure."
)


@dataclass(frozen=True, eq=False)
class Crossed:
    """The runs of one place, and what each factor decides.

    Attributes:
        table: the measure by the values of the one factor (rows) and of the other (columns).
        components: of its variance; None if there is none.
        diverged: how many runs did.
    """

    table: pd.DataFrame
    components: Components | None
    diverged: int


def answer(settings: Mapping[str, Any], tables: StudyTables, draws: Draws) -> Answer:
    """Return the answer of the rule: of each group the factor that decides, both, or that it cannot be told."""
    measure, factors, by = MEASURES[settings["measure"]], list(settings["factors"]), settings["by"]
    names = [axes.name(factor) for factor in factors]
    crossed = [
        (place, _cross(runs, factors, measure, draws)) for place, runs in _places(rows_with(measure, tables.runs), by)
    ]
    missing = [
        f"{label(place) or 'the study'} with two values of {names[0]} or more, each with the same two of {names[1]} "
        "or more"
        for place, each in crossed
        if min(each.table.shape) < 2
    ]
    crossed = [(place, each) for place, each in crossed if min(each.table.shape) >= 2]
    if not crossed:
        return not_run(RULE, missing or [f"runs that are asked for {measure.words}"])
    outcomes, parts, rows = [], [], []
    for place, each in crossed:
        outcome, p_values = _outcome(each.components, names)
        outcomes.append(outcome)
        parts.append((label(place), f"{outcome} ({_words(each, names, p_values, measure)})"))
        rows += _rows(tuple(place.values()), each, names, p_values)
    what = f"the {measure.mean_words}" if measure.is_outcome else f"the {measure.words}"
    return Answer(
        together(outcomes),
        f"Does {names[0]} or {names[1]} decide {what}? " + sentence_of(parts),
        RULE,
        f"Further values of {names[0]} and {names[1]}, each with each.",
        sum(each.table.size for _, each in crossed),
        sum(each.diverged for _, each in crossed),
        (
            Table(
                "Shares of the variance",
                (*(axes.name(axis) for axis in by), "decided by", "values", "share", "low", "high", "p", "p, Holm"),
                tuple(rows),
            ),
        ),
        tuple(missing),
    )


def _places(runs: pd.DataFrame, by: Sequence[str]) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    if runs.empty:
        return []
    if not by:
        return [({}, runs)]
    groups = runs.groupby(list(by), sort=True)
    return [(dict(zip(by, map(plain, key), strict=True)), rows) for key, rows in groups]


def _cross(runs: pd.DataFrame, factors: Sequence[str], measure: Measure, draws: Draws) -> Crossed:
    """Put the runs of one place into a table of the two factors, and split its variance."""
    values = runs[[*factors, "diverged"]].assign(value=measured(runs, measure))
    table = values.pivot_table(index=factors[0], columns=factors[1], values="value", aggfunc="mean").dropna()
    kept = values[values[factors[0]].isin(table.index) & values[factors[1]].isin(table.columns)]
    components = None
    if min(table.shape) >= 2:
        components = variance_components(table.to_numpy("float64"), draws.rng, draws.resamples)
    return Crossed(table, components, int(kept["diverged"].sum()))


def _outcome(components: Components | None, names: Sequence[str]) -> tuple[str, list[float]]:
    """Return the outcome of one place, and the corrected p-values of both factors."""
    if components is None:
        return CANNOT_BE_TOLD, []
    p_values = comparisons.holm([1.0 if each.p_value is None else each.p_value for each in components[:2]])
    counting = [name for name, p_value in zip(names, p_values, strict=True) if p_value < ALPHA]
    return (BOTH if len(counting) == 2 else counting[0] if counting else CANNOT_BE_TOLD), p_values


def _words(crossed: Crossed, names: Sequence[str], p_values: Sequence[float], measure: Measure) -> str:
    rows, columns = crossed.table.shape
    runs = f"{rows} x {columns} runs, mean {crossed.table.to_numpy().mean():.{measure.digits}f}"
    if crossed.components is None:
        return f"all alike; {runs}"
    said = [
        f"{name} {_share(component)}, {p_words(p_value, 2)}"
        for name, component, p_value in zip(names, crossed.components, p_values, strict=False)
    ]
    return f"{'; '.join(said)}; {REST} {_share(crossed.components.rest)}; {runs}"


def _share(component: Component) -> str:
    return f"{component.share:.2f} [{component.interval.low:.2f}, {component.interval.high:.2f}] of the variance"


def _rows(
    place: tuple[Value, ...], crossed: Crossed, names: Sequence[str], p_values: Sequence[float]
) -> list[tuple[Value, ...]]:
    """Return a row for each factor and the rest; none if all values are alike."""
    levels = (*crossed.table.shape, None)
    adjusted = (*p_values, None)
    return [
        (*place, name, number, each.share, *each.interval, each.p_value, p_value)
        for name, number, each, p_value in zip((*names, REST), levels, crossed.components or (), adjusted, strict=False)
    ]
