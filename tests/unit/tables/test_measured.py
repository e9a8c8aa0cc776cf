from __future__ import annotations

import math

import pytest

from capacity.experiment.cell import make_cell
from capacity.paper.protocol import SIZES
from capacity.statistics.intervals import clopper_pearson
from capacity.tables.measured import cell_values, course, run_values
from tests.support.handmade_figures import MeasuredStudy

CELL = make_cell("arithmetic", SIZES["n14"])
SEEDS = tuple(range(8))


@pytest.fixture(scope="module")
def tables():
    """Half of the held-out right on average; the last three runs never fit, and run 7 diverged."""
    study = MeasuredStudy(
        [CELL, make_cell("facts", SIZES["n14"])],
        SEEDS,
        held_out=lambda cell, seed: seed % 5,
        order=lambda cell, seed: 10.0 * seed,
        fits=lambda cell, seed: (1, 2, 2, 3, 3, 5, 5, 5)[seed],
        diverged=lambda cell, seed: seed == 7,
    )
    return study.tables


def test_a_share_of_each_run_and_the_mean_of_the_summary(tables):
    runs = run_values("held-out", tables)
    assert set(runs["cell"]) == {CELL.name}
    assert runs["value"].tolist() == [seed % 5 / 4 for seed in SEEDS]
    assert not runs["censored"].any()
    cells = cell_values("held-out", tables)
    assert cells.index.tolist() == [CELL.name]
    assert cells["value"].tolist() == [pytest.approx(sum(seed % 5 for seed in SEEDS) / 4 / 8)]
    row = tables["summary"].set_index("cell").loc[CELL.name]
    assert cells[["low", "high"]].to_numpy().tolist() == [[row["final_held_out_low"], row["final_held_out_high"]]]


def test_a_diverged_run_has_no_bits_and_counts_where_it_failed(tables):
    assert run_values("order-bits", tables).query("cell == @CELL.name")["value"].tolist() == [
        10.0 * seed for seed in range(7)
    ]
    assert len(run_values("held-out", tables)) == 8


def test_an_outcome_is_a_share_of_runs_with_its_exact_interval(tables):
    assert run_values("all-right", tables)["value"].sum() == 1
    row = cell_values("all-right", tables).loc[CELL.name]
    assert (row["value"], row["low"], row["high"]) == (1 / 8, *clopper_pearson(1, 8))


def test_an_outcome_that_is_no_column_is_a_score_within_bounds_and_no_diverged_run_has_it(tables):
    assert run_values("none-right", tables)["value"].tolist() == [float(seed % 5 == 0) for seed in SEEDS]
    row = cell_values("none-right", tables).loc[CELL.name]
    assert (row["value"], row["low"], row["high"]) == (2 / 8, *clopper_pearson(2, 8))
    diverged = tables | {"runs": tables["runs"].assign(diverged=tables["runs"]["seed"] == 0)}
    assert run_values("none-right", diverged)["value"].tolist() == [float(seed == 5) for seed in SEEDS]


def test_a_time_that_was_not_reached_is_censored_at_the_end(tables):
    runs = run_values("time-to-fit", tables)
    quarter = CELL.iterations // 4
    assert runs["value"].tolist() == [quarter * number for number in (1, 2, 2, 3, 3, 4, 4, 4)]
    assert runs["censored"].tolist() == [False] * 5 + [True] * 3
    row = cell_values("time-to-fit", tables).loc[CELL.name]
    assert row["value"] == 3 * quarter  # five of eight are past it
    assert row["low"] == quarter  # after which 7 of 8 are left, a share whose lower limit is 0.47
    assert clopper_pearson(7, 8).low < 0.5 < clopper_pearson(7, 8).high
    assert math.isnan(row["high"])  # the upper limit does not come down to one half
    assert "facts" not in set(runs["cell"].str.extract("task=([a-z]+)")[0])


def test_a_margin_is_that_of_the_last_evaluation_with_a_bootstrap_interval(tables):
    runs = run_values("margins", tables)
    assert runs["value"].tolist() == [4 * (seed % 5 / 4) - 2 for seed in SEEDS]
    row = cell_values("margins", tables).loc[CELL.name]
    assert row["value"] == pytest.approx(runs["value"].mean())
    assert runs["value"].min() < row["low"] < row["value"] < row["high"] < runs["value"].max()


def test_a_course_has_every_evaluation_of_the_cells_that_have_the_measure(tables):
    found = course("seen", tables["history"])
    assert set(found["cell"]) == {CELL.name}
    assert len(found) == 5 * len(SEEDS)
    assert found[found["seed"] == 0]["value"].tolist() == [0.0, 1.0, 1.0, 1.0, 1.0]
    assert len(course("loss", tables["history"])) == 2 * 5 * len(SEEDS)
    assert course("seen", tables["history"].drop(columns="seen")).empty


def test_what_is_not_finite_is_left_out(tables):
    history = tables["history"].copy()
    history.loc[history["seed"] == 3, "held_out_margin"] = -math.inf
    history.loc[history["seed"] == 4, "held_out_margin"] = math.nan
    assert set(run_values("margins", tables | {"history": history})["seed"]) == {0, 1, 2, 5, 6, 7}
    assert 3 not in set(course("margins", history)["seed"])


def test_one_run_has_no_interval():
    one = MeasuredStudy([CELL], (0,)).tables
    for name in ("held-out", "margins"):
        row = cell_values(name, one).loc[CELL.name]
        assert not math.isnan(row["value"])
        assert math.isnan(row["low"])
