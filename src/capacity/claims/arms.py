"""The runs of one cell, and those that stand for each of the paper's cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from capacity.claims import published_cells
from capacity.claims.properties import Property
from capacity.experiment.cell import parse_cell
from capacity.paper import published
from capacity.tables.origins import Origin, by_study, read_tables

PUBLISHED_STUDIES = ("base", "weight-decay")
"""The studies whose cells stand for those of the paper."""


@dataclass(frozen=True, eq=False)
class Arm:
    """The runs of one cell.

    Attributes:
        task, size: of the cell.
        variant: one of the paper's variants, "base" or "wd", or what else sets the cell apart, such as "long run".
        runs: one row per run; no rows if the cell was not run.
        departs: how the cell departs from the paper's protocol, in words; empty if it does not.
    """

    task: str
    size: str
    variant: str
    runs: pd.DataFrame
    departs: str = ""

    @property
    def label(self) -> str:
        """The name in evidence: ``arithmetic n14``, with the variant unless it is the base."""
        return f"{self.task} {self.size}" + (f" {self.variant}" if self.variant != "base" else "")

    @property
    def n(self) -> int:
        """The number of runs, diverged ones included."""
        return len(self.runs)

    @property
    def diverged(self) -> int:
        """The number of runs that diverged."""
        return int(self.runs["diverged"].sum()) if self.n else 0

    def count(self, wanted: Property) -> int:
        """Count the runs that have a property; a diverged run has none."""
        return int(wanted.of(self.runs).sum()) if self.n else 0


PublishedArms = dict[tuple[str, str, str], Arm]
"""An arm for each of the paper's cells, by task, size and variant."""


def read_runs(
    paths: Sequence[Path], record_files: Sequence[Path] = (), digests: Sequence[str] = ()
) -> tuple[list[Origin], dict[str, pd.DataFrame]]:
    """Read the runs of each study, by its name: that of the folder in which its table lies.

    The arguments are those of :func:`capacity.tables.origins.read_tables`. Raises InputError as it does, or if a table
    lies in the folder of another study.
    """
    origins, tables = read_tables({"runs": paths}, record_files, digests)
    return origins, dict(zip(by_study(origins, paths), tables["runs"], strict=True))


def published_arms(studies: Mapping[str, pd.DataFrame]) -> PublishedArms:
    """Return the runs that stand for each of the 24 published cells, in the paper's order.

    They come from the studies :data:`PUBLISHED_STUDIES`. A cell stands for the published one of its task, size, weight
    decay and dropout, whatever else it changes. Of several such cells the one that changes least is taken, and of those
    the first by name.
    """
    arms: PublishedArms = {}
    for result in published.RESULTS:
        place = (result.task, result.size, result.variant)
        arms[place] = Arm(*place, pd.DataFrame())
    closest: dict[tuple[str, str, str], tuple[int, str]] = {}
    for study in PUBLISHED_STUDIES:
        if study not in studies or studies[study].empty:
            continue
        for name, runs in studies[study].drop_duplicates(["cell", "seed"]).groupby("cell"):
            cell = parse_cell(str(name))
            variant = published_cells.variant_of(cell)
            if variant is None:
                continue
            place = (cell.task, cell.size.name, variant)
            distance = (len(cell.departures_from_published()), cell.name)
            if distance < closest.get(place, (len(cell.settings()), "")):
                closest[place] = distance
                arms[place] = Arm(*place, runs.reset_index(drop=True), str(runs["departs"].iloc[0]))
    return arms
