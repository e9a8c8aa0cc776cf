from __future__ import annotations

import pandas as pd
import pytest

from capacity.claims.outcomes import MOST_FURTHER_RUNS, Outcome
from tests.support.handmade_studies import first_seeds
from tests.support.handmade_tradeoffs import (
    CONDITIONS,
    PAIRS,
    assess,
    at_rates,
    conditions,
    conditions_met,
    over_pairs,
    with_order_bits,
)


@pytest.fixture(scope="module")
def everything(base):
    return conditions_met(base)


def test_a_trade_off_that_goes_with_reshuffled_lines_is_not_replicated(base, everything):
    """As when n14 alone was helped by the frozen order: all sizes answer alike once it is gone."""
    order = everything["order"].assign(
        generalizes=everything["order"]["generalizes"].where(everything["order"]["task"] == "facts", True)
    )
    conclusion = assess(with_order_bits(base), **(everything | {"order": order}))
    assert conditions(conclusion)["reshuffled lines"].outcome == Outcome.NOT_REPLICATED
    assert conclusion.outcome == Outcome.NOT_REPLICATED


def test_the_learning_rate_of_each_size_is_chosen_on_what_was_seen(base, everything):
    line = conditions(assess(base, rates=everything["rates"]))["tuned learning rate"]
    assert line.outcome == Outcome.REPLICATED
    assert (line.n, line.note[:17]) == (160, "G: n14 20 of 20, ")
    worse = everything["rates"].copy()
    worse.loc[worse["cell"].str.contains("learning_rate-0.03"), "final_seen"] = 1.0
    worse.loc[worse["cell"].str.contains("learning_rate-0.001"), "final_seen"] = 0.9
    line = conditions(assess(base, rates=worse))["tuned learning rate"]
    assert "G: n14 0 of 20" in line.note
    assert line.outcome == Outcome.NOT_REPLICATED


def test_two_learning_rates_are_no_tuning(base):
    two = at_rates(base, (1e-3, 3e-2))
    assert conditions(assess(base, two=two))["tuned learning rate"].outcome == Outcome.NOT_RUN


def test_decay_is_matched_when_mlt_has_the_recipe_of_all(base, everything):
    assert conditions(assess(base, decay=everything["decay"]))["matched decay"].outcome == Outcome.REPLICATED
    without = everything["decay"][everything["decay"]["size"] != "mlt"]
    assert conditions(assess(base, decay=without))["matched decay"].outcome == Outcome.NOT_RUN


def test_a_condition_with_few_runs_asks_for_more(base, everything):
    conclusion = assess(base, order=first_seeds(everything["order"], 1))
    line = conditions(conclusion)["reshuffled lines"]
    assert line.outcome == Outcome.INCONCLUSIVE
    assert 1 <= line.further_runs <= MOST_FURTHER_RUNS


def test_few_other_pairs_are_not_enough(base):
    assert conditions(assess(base, pairs=over_pairs(base, PAIRS[:9])))["other pairs"].outcome == Outcome.NOT_RUN
    line = conditions(assess(base, pairs=over_pairs(base, PAIRS)))["other pairs"]
    assert (line.outcome, line.n) == (Outcome.REPLICATED, 10 * 4 * 2)


def test_pairs_of_larger_operands_are_no_other_pairs_of_the_paper_s_task(base):
    study = over_pairs(base, PAIRS, largest_operand=19)
    assert conditions(assess(base, pairs=study))["other pairs"].outcome == Outcome.NOT_RUN


@pytest.mark.parametrize(
    ("arithmetic", "facts", "short"), [(20, 10, 0), (19, 10, 1), (20, 9, 1), (5, 10, 15), (20, 3, 7), (15, 2, 8)]
)
def test_twenty_seeds_of_each_size_are_asked_for_and_ten_for_the_facts(base, arithmetic, facts, short):
    runs = first_seeds(base, facts, "mlt").query("task == 'facts'")
    runs = pd.concat([runs, first_seeds(base, arithmetic, "n28").query("task != 'facts'")], ignore_index=True)
    line = conditions(assess(runs))["each size of both"]
    assert line.outcome == (Outcome.INCONCLUSIVE if short else Outcome.REPLICATED)
    assert line.further_runs == (short or None)
    assert line.note == f"the fewest are {arithmetic} for G and {facts} for M"
    assert "20 seeds at the final iterate for each size of the trend of G, and 10 for" in line.description


def test_seeds_that_know_more_and_answer_more_speak_against_it(base):
    runs = with_order_bits(base)
    runs["order_bits"] = -runs["order_bits"]
    assert conditions(assess(runs))["seeds of one size"].outcome == Outcome.NOT_REPLICATED


def test_with_every_condition_run_and_held_it_is_replicated(base, everything):
    conclusion = assess(with_order_bits(base), **everything)
    assert {label: line.outcome for label, line in conditions(conclusion).items()} == dict.fromkeys(
        CONDITIONS, Outcome.REPLICATED
    )
    assert (conclusion.outcome, conclusion.reason) == (Outcome.REPLICATED, "")
