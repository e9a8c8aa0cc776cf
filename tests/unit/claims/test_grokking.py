from __future__ import annotations

import pandas as pd
import pytest

from capacity.claims.grokking import SECONDS_PER_UPDATE
from capacity.claims.outcomes import Outcome
from capacity.claims.page import to_markdown
from capacity.claims.published_cells import grokking_cell
from capacity.experiment.cell import make_cell
from capacity.paper.protocol import MLT
from tests.support.handmade_results import evaluation, frames, run
from tests.support.handmade_verdicts import deciding_lines, judge
from tests.support.repository import REPOSITORY

GROKKING = grokking_cell()


def long_run(*seeds, cell=GROKKING, **right):
    return frames([evaluation(cell, [run(cell, seed, **right) for seed in seeds])])[0]


@pytest.mark.parametrize(
    ("runs", "outcome"), [(1, Outcome.INCONCLUSIVE), (5, Outcome.INCONCLUSIVE), (6, Outcome.REPLICATED)]
)
def test_the_long_run_of_mlt_is_counted(runs, outcome):
    verdict = judge("C6", grokking=long_run(*range(runs), held_out=0))["C6"]
    assert verdict.conclusion.outcome == outcome
    assert bool(verdict.conclusion.cost) == (outcome == Outcome.INCONCLUSIVE)
    assert (verdict.protocol, verdict.runs) == ("the paper's", runs)


def test_a_long_run_that_was_not_made_says_what_it_would_take():
    """1.5 million updates of 2.8 seconds, which is the number of the page on performance."""
    verdict = judge("C6")["C6"]
    assert verdict.text == "not run"
    assert "run: [grokking]" in verdict.command
    assert verdict.conclusion.cost == (
        "One run of the paper's 1,500,000 updates takes about 1,167 core-hours, which are 49 days of one core, at the "
        "2.8 seconds an update that were measured on a CPU with AVX-512; no GPU was measured. Fewer than 6 runs decide "
        "nothing, and 6 take about 7,000 core-hours."
    )
    assert f"**Cost.** {verdict.conclusion.cost}" in to_markdown([verdict])
    measured = (REPOSITORY / "docs/performance.md").read_text(encoding="utf-8")
    (row,) = [line for line in measured.splitlines() if line.startswith("| 882 windows, dropout | 1 |")]
    assert float(row.split("|")[4]) == SECONDS_PER_UPDATE


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
