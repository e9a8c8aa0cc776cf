"""Tables of runs made by hand for the rules of studies: so many runs of each cell, of which so many do well."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy
import pandas as pd

from capacity.experiment.cell import Cell, make_cell
from capacity.paper.protocol import SIZES, Size
from capacity.studies.answer import Draws, StudyTables
from tests.support.handmade_results import SEEN, evaluation, frames, run

SMALL = ("n14", "n28", "n56")


def draws() -> Draws:
    """A generator with a seed, and fewer draws than tables have."""
    return Draws(numpy.random.default_rng(0), permutations=2_000, resamples=500)


def cell(size: str | Size, **axes: Any) -> Cell:
    """A cell of arithmetic by the name of its size, or its shape."""
    return make_cell("arithmetic", SIZES[size] if isinstance(size, str) else size, **axes)


def runs_of(one: Cell, total: int, right: int, diverged: int = 0, seen: int = SEEN, **values: Any) -> dict[str, Any]:
    """The evaluation of a cell: the first ``right`` seeds have all held-out expressions right, the last diverged."""
    runs = [
        run(one, seed, held_out=4 if seed < right else 0, seen=seen, diverged=seed >= total - diverged, **values)
        for seed in range(total)
    ]
    return evaluation(one, runs)


def tables(evaluations: Iterable[dict[str, Any]], dynamics: pd.DataFrame | None = None) -> StudyTables:
    """The tables of a study of some evaluations."""
    return StudyTables(frames(evaluations)[0], dynamics if dynamics is not None else pd.DataFrame())


NOTHING = StudyTables(frames([runs_of(cell("n14"), 1, 1)])[0].iloc[:0])
"""The tables of a study without runs."""
