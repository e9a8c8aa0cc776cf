"""The rule ``shares``: for each group of runs, whether most of them have a property."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capacity.dictionary.study_measures import MEASURES
from capacity.experiment import axes
from capacity.statistics.shares import MOSTLY, SELDOM, Majority, fewest_changes, further_runs, majority
from capacity.studies.answer import Answer, Draws, StudyTables, Table, not_run, sentence_of, together
from capacity.studies.groups import COUNTED, Group, grouped

RULE = (
    "The exact 95 % interval (Clopper-Pearson) of the share of runs decides, the first that applies: it depends on the "
    f"seed if the interval lies within {SELDOM:g} to {MOSTLY:g}; yes if it lies above one half; no if it lies below; "
    "else it cannot be told."
)


def answer(settings: Mapping[str, Any], tables: StudyTables, draws: Draws) -> Answer:
    """Return the answer of the rule: of each group, the share of its runs with the measure, and what that decides."""
    measure, by = MEASURES[settings["measure"]], settings["by"]
    groups = grouped(tables.runs, by, measure)
    if not groups:
        return not_run(RULE, [f"no run is asked for: {measure.words}"])
    decided = [majority(group.count, group.runs) for group in groups]
    rows = [(*group.place.values(), *group.counted, str(each)) for group, each in zip(groups, decided, strict=True)]
    columns = (*(axes.name(axis) for axis in by), *COUNTED, "most runs")
    parts = [
        (group.label, f"{outcome}, {group.words(measure)}") for group, outcome in zip(groups, decided, strict=True)
    ]
    return Answer(
        together([str(each) for each in decided]),
        f"Do most runs have {measure.words}? " + sentence_of(parts),
        RULE,
        sentence_of([(group.label, _change(group, each)) for group, each in zip(groups, decided, strict=True)]),
        sum(group.runs for group in groups),
        sum(group.diverged for group in groups),
        (Table(f"Runs with {measure.words}", columns, tuple(rows)),),
    )


def _change(group: Group, outcome: Majority) -> str:
    """Say how many runs would change an outcome."""
    if outcome == Majority.UNDECIDED:
        more = further_runs(group.count, group.runs)
        return f"some {more} further runs would decide, if they go on like these {group.runs}"
    fewest = fewest_changes(group.count, group.runs)
    return f"{fewest} of {group.runs} runs would have had to come out otherwise"
