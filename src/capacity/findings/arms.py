"""TODO findings.arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from capacity.claims.evidence import Property, supports
from capacity.claims.groups import STUDIES, groups
from capacity.experiment.plan import cell_of
from capacity.tables import markdown

RESHUFFLED = "reshuffled"
FITTED = Property("seen expressions fitted", lambda runs: runs["fits_arithmetic"])

Values = dict[str, Any]


@dataclass(frozen=True, eq=False)
class StudyTables:
    """The tables of one study: one row per run, one per cell, and one per run with its times."""

    runs: pd.DataFrame
    summary: pd.DataFrame
    dynamics: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Sources:
    """Everything that the page is made from.

    Attributes:
        budget: that was run.
        claims, evidence, replication: the tables against the paper.
        studies: the tables of each study that the budget runs, by name.
        origins: for each training job the record of its runs, as the tables hold it.
        versions: of the environment that made the tables.
        commit: of the code that made the tables; None outside git.
    """

    budget: str
    claims: pd.DataFrame
    evidence: pd.DataFrame
    replication: pd.DataFrame
    studies: Mapping[str, StudyTables]
    origins: Sequence[Mapping[str, Any]]
    versions: Mapping[str, str]
    commit: str | None


@dataclass(frozen=True, eq=False)
class Arm:
    """The runs that stand for one of the paper's cells, or the same cell with its lines in a new order in every batch.

    Attributes:
        task, size, name: of the cell; ``name`` is a variant of the paper, or "reshuffled".
        study: whose tables the runs are in.
        summary: the row of the cell.
        runs, dynamics: one row per run.
    """

    task: str
    size: str
    name: str
    study: str
    summary: Mapping[str, Any]
    runs: pd.DataFrame
    dynamics: pd.DataFrame

    @property
    def departs(self) -> str:
        """How the cell departs from the published one, in words; empty where it does not."""
        return str(self.summary["departs"])

    @property
    def label(self) -> str:
        """The size, with a dagger where the cell departs from the paper's protocol."""
        return self.size + ("†" if self.departs else "")

    @property
    def n(self) -> int:
        """How many runs there are, diverged ones included."""
        return len(self.runs)

    @property
    def shown_runs(self) -> str:
        """How many runs there are, and how many of them diverged."""
        return markdown.count_runs(self.n, int(self.runs["diverged"].sum()))

    def count(self, wanted: Property) -> int:
        """How many runs have a property; a diverged one has none."""
        return int(supports(self.runs, wanted).sum())

    def mean(self, measure: str, digits: int = 3) -> str:
        """The mean of a measure over the runs with its 95 % interval, as the summary has it."""
        mean, low, high = (self.summary[f"{measure}_{part}"] for part in ("mean", "low", "high"))
        return markdown.with_interval(mean, low, high, digits)


def arms(studies: Mapping[str, StudyTables]) -> list[Arm]:
    """The paper's cells that were run, in the paper's order, each followed by its reshuffled twin where that was run.

    A twin differs from its cell in nothing but the stream, so that a cell of another length is not compared.
    """
    found = []
    for group in groups({name: study.runs for name, study in studies.items()}).values():
        if not len(group.runs):
            continue
        own = str(group.runs["cell"].iloc[0])
        twin = replace(cell_of(own), stream=RESHUFFLED).name
        for cell, name, wanted in ((own, group.variant, STUDIES), (twin, RESHUFFLED, tuple(studies))):
            holders = [study for study in wanted if study in studies and (studies[study].runs["cell"] == cell).any()]
            if holders:
                found.append(_arm(studies[holders[0]], holders[0], cell, group.task, group.size, name))
    return found


def _arm(study: StudyTables, name: str, cell: str, task: str, size: str, arm: str) -> Arm:
    runs, summary, dynamics = (
        frame[frame["cell"] == cell].reset_index(drop=True) for frame in (study.runs, study.summary, study.dynamics)
    )
    row = {str(column): value for column, value in summary.iloc[0].items()}
    return Arm(task, size, arm, name, row, runs, dynamics)
