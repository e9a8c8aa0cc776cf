"""Runs of two crossed factors; the order of the lines stands for the seed of the initial weights."""

from __future__ import annotations

import pytest

from capacity.studies import variance_components
from tests.support.handmade_answers import NOTHING, cell, draws, tables
from tests.support.handmade_results import evaluation, run

SETTINGS = {"rule": "variance-components", "factors": ["corpus_seed", "seed"], "measure": "held-out", "by": []}
LEVELS = range(6)


def asked(held_out, settings=SETTINGS, left_out=(), **more):
    """The answer for runs whose right held-out expressions, of 4, follow from both factors."""
    made = []
    for order in LEVELS:
        one = cell("n14", corpus_seed=order)
        runs = [
            run(one, seed, held_out=held_out(order, seed), **more) for seed in LEVELS if (order, seed) not in left_out
        ]
        made.append(evaluation(one, runs))
    return variance_components.answer(settings, tables(made), draws())


def row_of(found, number):
    return dict(zip(found.tables[0].columns, found.tables[0].rows[number], strict=True))


def test_the_factor_that_decides_is_named():
    order = asked(lambda order, seed: 4 * (order % 2))
    assert (order.outcome, order.runs, order.diverged) == ("seed of the order of lines", 36, 0)
    assert row_of(order, 0)["share"] == 1
    assert "seed of the order of lines 1.00 [" in order.sentence
    seed = asked(lambda order, seed: 4 * (seed % 2))
    assert seed.outcome == "seed"
    assert [row_of(seed, number)["share"] for number in range(3)] == [0, 1, 0]
    assert "6 x 6 runs, mean 0.500" in seed.sentence


def test_both_may_decide_or_none_can_be_told():
    assert asked(lambda order, seed: 2 * (order % 2) + 2 * (seed % 2)).outcome == "both"
    together = asked(lambda order, seed: 4 * ((order + seed) % 2))
    assert together.outcome == "cannot be told"
    assert row_of(together, 2)["share"] == pytest.approx(1)
    alike = asked(lambda order, seed: 4)
    assert (alike.outcome, alike.tables[0].rows) == ("cannot be told", ())
    assert "all alike; 6 x 6 runs, mean 1.000" in alike.sentence


def test_a_value_of_the_first_factor_without_all_its_runs_is_left_out():
    found = asked(lambda order, seed: 4 * (seed % 2), left_out={(2, 5)})
    assert (found.runs, row_of(found, 0)["values"], row_of(found, 1)["values"]) == (30, 5, 6)


def test_a_diverged_run_counts_as_a_failure():
    found = asked(lambda order, seed: 4, diverged=True)
    assert "mean 0.000" in found.sentence
    assert found.diverged == 36


def test_groups_are_answered_apart_and_too_few_values_are_not_run():
    by_order = SETTINGS | {"factors": ["weight_decay", "seed"], "by": ["corpus_seed"]}
    found = asked(lambda order, seed: 4, by_order)
    assert found.outcome == "not run"
    assert len(found.missing) == len(LEVELS)
    assert variance_components.answer(SETTINGS, NOTHING, draws()).outcome == "not run"
