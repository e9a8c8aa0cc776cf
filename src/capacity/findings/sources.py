"""The tables from which the page of findings is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd


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
        budget: the name of the budget that was run.
        claims, evidence: the tables of verdicts and of their evidence.
        replication: the table of the paper's numbers beside ours.
        studies: the tables of each study that the budget runs, by name.
        origins: for each training job the record of where its runs come from, as the tables hold it.
        versions: the versions of the environment that made the tables.
        commit: the commit of the code that made the tables; None outside git.
    """

    budget: str
    claims: pd.DataFrame
    evidence: pd.DataFrame
    replication: pd.DataFrame
    studies: Mapping[str, StudyTables]
    origins: Sequence[Mapping[str, Any]]
    versions: Mapping[str, str]
    commit: str | None
