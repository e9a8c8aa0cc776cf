from __future__ import annotations

import pandas as pd
import pytest

from capacity.claims.outcomes import Outcome
from capacity.claims.published_cells import grokking_cell
from capacity.experiment.cell import make_cell
from capacity.paper.protocol import MLT
from tests.support.handmade_results import evaluation, frames, run
from tests.support.handmade_verdicts import deciding_lines, judge

GROKKING = grokking_cell()


def long_run(*seeds, cell=GROKKING, **right):
    return frames([evaluation(cell, [run(cell, seed, **right) for seed in seeds])])[0]


@pytest.mark.parametrize(
    ("runs", "outcome"), [(1, Outcome.INCONCLUSIVE), (5, Outcome.INCONCLUSIVE), (6, Outcome.REPLICATED)]
)
def test_the_long_run_of_mlt_is_counted(runs, outcome):
    verdict = judge("C6", grokking=long_run(*range(runs), held_out=0))["C6"]
    assert verdict.conclusion.outcome == outcome
    assert (verdict.protocol, verdict.runs) == ("the paper's", runs)


def test_a_long_run_that_groks_refutes():
    assert judge("C6", grokking=long_run(*range(6), held_out=4))["C6"].conclusion.outcome == Outcome.NOT_REPLICATED
    passing = long_run(*range(6), held_out=0).assign(paper_best_held_out=1.0)
    assert judge("C6", grokking=passing)["C6"].conclusion.outcome == Outcome.NOT_REPLICATED


def test_a_long_run_that_does_not_fit_says_nothing_for_the_claim():
    (line,) = deciding_lines(judge("C6", grokking=long_run(*range(6), seen=100, held_out=0))["C6"])
    assert (line.count, line.n) == (0, 6)


def test_a_shorter_long_run_is_marked():
    cell = make_cell("arithmetic", MLT, learning_rate=1e-6, iterations=1000)
    verdict = judge("C6", grokking=long_run(*range(6), cell=cell, held_out=0))["C6"]
    assert verdict.text == "replicated†"
    assert "iterations 1000 (paper: 1500000)" in verdict.protocol
    assert "learning rate" not in verdict.protocol.replace("final learning rate", "")


def test_the_long_run_is_that_of_the_paper_where_the_study_has_others():
    cell = make_cell("arithmetic", MLT, learning_rate=1e-3, iterations=1000)
    small = make_cell("arithmetic", type(MLT)(1, 1, 14, 1), iterations=1000)
    parts = [long_run(0, cell=each, held_out=4) for each in (cell, small)] + [long_run(*range(6), held_out=0)]
    verdict = judge("C6", grokking=pd.concat(parts, ignore_index=True))["C6"]
    assert (verdict.text, verdict.runs) == ("replicated", 6)
