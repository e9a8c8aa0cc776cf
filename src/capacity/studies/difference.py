"""The rule ``difference``: whether a measure differs between two values of an axis, for each group of runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from capacity.dictionary.study_measures import MEASURES, Measure
from capacity.experiment import axes
from capacity.statistics import comparisons
from capacity.statistics.comparisons import ALPHA, MARGIN
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
    p_words,
    sentence_of,
    together,
)
from capacity.studies.groups import Group, equivalent, grouped, label

MOST_FACTOR = 20
"""How many times as many runs are looked at to say how many would decide."""

_TESTS = {
    True: "Fisher's exact test, two-sided",
    False: "a permutation test of the difference of means, two-sided",
}


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two groups that differ in one axis alone, or one of them and None in place of the other."""

    place: Mapping[str, Any]
    first: Group | None
    second: Group | None

    @property
    def groups(self) -> list[Group]:
        """Those of the two that were run."""
        return [group for group in (self.first, self.second) if group is not None and group.values]

    @property
    def was_run(self) -> bool:
        """Whether both were."""
        return len(self.groups) == 2


def answer(settings: Mapping[str, Any], tables: StudyTables, draws: Draws) -> Answer:
    """Return the answer of the rule: of each group whether the two values differ, are equivalent, or neither."""
    measure, by = MEASURES[settings["measure"]], settings["by"]
    ((axis, values),) = settings["between"].items()
    arms = [axes.in_words(axis, value) for value in values]
    compared = _compare(tables, measure, by, axis, values)
    rule = _rule(measure)
    missing = [
        label({**each.place, axis: value})
        for each in compared
        for value, group in zip(values, (each.first, each.second), strict=True)
        if group is None or not group.values
    ]
    if not any(each.was_run for each in compared):
        return not_run(rule, missing or [f"runs with {arm}" for arm in arms])
    tested = [each for each in compared if each.was_run]
    results = [compare_groups(each, measure, draws) for each in tested]
    tests = iter(zip(results, comparisons.holm([result.p_value for result in results]), strict=True))
    rows: list[tuple[Value, ...]] = []
    parts, changes, outcomes = [], [], []
    for each in compared:
        if not each.was_run:
            outcomes.append(NOT_RUN)
            rows.append((*each.place.values(), *side(each.first), *side(each.second), *[None] * 5, NOT_RUN))
            parts.append((label(each.place), NOT_RUN))
            continue
        result, p_value = next(tests)
        first, second = each.groups
        outcome = outcome_of(result, p_value)
        outcomes.append(outcome)
        rows.append(
            (
                *each.place.values(),
                *side(first),
                *side(second),
                result.difference,
                result.low,
                result.high,
                result.p_value,
                p_value,
                outcome,
            )
        )
        direction = f", {arms[1] if result.difference < 0 else arms[0]} has more" if outcome == "yes" else ""
        how = p_words(p_value, len(tested)) if outcome != "no" else f"equivalent to within {MARGIN:g}"
        sides = f"{first.words(measure)} with {arms[0]}, {second.words(measure)} with {arms[1]}"
        words = f"{outcome}{direction} ({sides}, {how})"
        parts.append((label(each.place), words))
        changes.append((label(each.place), _change(each, measure, outcome, len(tested))))
    columns = (
        *(axes.name(name) for name in by),
        *(f"{name}, {arm}" for arm in arms for name in ("runs", "mean" if not measure.is_outcome else "share")),
        *("difference", "low", "high", "p", "p, Holm", "differ"),
    )
    used = [group for each in tested for group in each.groups]
    return Answer(
        together(outcomes),
        f"Does the {measure.mean_words} differ between {arms[0]} and {arms[1]}? " + sentence_of(parts),
        rule,
        sentence_of(changes),
        sum(group.runs for group in used),
        sum(group.diverged for group in used),
        (Table(capitalized(measure.mean_words), columns, tuple(rows)),),
        tuple(missing),
    )


@dataclass(frozen=True)
class Result:
    difference: float
    low: float | None
    high: float | None
    p_value: float
    equivalent: bool


def _compare(tables: StudyTables, measure: Measure, by: list[str], axis: str, values: list[Any]) -> list[Comparison]:
    """Return the pairs of groups, in order of the first."""
    pairs: dict[tuple[Any, ...], dict[Any, Group]] = {}
    places: dict[tuple[Any, ...], dict[str, Any]] = {}
    for group in grouped(tables.runs, [*by, axis], measure):
        key = tuple(group.place[name] for name in by)
        places[key] = {name: group.place[name] for name in by}
        if group.place[axis] in values:
            pairs.setdefault(key, {})[group.place[axis]] = group
    return [Comparison(places[key], *(pair.get(value) for value in values)) for key, pair in pairs.items()]


def compare_groups(compared: Comparison, measure: Measure, draws: Draws) -> Result:
    """Test one pair of groups, both of which were run."""
    first, second = compared.groups
    if measure.is_outcome:
        counts = (first.count, first.runs, second.count, second.runs)
        tost = comparisons.tost_proportions(*counts)
        return Result(tost.difference, tost.low, tost.high, comparisons.fisher(*counts), tost.equivalent)
    tested = comparisons.difference_of_means(first.values, second.values, draws.rng, draws.resamples)
    if tested is None:  # one run tells nothing of how runs differ
        return Result(first.mean - second.mean, None, None, 1.0, equivalent=False)
    return Result(tested.difference, tested.low, tested.high, tested.p_value, equivalent(first, second, measure))


def outcome_of(result: Result, p_value: float) -> str:
    if p_value < ALPHA:
        return "yes"
    return "no" if result.equivalent else CANNOT_BE_TOLD


def _change(compared: Comparison, measure: Measure, outcome: str, family: int) -> str:
    """Say what would change the outcome of one pair."""
    if not measure.is_outcome:
        return "more runs" if outcome == CANNOT_BE_TOLD else "runs whose means move by more than the interval"
    first, second = compared.groups
    counts = (first.count, first.runs, second.count, second.runs)
    if outcome == CANNOT_BE_TOLD:
        for factor in range(2, MOST_FACTOR + 1):
            more = tuple(factor * count for count in counts)
            if _decides(more, family) != CANNOT_BE_TOLD:
                return f"some {factor * max(first.runs, second.runs)} runs of each would decide, if shares stay"
        return f"more than {MOST_FACTOR * max(first.runs, second.runs)} runs of each, if shares stay"
    changed = [(count, first.runs, second.count, second.runs) for count in range(first.runs + 1)]
    changed += [(first.count, first.runs, count, second.runs) for count in range(second.runs + 1)]
    flips = [
        abs(other[0] - first.count) + abs(other[2] - second.count)
        for other in changed
        if _decides(other, family) != outcome
    ]
    if not flips:
        return "no other outcome of one side alone would"
    return f"{min(flips)} of the runs of one side would have had to come out otherwise"


def _decides(counts: tuple[int, ...], family: int) -> str:
    """Return the outcome of counts, with the correction of the smallest p-value of a family."""
    p_value = min(1.0, family * comparisons.fisher(*counts))
    tost = comparisons.tost_proportions(*counts)
    return outcome_of(Result(0.0, None, None, p_value, tost.equivalent), p_value)


def side(group: Group | None) -> tuple[Value, ...]:
    return (0, None) if group is None or not group.values else (len(group.values), group.mean)


def _rule(measure: Measure) -> str:
    same = (
        f"no if the two are equivalent to within {MARGIN:g} (two one-sided tests at 5 %, TOST), "
        if measure.has_share
        else ""
    )
    interval = "its 90 % interval" if measure.is_outcome else "its 95 % bootstrap interval"
    return (
        f"Yes if the two differ ({_TESTS[measure.is_outcome]}, p below {ALPHA:g} after Holm over the groups that "
        f"were compared), {same}else it cannot be told. The difference is the first minus the second, with "
        f"{interval}."
    )
