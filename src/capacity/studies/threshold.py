"""The rule ``threshold``: the value of a numeric axis at which half of the runs have a property."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy

from capacity.dictionary.study_measures import MEASURES, Measure
from capacity.experiment import axes
from capacity.statistics import trends
from capacity.statistics.comparisons import ALPHA
from capacity.statistics.thresholds import Threshold, half_threshold
from capacity.studies.answer import (
    NOT_RUN,
    Answer,
    Draws,
    StudyTables,
    Table,
    Value,
    not_run,
    p_words,
    sentence_of,
)
from capacity.studies.groups import COUNTED, Group, label, levels_by_place

NONE = "none"
RULE = (
    "A logistic curve is fitted to the share of runs with the property against the logarithm of the axis. The answer "
    "is where it is one half, with the 95 % interval of 10,000 bootstrap resamples of the runs at each value. It is "
    f"none if the slope is not different from 0 (Cochran-Armitage, two-sided, by permutation, p of {ALPHA:g} or "
    "above), or if one half lies outside of the values that were run. Outcomes that are separated have no best curve: "
    "the middle of the gap is given, and an interval that holds the gap."
)


def answer(settings: Mapping[str, Any], tables: StudyTables, draws: Draws) -> Answer:
    """Return the answer of the rule: of each group the value of the axis at which half of its runs have the measure."""
    measure, along, by = MEASURES[settings["measure"]], settings["along"], settings["by"]
    places = levels_by_place(tables.runs, measure, along, by)
    usable = [[level for level in levels if level.place[along] > 0] for _, levels in places]
    missing = [
        f"{label(place) or 'the study'} with a second value of {axes.name(along)} above 0"
        for (place, _), levels in zip(places, usable, strict=True)
        if len(levels) < 2
    ]
    if all(len(levels) < 2 for levels in usable):
        return not_run(RULE, missing or [f"runs that are asked for {measure.words}"])
    fits = [fit(levels, along, draws) for levels in usable]
    slopes = [slope_p_value(levels, along, draws) for levels in usable]
    parts, outcomes = [], []
    summary: list[tuple[Value, ...]] = []
    rows: list[tuple[Value, ...]] = []
    for (place, _), levels, fitted, slope in zip(places, usable, fits, slopes, strict=True):
        outcome, words = _said(fitted, slope, levels, along, measure)
        outcomes.append(outcome)
        parts.append((label(place), words))
        ends: tuple[Value, ...] = (None, None, None)
        if fitted is not None:
            ends = tuple(axis_value(end) for end in (fitted.score, fitted.low, fitted.high))
        runs = sum(level.runs for level in levels)
        summary.append((*place.values(), runs, outcome, *ends, slope))
        rows += [(*place.values(), level.place[along], *level.counted) for level in levels]
    names = tuple(axes.name(name) for name in by)
    used = [level for levels, each in zip(usable, fits, strict=True) if each is not None for level in levels]
    columns = (*names, "runs", "outcome", f"{axes.name(along)} at one half", "low", "high", "p of the slope")
    shares = (*names, axes.name(along), *COUNTED)
    return Answer(
        outcomes[0] if len(outcomes) == 1 else "; ".join(dict.fromkeys(outcomes)),
        f"At which {axes.name(along)} do half of the runs have {measure.words}? " + sentence_of(parts),
        RULE,
        f"Further runs, and values of {axes.name(along)} between and beyond those that were run.",
        sum(level.runs for level in used),
        sum(level.diverged for level in used),
        (
            Table(f"Where half of the runs have {measure.words}", columns, tuple(summary)),
            Table(f"Runs with {measure.words}", shares, tuple(rows)),
        ),
        tuple(missing),
    )


def fit(levels: Sequence[Group], along: str, draws: Draws) -> Threshold | None:
    """Return where half of the runs have an outcome, in log10 of the axis; None if there are fewer than two levels."""
    at = [float(numpy.log10(level.place[along])) for level in levels]
    counts, totals = [level.count for level in levels], [level.runs for level in levels]
    return half_threshold(at, counts, totals, draws.rng, draws.resamples) if levels else None


def slope_p_value(levels: Sequence[Group], along: str, draws: Draws) -> float | None:
    """Return the p-value of the test that the share neither rises nor falls; None if there is nothing to test."""
    if not levels:
        return None
    at = [float(numpy.log10(level.place[along])) for level in levels]
    counts, totals = [level.count for level in levels], [level.runs for level in levels]
    test = trends.cochran_armitage(counts, totals, at, "two-sided", draws.rng, draws.permutations)
    return None if test is None else test.p_value


def _said(
    fit: Threshold | None, slope: float | None, levels: Sequence[Group], along: str, measure: Measure
) -> tuple[str, str]:
    """Return the outcome of one place in a word or a number, and in words."""
    if fit is None or slope is None:
        return NOT_RUN, NOT_RUN
    name, runs = axes.name(along), sum(level.runs for level in levels)
    first, last = (axes.short(along, levels[number].place[along]) for number in (0, -1))
    between = f"between {first} and {last} ({runs} runs)"
    counted = f"{sum(level.count for level in levels)} of {runs} runs have it"
    if fit.score is None:
        return NONE, f"none {between}: {counted} at every {name} alike"
    if slope >= ALPHA or fit.low is None or fit.high is None:
        return NONE, f"none {between}: the slope is not different from 0 ({p_words(slope)}), {counted}"
    ends = f"95 % interval {end_words(fit.low, along, first, last)} to {end_words(fit.high, along, first, last)}"
    if not math.isfinite(fit.score):
        side = "below" if (fit.score < 0) != fit.rises else "above"
        return NONE, f"none {between}: the share stays {side} one half ({ends}), {counted}"
    value = rounded(fit.score, along)
    return value, f"{name} {value} ({ends}; {runs} runs), above which {'more' if fit.rises else 'fewer'} have it"


def end_words(score: float, along: str, first: str, last: str) -> str:
    """Return an end of an interval in words."""
    if not math.isfinite(score):
        return f"below {first}" if score < 0 else f"above {last}"
    return rounded(score, along)


def rounded(score: float, along: str) -> str:
    """Return the value of the axis at a score, to three digits."""
    return axes.short(along, float(f"{10**score:.3g}"))


def axis_value(score: float | None) -> Value:
    """Return a score as a value of the axis; words where it lies outside of those that were run."""
    if score is None:
        return None
    if not math.isfinite(score):
        return "below all" if score < 0 else "above all"
    return float(10**score)
