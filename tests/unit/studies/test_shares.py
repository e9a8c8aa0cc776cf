"""Shares of runs that are decided, that depend on the seed, and that are too few."""

from __future__ import annotations

import pytest

from capacity.experiment.cell import make_cell
from capacity.paper.protocol import SIZES
from capacity.studies import shares
from tests.support.handmade_answers import NOTHING, cell, draws, runs_of, tables
from tests.support.handmade_results import evaluation, run

BY_SIZE = {"rule": "shares", "measure": "all-right", "by": ["size"]}


def asked(evaluations, settings=BY_SIZE):
    return shares.answer(settings, tables(evaluations), draws())


@pytest.mark.parametrize(
    ("total", "right", "outcome"),
    [(20, 18, "yes"), (20, 1, "no"), (10, 5, "depends on the seed"), (4, 4, "cannot be told"), (6, 6, "yes")],
)
def test_the_exact_interval_of_the_share_decides(total, right, outcome):
    found = asked([runs_of(cell("n14"), total, right)])
    assert found.outcome == outcome
    assert (found.runs, found.diverged) == (total, 0)
    assert f"n14: {outcome}, {right} of {total} runs [" in found.sentence


def test_sizes_that_differ_are_told_apart_the_smallest_first():
    found = asked([runs_of(cell("n56"), 20, 0), runs_of(cell("n14"), 20, 20)])
    assert found.outcome == "differs"
    assert found.sentence == (
        "Do most runs have all held-out expressions right? "
        "n14: yes, 20 of 20 runs [0.832, 1.000]; n56: no, 0 of 20 runs [0.000, 0.168]."
    )
    assert [row[0] for row in found.tables[0].rows] == ["n14", "n56"]


def test_a_diverged_run_counts_as_one_without_the_property_and_is_counted():
    found = asked([runs_of(cell("n14"), 10, 10, diverged=3)])
    assert (found.runs, found.diverged) == (10, 3)
    assert "7 of 10 runs" in found.sentence
    none_right = asked([runs_of(cell("n14"), 10, 0, diverged=10)], BY_SIZE | {"measure": "none-right"})
    assert "0 of 10 runs" in none_right.sentence


def test_cells_of_a_task_that_is_not_asked_are_left_out():
    facts = make_cell("facts", SIZES["n14"])
    both = [runs_of(cell("n14"), 6, 6), evaluation(facts, [run(facts, seed) for seed in range(9)])]
    assert asked(both).runs == 6
    assert asked(both, BY_SIZE | {"measure": "all-facts"}).runs == 9


def test_without_runs_it_is_not_run():
    found = shares.answer(BY_SIZE, NOTHING, draws())
    assert (found.outcome, found.runs) == ("not run", 0)
    assert found.missing == ("no run is asked for: all held-out expressions right",)


def test_it_says_how_many_runs_would_change_it():
    assert asked([runs_of(cell("n14"), 4, 4)]).change == (
        "n14: some 2 further runs would decide, if they go on like these 4."
    )
    # 15 of 20 is the fewest that are yes: the exact interval of 14 of 20 begins at 0.457, and ends at 0.881.
    assert asked([runs_of(cell("n14"), 20, 16)]).change == "n14: 2 of 20 runs would have had to come out otherwise."
