"""C6: whether the long run of MLT fits what it sees and still does not generalize."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from capacity.claims import published_cells
from capacity.claims.arms import Arm
from capacity.claims.conclusions import Conclusion, Part, conclude
from capacity.claims.evidence import share_evidence
from capacity.claims.outcomes import Outcome
from capacity.claims.properties import Property
from capacity.experiment.cell import parse_cell
from capacity.statistics.shares import fewest_runs

GROKKING_STUDY = "grokking"

SECONDS_PER_UPDATE = 2.8
"""What an update of the long run takes on one core of an AMD EPYC with AVX-512: docs/performance.md, "MLT"."""

NOT_GROKKED = Property(
    "fitted_and_not_generalizing",
    "all seen expressions fitted, and not all held-out ones right, neither at the end nor by the paper's rule",
    lambda runs: runs["fits_arithmetic"] & ~runs["generalizes"] & (runs["paper_best_held_out"] < 1),
)

RULE = (
    "Of the study `grokking`, the runs are counted that fit the seen expressions and still do not have all held-out "
    "ones right, neither at the last of their iterations nor at the evaluation with the best accuracy. The count is "
    "decided as in C1. A run that diverged, or does not fit what it sees, does not support the claim. In the paper's "
    "own run, learning rate times weight decay adds up to 0.147 over all updates; in studies that see grokking it adds "
    "up to about 40. So repeating that run says little about grokking under other settings."
)


def assess(studies: Mapping[str, pd.DataFrame]) -> Conclusion:
    """Return the conclusion on C6, from the cell of the study that is closest to the paper's long run of MLT."""
    arm = _closest_arm(studies.get(GROKKING_STUDY, pd.DataFrame()))
    line = share_evidence(arm, NOT_GROKKED)
    conclusion = conclude(RULE, [Part(arm.size, line)], [line], [arm])
    is_open = conclusion.outcome in (Outcome.NOT_RUN, Outcome.INCONCLUSIVE)
    return replace(conclusion, cost=cost()) if is_open else conclusion


def cost() -> str:
    """Say what the paper's long run costs, and how many runs decide the claim at the earliest."""
    iterations = published_cells.grokking_cell().iterations
    hours = iterations * SECONDS_PER_UPDATE / 3600
    runs = fewest_runs()
    return (
        f"One run of the paper's {iterations:,} updates takes about {hours:,.0f} core-hours, which are "
        f"{hours / 24:.0f} days of one core, at the {SECONDS_PER_UPDATE:g} seconds an update that were measured on a "
        f"CPU with AVX-512; no GPU was measured. Fewer than {runs} runs decide nothing, and {runs} take about "
        f"{runs * hours:,.0f} core-hours."
    )


def _closest_arm(runs: pd.DataFrame) -> Arm:
    """Return the runs of the MLT cell that differs from the paper's in the fewest settings, the first of equals."""
    paper = published_cells.grokking_cell()
    differing = {}
    for name in runs["cell"].unique() if len(runs) else ():
        cell = parse_cell(str(name))
        if (cell.task, cell.size) == (paper.task, paper.size):
            differing[str(name)] = published_cells.differing_settings(cell, paper)
    if not differing:
        return Arm("arithmetic", "mlt", "long run", pd.DataFrame())
    closest = min(differing, key=lambda name: (len(differing[name]), name))
    departs = published_cells.describe_differences(differing[closest])
    return Arm("arithmetic", "mlt", "long run", runs[runs["cell"] == closest].reset_index(drop=True), departs)
