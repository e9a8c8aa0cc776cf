"""The rule ``trend``: whether a measure rises or falls along a numeric axis, for each group of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy

from capacity.dictionary.study_measures import MEASURES, Measure
from capacity.experiment import axes
from capacity.statistics import comparisons, trends
from capacity.statistics.comparisons import ALPHA, MARGIN
from capacity.statistics.trends import TrendTest
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
from capacity.studies.groups import Group, equivalent, label, levels_by_place

RISES, FALLS, NO = "rises", "falls", "no trend"


def answer(settings: Mapping[str, Any], tables: StudyTables, draws: Draws) -> Answer:
    """Return the answer of the rule: of each group whether the measure rises, falls, or does neither."""
    measure, along, by = MEASURES[settings["measure"]], settings["along"], settings["by"]
    rule = _rule(measure, along)
    places = levels_by_place(tables.runs, measure, along, by)
    missing = [
        f"{label(place) or 'the study'} with a second value of {axes.name(along)}" for place, _ in _short(places)
    ]
    if all(len(levels) < 2 for _, levels in places):
        return not_run(rule, missing or [f"runs that are asked for {measure.words}"])
    tested = {number: _test(levels, measure, along, draws) for number, (_, levels) in enumerate(places)}
    tests = {number: test for number, test in tested.items() if test is not None}
    adjusted = dict(zip(tests, comparisons.holm([test.p_value for test in tests.values()]), strict=True))
    rows: list[tuple[Value, ...]] = []
    parts, outcomes = [], []
    for number, (place, levels) in enumerate(places):
        if number not in tests:
            outcomes.append(NOT_RUN)
            parts.append((label(place), NOT_RUN))
            continue
        outcome = _outcome(tests[number], adjusted[number], levels, measure)
        outcomes.append(outcome)
        values = ", ".join(f"{axes.in_words(along, level.place[along])} {level.words(measure)}" for level in levels)
        parts.append((label(place), f"{outcome} ({p_words(adjusted[number], len(tests))}): {values}"))
    for number, (place, levels) in enumerate(places):
        for level in levels:
            p_value = adjusted.get(number)
            mean = (*place.values(), level.place[along], len(level.values), level.diverged, level.mean)
            rows.append((*mean, p_value, outcomes[number]))
    kind = "share" if measure.is_outcome else "mean"
    columns = (*(axes.name(name) for name in by), axes.name(along), "runs", "diverged", kind, "p, Holm", "trend")
    used = [level for number in tests for level in places[number][1]]
    return Answer(
        together(outcomes),
        f"Does the {measure.mean_words} rise or fall with {axes.name(along)}? " + sentence_of(parts),
        rule,
        f"Further runs or values of {axes.name(along)}, where they bring the p-value across {ALPHA:g}.",
        sum(level.runs for level in used),
        sum(level.diverged for level in used),
        (Table(f"{capitalized(measure.mean_words)} by {axes.name(along)}", columns, tuple(rows)),),
        tuple(missing),
    )


def scores(values: Sequence[float]) -> list[float]:
    """Return log10 of the values of an axis, or their ranks if one of them is zero."""
    if min(values) > 0:
        return [float(score) for score in numpy.log10(values)]
    return trends.rank_scores([int(rank) for rank in numpy.argsort(numpy.argsort(values))])


def _short(places: Sequence[tuple[dict[str, Any], list[Group]]]) -> list[tuple[dict[str, Any], list[Group]]]:
    return [(place, levels) for place, levels in places if len(levels) < 2]


def _test(levels: Sequence[Group], measure: Measure, along: str, draws: Draws) -> TrendTest | None:
    """Test the trend over the levels of one place; None if there are fewer than two."""
    if measure.is_outcome:
        counts, totals = [level.count for level in levels], [level.runs for level in levels]
        at = scores([float(level.place[along]) for level in levels])
        return trends.cochran_armitage(counts, totals, at, "two-sided", draws.rng, draws.permutations)
    samples = [level.values for level in levels]
    return trends.jonckheere_terpstra(samples, "two-sided", draws.rng, draws.permutations)


def _outcome(test: TrendTest, p_value: float, levels: Sequence[Group], measure: Measure) -> str:
    if p_value < ALPHA:
        return RISES if test.statistic > 0 else FALLS
    return NO if equivalent(levels[0], levels[-1], measure) else CANNOT_BE_TOLD


def _rule(measure: Measure, along: str) -> str:
    name = axes.name(along)
    test = (
        f"Cochran-Armitage on the logarithm of {name}"
        if measure.is_outcome
        else f"Jonckheere-Terpstra over the values of {name}"
    )
    same = (
        f"there is none if the lowest and the highest {name} are equivalent to within {MARGIN:g} (TOST), "
        if measure.has_share
        else ""
    )
    return (
        f"It rises or falls if the test ({test}, two-sided, by permutation) has p below {ALPHA:g} after Holm over the "
        f"groups; {same}else it cannot be told."
    )
