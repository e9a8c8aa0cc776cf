"""A cell of the paper that was not run, by another recipe: what is shown beside a claim and decides nothing of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from capacity.claims.arms import Arm
from capacity.claims.evidence import Evidence, Kind, share_evidence
from capacity.claims.outcomes import Outcome, decide
from capacity.claims.properties import Property
from capacity.claims.published_cells import describe_differences
from capacity.claims.trained_cells import (
    LEARNING_RATES,
    Trained,
    departures_but,
    fitting_best,
    on_fixed_lines,
    trained_cells,
    widest,
)
from capacity.experiment.cell import base_cell

RULE = (
    "If a size was not run, but any study has runs of it by another recipe, with the paper's expressions and facts in "
    "a fixed order, these are counted for comparison, and what the same rule says of them is named: it is about "
    "another experiment than the paper's, and has no part in the decision on the claim as a whole. Of several recipes "
    "it is the one with the most runs, over all of its learning rates, and at the one of these that fits the seen "
    "items best."
)


@dataclass(frozen=True)
class OtherRecipe:
    """What the runs of a size by another recipe than the paper's say.

    Attributes:
        studies: the studies that have the runs, by name.
        outcome: what the rule of a share says of them.
        line: the evidence, which decides nothing.
    """

    studies: tuple[str, ...]
    outcome: Outcome
    line: Evidence

    @property
    def words(self) -> str:
        """What is said beside a verdict of the size, which was not run as the paper ran it."""
        return f"not run by the paper's protocol; by another recipe ({', '.join(self.studies)}): {self.outcome}"


def by_another_recipe(
    arm: Arm, wanted: Property, studies: Mapping[str, pd.DataFrame], measure: str = "cell"
) -> OtherRecipe | None:
    """Count the runs of another recipe that have a property, where the paper's cell was not run.

    Args:
        arm: the runs of the paper's base cell.
        wanted: the property.
        studies: the runs of each study that was run, by name.
        measure: a column that the runs must have values in, if the property needs one that not every table has.

    None if the cell was run, or if no study has another recipe for its task and size.
    """
    if arm.n:
        return None
    others = [
        (cell, runs)
        for cell, runs in on_fixed_lines(trained_cells(studies), arm.task)
        if cell.size.name == arm.size and cell.departures() and measure in runs and runs[measure].notna().any()
    ]
    if not others:
        return None
    cell, runs = fitting_best(_most_runs(others))
    counted = share_evidence(replace(arm, runs=runs), wanted)
    outcome = decide(counted.count or 0, counted.n)
    having = tuple(name for name, each in studies.items() if len(each) and (each["cell"] == cell.name).any())
    paper = base_cell(cell.task, cell.size)
    recipe = describe_differences({name: (value, getattr(paper, name)) for name, value in cell.departures().items()})
    line = replace(
        counted.without_decision(),
        kind=Kind.SHARE_BY_ANOTHER_RECIPE,
        description=f"{wanted.description}, by another recipe",
        note=f"another recipe than the paper's, of {', '.join(having)}: {recipe}; by the rule of a share: {outcome}",
    )
    return OtherRecipe(having, outcome, line)


def _most_runs(cells: Trained) -> Trained:
    """Return the learning rates of the recipe with the most runs; they are of one size."""
    return widest(cells, departures_but(*LEARNING_RATES))


def lines_of(others: Iterable[OtherRecipe | None]) -> list[Evidence]:
    """Return the evidence from those that there are."""
    return [other.line for other in others if other]
