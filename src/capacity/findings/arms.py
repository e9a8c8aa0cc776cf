"""The arms of the page: the paper's cells that were run, and the same cells with reshuffled lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from capacity.claims.arms import PUBLISHED_STUDIES, Arm, published_arms
from capacity.claims.properties import Property
from capacity.experiment.cell import parse_cell
from capacity.findings.sources import StudyTables
from capacity.tables import markdown

RESHUFFLED = "reshuffled"
"""The variant of an arm whose lines come in a new order in every batch."""


@dataclass(frozen=True, eq=False)
class TabulatedArm(Arm):
    """An arm with what the tables of its study say about it.

    Attributes:
        study: the study whose tables have the runs.
        summary: the row of the cell in the summary.
        dynamics: one row per run with its times.
    """

    study: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)
    dynamics: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def marked_size(self) -> str:
        """The size, with a dagger if the cell departs from the paper's protocol."""
        return self.size + ("†" if self.departs else "")

    @property
    def run_count(self) -> str:
        """The number of runs in words, and how many of them diverged."""
        return markdown.count_runs(self.n, self.diverged)

    def share(self, wanted: Property) -> str:
        """Say how many of the runs have a property, with the exact interval of the share."""
        return markdown.count_with_interval(self.count(wanted), self.n)

    def mean(self, measure: str, digits: int = 3) -> str:
        """Say the mean of a measure over the runs with its 95 % interval, as the summary has it."""
        mean, low, high = (self.summary[f"{measure}_{part}"] for part in ("mean", "low", "high"))
        return markdown.with_interval(mean, low, high, digits)


def tabulated_arms(studies: Mapping[str, StudyTables]) -> list[TabulatedArm]:
    """Return the paper's cells that were run, in the paper's order, each followed by its reshuffled twin if it was run.

    A twin differs from its cell only in the stream: a reshuffled cell of another length is no twin.
    """
    arms = []
    for arm in published_arms({name: study.runs for name, study in studies.items()}).values():
        if not arm.n:
            continue
        own = str(arm.runs["cell"].iloc[0])
        twin = replace(parse_cell(own), stream=RESHUFFLED).name
        for cell, variant, candidates in ((own, arm.variant, PUBLISHED_STUDIES), (twin, RESHUFFLED, tuple(studies))):
            holders = [name for name in candidates if name in studies and (studies[name].runs["cell"] == cell).any()]
            if holders:
                arms.append(_tabulated(studies[holders[0]], holders[0], cell, replace(arm, variant=variant)))
    return arms


def _tabulated(study: StudyTables, name: str, cell: str, arm: Arm) -> TabulatedArm:
    """Return an arm with the tables of one cell of a study."""
    runs, summary, dynamics = (
        frame[frame["cell"] == cell].reset_index(drop=True) for frame in (study.runs, study.summary, study.dynamics)
    )
    row = {str(column): value for column, value in summary.iloc[0].items()}
    return TabulatedArm(arm.task, arm.size, arm.variant, runs, str(row["departs"]), name, row, dynamics)


def studies_of(arms: Iterable[TabulatedArm]) -> list[str]:
    """Return the names of the studies whose tables have the runs of some arms, each once."""
    return list(dict.fromkeys(arm.study for arm in arms))
