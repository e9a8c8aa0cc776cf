"""TODO claims.grokking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from capacity.claims import published_cells
from capacity.claims.evidence import Finding, Property, combine, majority
from capacity.claims.groups import Group
from capacity.experiment.plan import cell_of

GROKKING_STUDY = "grokking"
NOT_GROKKED = Property(
    "all seen expressions fitted, and not all held-out ones right, neither at the end nor by the paper's rule",
    lambda runs: runs["fits_arithmetic"] & ~runs["generalizes"] & (runs["paper_best_held_out"] < 1),
)


GROKKING_RULE = (
    "The runs of the study `grokking` that fit the seen expressions and still do not have all held-out ones right, "
    "neither at the last of their iterations nor at the evaluation with the best accuracy, are counted and decided "
    "upon as in C1. A run that does not fit what it sees, or diverged, supports nothing. In the paper's own run the "
    "sum of learning rate times weight decay is 0.147, where studies that see grokking have about 40: its repetition "
    "says little about grokking under other settings."
)


def grokking(studies: Mapping[str, pd.DataFrame]) -> Finding:
    """The finding on C6, from the long run of MLT."""
    paper = published_cells.grokking_cell()
    group = Group("arithmetic", "mlt", "long run", pd.DataFrame())
    runs = studies.get(GROKKING_STUDY, pd.DataFrame())
    distances = {}
    for name in runs["cell"].unique() if len(runs) else ():
        cell = cell_of(str(name))
        if (cell.task, cell.size) == (paper.task, paper.size):
            differs = published_cells.differences(cell, paper)
            distances[differs.count("(paper:"), str(name)] = differs
    if distances:
        nearest = min(distances)
        mine = runs[runs["cell"] == nearest[1]].reset_index(drop=True)
        group = replace(group, runs=mine, departs=distances[nearest])
    line = majority(group, NOT_GROKKED)
    outcome, reason = combine([line])
    return Finding(outcome, reason, GROKKING_RULE, (line,), (group,))
