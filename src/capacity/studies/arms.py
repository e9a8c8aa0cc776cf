"""The rule ``arms``: which arms of a study differ from a reference, for each group of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from capacity.dictionary.study_measures import MEASURES
from capacity.experiment import axes
from capacity.statistics import comparisons
from capacity.statistics.comparisons import ALPHA, MARGIN
from capacity.studies.answer import (
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
from capacity.studies.difference import Comparison, compare_groups, outcome_of, side
from capacity.studies.groups import Group, grouped, label

RULE = (
    "Every other combination of the axes that tell arms apart is an arm, and is compared with the reference: yes if "
    "the two differ (Fisher's exact test for an outcome, else a permutation test of the difference of means, both "
    f"two-sided, p below {ALPHA:g} after Holm over all arms and groups), no if they are equivalent to within "
    f"{MARGIN:g} (two one-sided tests at 5 %, for an outcome or a share), else it cannot be told. The difference is "
    "the arm minus the reference."
)


def answer(settings: Mapping[str, Any], tables: StudyTables, draws: Draws) -> Answer:
    """Return the answer of the rule: of each arm and group whether it differs from the reference."""
    measure, by = MEASURES[settings["measure"]], list(settings["by"])
    reference, apart = settings["reference"], list(settings["arms"])
    compared = _compare(grouped(tables.runs, [*by, *apart], measure), by, apart, reference)
    missing = [label({**place, **reference}) for place, arms in compared if any(each.first is None for each in arms)]
    tested = [(place, each) for place, arms in compared for each in arms if each.was_run]
    if not tested:
        return not_run(RULE, missing or [f"arms beside {label(reference)}"])
    results = [compare_groups(each, measure, draws) for _, each in tested]
    adjusted = comparisons.holm([result.p_value for result in results])
    outcomes = [outcome_of(result, p_value) for result, p_value in zip(results, adjusted, strict=True)]
    rows: list[tuple[Value, ...]] = []
    said: dict[str, list[str]] = {}
    for (place, each), result, p_value, outcome in zip(tested, results, adjusted, outcomes, strict=True):
        first, second = each.groups
        more = "" if outcome != "yes" else ", more" if result.difference < 0 else ", fewer"
        how = f"equivalent to within {MARGIN:g}" if outcome == "no" else p_words(p_value, len(tested))
        words = f"{outcome}{more} ({second.words(measure)}, {how})"
        said.setdefault(label(place), []).append(f"{label(each.place)} {words}")
        # The result is of the reference minus the arm.
        ends = [None if end is None else -end for end in (result.high, result.low)]
        row = (label(each.place), *side(first), *side(second), -result.difference, *ends, result.p_value, p_value)
        rows.append((*place.values(), *row, outcome))
    sides = [f"{of}, {name}" for of in ("runs", "mean") for name in ("reference", "arm")]
    columns = (
        *(*(axes.name(axis) for axis in by), "arm", sides[0], sides[2], sides[1], sides[3]),
        *("difference", "low", "high", "p", "p, Holm", "differs"),
    )
    used = list({id(group): group for _, each in tested for group in each.groups}.values())
    parts = [(place, ", ".join(arms)) for place, arms in said.items()]
    return Answer(
        NOT_RUN if not outcomes else together(outcomes),
        f"Which arms differ from {label(reference)} in the {measure.mean_words}? " + sentence_of(parts),
        RULE,
        "Further runs, where they bring a p-value across the bound; fewer arms, as the correction is over all of them.",
        sum(group.runs for group in used),
        sum(group.diverged for group in used),
        (Table(f"{capitalized(measure.mean_words)} of each arm beside {label(reference)}", columns, tuple(rows)),),
        tuple(missing),
    )


def _compare(
    groups: Sequence[Group], by: Sequence[str], apart: Sequence[str], reference: Mapping[str, Any]
) -> list[tuple[dict[str, Any], list[Comparison]]]:
    """Return for each place its arms, each beside the reference and named by the axes in which it differs from that."""
    places: dict[tuple[Any, ...], list[Group]] = {}
    for group in groups:
        places.setdefault(tuple(group.place[axis] for axis in by), []).append(group)
    compared = []
    for key, of_place in places.items():
        of_reference = [group for group in of_place if all(group.place[axis] == reference[axis] for axis in reference)]
        first = of_reference[0] if of_reference else None
        beside = reference if first is None else first.place
        arms = [
            Comparison({axis: arm.place[axis] for axis in apart if arm.place[axis] != beside.get(axis)}, first, arm)
            for arm in of_place
            if arm not in of_reference
        ]
        compared.append((dict(zip(by, key, strict=True)), arms))
    return compared
