"""TODO claims.groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from capacity.claims import published_cells
from capacity.experiment.plan import cell_of
from capacity.paper import published
from capacity.tables import frames
from capacity.tables.runs import RUNS

STUDIES = ("base", "weight-decay")


@dataclass(frozen=True, eq=False)
class Group:
    """The runs that stand for one published cell.

    Attributes:
        task, size, variant: of the published cell.
        runs: one row per run; no rows where the cell was not run.
        departs: how the cell departs from the published one, in words; empty where it does not.
    """

    task: str
    size: str
    variant: str
    runs: pd.DataFrame
    departs: str = ""

    @property
    def label(self) -> str:
        """``arithmetic n14``, with the variant unless it is the base."""
        return f"{self.task} {self.size}" + (f" {self.variant}" if self.variant != "base" else "")

    @property
    def diverged(self) -> int:
        """How many runs diverged."""
        return int(self.runs["diverged"].sum()) if len(self.runs) else 0


Groups = dict[tuple[str, str, str], Group]


def read_runs(paths: Iterable[Path]) -> dict[str, pd.DataFrame]:
    """The runs of each study, by name; a table of runs lies in a folder that is called like its study."""
    return {path.parent.name: frames.read_frame(path, RUNS) for path in paths}


def groups(studies: Mapping[str, pd.DataFrame]) -> Groups:
    """The runs that stand for each of the 24 published cells, by task, size and variant, in the paper's order.

    They come from the studies :data:`STUDIES`. A cell stands for the published one of its task, size, weight decay and
    dropout, whatever else it changes; of several the one that changes least, the first by name among equals.
    """
    found: Groups = {}
    for result in published.RESULTS:
        place = (result.task, result.size, result.variant)
        found[place] = Group(*place, pd.DataFrame())
    closest: dict[tuple[str, str, str], tuple[int, str]] = {}
    for study in STUDIES:
        if study not in studies or studies[study].empty:
            continue
        for name, runs in studies[study].drop_duplicates(["cell", "seed"]).groupby("cell"):
            cell = cell_of(str(name))
            variant = published_cells.variant_of(cell)
            if variant is None:
                continue
            place = (cell.task, cell.size.name, variant)
            distance = (len(cell.departures_from_published()), cell.name)
            if distance < closest.get(place, (len(cell.settings()), "")):
                closest[place] = distance
                found[place] = Group(*place, runs.reset_index(drop=True), str(runs["departs"].iloc[0]))
    return found
