"""The rule ``any-value``: whether most runs have a property at any value of a numeric axis, for each group of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from capacity.dictionary.study_measures import MEASURES
from capacity.experiment import axes
from capacity.statistics import comparisons
from capacity.statistics.shares import MAJORITY_ALPHA, MOSTLY, SELDOM, Majority, majority, majority_p_value
from capacity.studies.answer import CANNOT_BE_TOLD, Answer, Draws, StudyTables, Table, not_run, sentence_of, together
from capacity.studies.groups import COUNTED, Group, label, levels_by_place

AT_SOME, AT_NONE = "at some", "at none"
RULE = (
    "At each value the exact 95 % interval of the share of runs says yes if it lies above one half and no if it lies "
    f"below, unless it lies within {SELDOM:g} to {MOSTLY:g}. The answer is at some if one value says yes and the exact "
    f"one-sided test that at most half of the runs have the property has p below {MAJORITY_ALPHA:g} there after Holm "
    "over the values. It is at none if all values say no. Else it cannot be told."
)


def answer(settings: Mapping[str, Any], tables: StudyTables, draws: Draws) -> Answer:
    """Return the answer of the rule: of each group whether most runs have the measure at some value, or at none."""
    measure, along, by = MEASURES[settings["measure"]], settings["along"], settings["by"]
    places = levels_by_place(tables.runs, measure, along, by)
    if not places:
        return not_run(RULE, [f"no run is asked for: {measure.words}"])
    name = axes.name(along)
    rows, parts, outcomes = [], [], []
    for place, levels in places:
        decided = [majority(level.count, level.runs) for level in levels]
        p_values = comparisons.holm([majority_p_value(level.count, level.runs) for level in levels])
        having = [
            level
            for level, each, p_value in zip(levels, decided, p_values, strict=True)
            if each == Majority.YES and p_value < MAJORITY_ALPHA
        ]
        outcome = _outcome(having, decided)
        shown = ", ".join(
            f"{axes.in_words(along, level.place[along])} {level.words(measure)}" for level in having or levels
        )
        outcomes.append(outcome)
        counted = outcome if outcome == CANNOT_BE_TOLD else f"{outcome} of {len(levels)}"
        parts.append((label(place), f"{counted} ({shown})"))
        rows += [
            (*place.values(), level.place[along], *level.counted, p_value, str(each))
            for level, p_value, each in zip(levels, p_values, decided, strict=True)
        ]
    used = [level for _, levels in places for level in levels]
    return Answer(
        together(outcomes),
        f"At any {name}, do most runs have {measure.words}? " + sentence_of(parts),
        RULE,
        f"Further runs where a value says neither yes nor no, and further values of {name}.",
        sum(level.runs for level in used),
        sum(level.diverged for level in used),
        (
            Table(
                f"Runs with {measure.words}",
                (*(axes.name(axis) for axis in by), name, *COUNTED, "p, Holm", "most runs"),
                tuple(rows),
            ),
        ),
    )


def _outcome(having: Sequence[Group], decided: Sequence[Majority]) -> str:
    """Return the outcome of a group from the values at which most runs have the property, and what each value says."""
    if having:
        return AT_SOME
    return AT_NONE if all(each == Majority.NO for each in decided) else CANNOT_BE_TOLD
