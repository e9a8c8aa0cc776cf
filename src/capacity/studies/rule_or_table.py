"""The rule ``rule-or-table``: whether weights of runs that generalize look more like those of a network that adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from capacity.dictionary.study_measures import MEASURES, MECHANISM, Measure
from capacity.experiment import axes
from capacity.statistics import comparisons, trends
from capacity.statistics.comparisons import ALPHA, MARGIN
from capacity.statistics.effects import Superiority, superiority
from capacity.studies.answer import (
    CANNOT_BE_TOLD,
    DIFFERS,
    Answer,
    Draws,
    StudyTables,
    Table,
    Value,
    capitalized,
    not_run,
    p_words,
)
from capacity.tables.measured import rows_with, values_of

MORE, LESS, NO = "more like a rule", "less like a rule", "no difference"
RIGHT = MEASURES["all-right"]
RULE = (
    f"Runs with {RIGHT.words} are compared with the others of their group, in each of the {len(MECHANISM)} measures "
    "that are read from the weights; each is larger the more a network looks as if it adds. A measure differs if p is "
    f"below {ALPHA:g} (rank sums within groups, two-sided, by permutation within groups, Holm over the measures). The "
    "answer is more like a rule if some measures are larger in the runs that have all right and none is smaller, and "
    "less like a rule the other way round. There is no difference if the 95 % interval of the share of pairs of runs "
    f"in which the one with all right is larger lies within {MARGIN:g} of one half for every measure. Else it cannot "
    "be told. Diverged runs are left out."
)

_COLUMNS = (
    *("measure", "runs with all right", "other runs", "groups with both", "mean with all right", "mean of the others"),
    *("larger in pairs", "low", "high", "Cliff's delta", "p", "p, Holm", "differs"),
)


@dataclass(frozen=True, eq=False)
class Compared:
    """A measure of runs of both kinds, in groups that have both.

    Attributes:
        measure: what is compared.
        strata: for each group the values of the runs that have all right, and of the others.
        effect: how often the former are larger.
        p_value: of the test that they are as often larger as smaller.
    """

    measure: Measure
    strata: Sequence[tuple[Sequence[float], Sequence[float]]]
    effect: Superiority
    p_value: float

    def row(self, adjusted: float | None) -> tuple[Value, ...]:
        """The row of the table."""
        right, others = ([value for stratum in self.strata for value in stratum[kind]] for kind in (0, 1))
        effect = self.effect
        return (
            *(self.measure.words, len(right), len(others), len(self.strata)),
            *(sum(right) / len(right), sum(others) / len(others)),
            *(effect.share, effect.low, effect.high, effect.delta, self.p_value, adjusted),
            None if adjusted is None else _differs(effect, adjusted),
        )


def answer(settings: Mapping[str, Any], tables: StudyTables, draws: Draws) -> Answer:
    """Return the answer of the rule: more or less like a rule, no difference, or that it cannot be told."""
    runs = rows_with(RIGHT, tables.runs)
    runs = runs[~runs["diverged"].astype(bool)]
    compared = [each for name in MECHANISM if (each := _compare(runs, MEASURES[name], settings["by"], draws))]
    if not compared:
        return not_run(RULE, [f"a group of runs of which some have {RIGHT.words} and some have not"])
    adjusted = comparisons.holm([each.p_value for each in compared])
    outcome = _outcome(compared, adjusted)
    together = [each for name in MECHANISM if (each := _compare(runs, MEASURES[name], [], draws))]
    groups = ", ".join(axes.name(axis) for axis in settings["by"]) or "no axis"
    said = "; ".join(_words(each, p_value, len(compared)) for each, p_value in zip(compared, adjusted, strict=True))
    used = max(sum(len(right) + len(others) for right, others in each.strata) for each in compared)
    return Answer(
        outcome,
        f"Do the weights of runs with {RIGHT.words} look like a rule, and those of the others like a table? "
        f"{capitalized(outcome)} ({used} runs, within groups by {groups}). Of pairs of a run with all right and one "
        f"without, the former is larger in: {said}.",
        RULE,
        f"Further runs, where they bring a p-value across {ALPHA:g}; cells in which some runs have all right and some "
        "have not count most.",
        used,
        0,
        (
            Table("Runs with all right and the others, within groups", _COLUMNS, _rows(compared, adjusted)),
            Table("Without groups, exploratory", _COLUMNS, _rows(together, [None] * len(together))),
        ),
    )


def _compare(runs: pd.DataFrame, measure: Measure, by: Sequence[str], draws: Draws) -> Compared | None:
    """Compare the runs of both kinds in a measure; None if no group has both."""
    table = runs[list(by)].assign(value=values_of(measure, runs), right=values_of(RIGHT, runs) == 1)
    table = table.dropna(subset=["value"])
    groups = [rows for _, rows in table.groupby(list(by), sort=True)] if by else [table]
    strata = [
        (rows.loc[rows["right"], "value"].tolist(), rows.loc[~rows["right"], "value"].tolist()) for rows in groups
    ]
    strata = [(right, others) for right, others in strata if right and others]
    effect = superiority(strata, draws.rng, draws.resamples)
    test = trends.stratified_jonckheere_terpstra(
        [[others, right] for right, others in strata], "two-sided", draws.rng, draws.permutations
    )
    return None if effect is None or test is None else Compared(measure, strata, effect, test.p_value)


def _differs(effect: Superiority, p_value: float) -> str:
    if p_value >= ALPHA or effect.share == 1 / 2:
        return ""
    return "larger" if effect.share > 1 / 2 else "smaller"


def _outcome(compared: Sequence[Compared], adjusted: Sequence[float]) -> str:
    directions = {_differs(each.effect, p_value) for each, p_value in zip(compared, adjusted, strict=True)} - {""}
    if len(directions) == 2:
        return DIFFERS
    if directions:
        return MORE if "larger" in directions else LESS
    alike = all(max(each.effect.high - 1 / 2, 1 / 2 - each.effect.low) <= MARGIN for each in compared)
    return NO if alike else CANNOT_BE_TOLD


def _words(compared: Compared, p_value: float, family: int) -> str:
    effect = compared.effect
    share = f"{effect.share:.2f} [{effect.low:.2f}, {effect.high:.2f}]"
    return f"{compared.measure.words} {share}, {p_words(p_value, family)}"


def _rows(compared: Sequence[Compared], adjusted: Sequence[float | None]) -> tuple[tuple[Value, ...], ...]:
    return tuple(each.row(p_value) for each, p_value in zip(compared, adjusted, strict=True))
