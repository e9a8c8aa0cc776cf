"""The rule ``typical``: whether one value of an axis lies among the others, for each group of runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy

from capacity.dictionary.study_measures import MEASURES
from capacity.experiment import axes
from capacity.studies.answer import (
    CANNOT_BE_TOLD,
    NOT_RUN,
    Answer,
    Draws,
    StudyTables,
    Table,
    Value,
    capitalized,
    not_run,
    sentence_of,
    together,
)
from capacity.studies.groups import Group, label, levels_by_place

TYPICAL, NOT_TYPICAL = "typical", "not typical"
QUANTILES = (0.025, 0.975)
FEWEST_OTHERS = 39
"""Of fewer other values, one that lies outside of all of them does so by chance in more than 5 of 100 cases."""
RULE = (
    f"Typical if the mean over its runs lies between the {100 * QUANTILES[0]:g} and {100 * QUANTILES[1]:g} % quantiles "
    f"of the means of the other values, ends included; not typical if it lies outside. Of fewer than {FEWEST_OTHERS} "
    "other values it cannot be told, as one of so few lies outside of all others too often by chance."
)


def answer(settings: Mapping[str, Any], tables: StudyTables, draws: Draws) -> Answer:
    """Return the answer of the rule: of each group whether the mean of the value lies among those of the others."""
    measure, by = MEASURES[settings["measure"]], settings["by"]
    ((axis, value),) = settings["value"].items()
    named, name = axes.in_words(axis, value), axes.name(axis)
    places = levels_by_place(tables.runs, measure, axis, by)
    rows: list[tuple[Value, ...]] = []
    parts, changes, outcomes, missing = [], [], [], []
    for place, groups in places:
        own = [group for group in groups if group.place[axis] == value]
        others = [group for group in groups if group.place[axis] != value]
        outcome, low, high = _outcome(own, others)
        outcomes.append(outcome)
        rows.append(
            (
                *place.values(),
                own[0].mean if own else None,
                sum(group.runs for group in own),
                len(others),
                low,
                high,
                outcome,
            )
        )
        if not own:
            missing.append(label({**place, axis: value}))
            parts.append((label(place), NOT_RUN))
            continue
        among = (
            f", {100 * (QUANTILES[1] - QUANTILES[0]):g} % of which lie from {low:.3f} to {high:.3f}" if others else ""
        )
        counted = f"{own[0].words(measure)} with {named}, beside {len(others)} others{among}"
        parts.append((label(place), f"{outcome} ({counted})"))
        short = f"{FEWEST_OTHERS - len(others)} other values of {name} more"
        changes.append((label(place), short if outcome == CANNOT_BE_TOLD else f"further runs with {named}"))
    if not any(outcome != NOT_RUN for outcome in outcomes):
        return not_run(RULE, missing or [f"runs with {named}"])
    used = [group for _, groups in places for group in groups]
    columns = (
        *(axes.name(each) for each in by),
        named,
        "runs of it",
        "others",
        "others, low",
        "others, high",
        "outcome",
    )
    return Answer(
        together(outcomes),
        f"Is {named} typical in the {measure.mean_words}? " + sentence_of(parts),
        RULE,
        sentence_of(changes),
        sum(group.runs for group in used),
        sum(group.diverged for group in used),
        (Table(capitalized(measure.mean_words), columns, tuple(rows)), _every_value(axis, by, used)),
        tuple(missing),
    )


def _outcome(own: list[Group], others: list[Group]) -> tuple[str, float | None, float | None]:
    """Return what the rule says of one group, and the quantiles of the means of the other values."""
    if not others:
        return (CANNOT_BE_TOLD if own else NOT_RUN), None, None
    low, high = (float(each) for each in numpy.quantile([group.mean for group in others], QUANTILES))
    if not own:
        return NOT_RUN, low, high
    if len(others) < FEWEST_OTHERS:
        return CANNOT_BE_TOLD, low, high
    return (TYPICAL if low <= own[0].mean <= high else NOT_TYPICAL), low, high


def _every_value(axis: str, by: list[str], groups: list[Group]) -> Table:
    """Return the mean of each value of the axis in each group."""
    rows = tuple((*group.place.values(), group.runs, group.diverged, group.mean) for group in groups)
    return Table("Every value", (*(axes.name(each) for each in (*by, axis)), "runs", "diverged", "mean"), rows)
