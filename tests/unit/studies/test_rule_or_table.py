"""Weights of runs that generalize beside those of the others of their cell."""

from __future__ import annotations

import pytest

from capacity.dictionary.study_measures import MEASURES, MECHANISM
from capacity.studies import rule_or_table
from tests.support.handmade_answers import NOTHING, cell, draws, runs_of, tables
from tests.support.handmade_results import evaluation

COLUMN = {name: MEASURES[name].column for name in MECHANISM}
BY_SIZE = {"rule": "rule-or-table", "by": ["size"]}


def measured(one, total, right, values, **more):
    """An evaluation whose runs have, in order of their seeds, these values in some measures."""
    made = runs_of(one, total, right, **more)
    for number, run in enumerate(made["runs"]):
        run["mechanism"] = {COLUMN[name]: of_runs[number] for name, of_runs in values.items()}
    return made


def asked(*evaluations, settings=BY_SIZE):
    return rule_or_table.answer(settings, tables(evaluations), draws())


def row_of(found, name, table=0):
    return next(
        dict(zip(found.tables[table].columns, row, strict=True))
        for row in found.tables[table].rows
        if row[0] == MEASURES[name].words
    )


HIGH, LOW = [0.8, 0.81, 0.82, 0.83, 0.84, 0.85], [0.2, 0.21, 0.22, 0.23, 0.24, 0.25]


def test_runs_that_are_larger_in_a_measure_are_more_like_a_rule():
    found = asked(measured(cell("n14"), 12, 6, {"parallelograms": HIGH + LOW}))
    assert (found.outcome, found.runs) == ("more like a rule", 12)
    row = row_of(found, "parallelograms")
    assert (row["runs with all right"], row["other runs"], row["groups with both"]) == (6, 6, 1)
    assert (row["larger in pairs"], row["low"], row["high"], row["Cliff's delta"]) == (1, 1, 1, 1)
    assert row["mean with all right"] == pytest.approx(0.825)
    assert row["differs"] == "larger"
    # 2 of the 924 ways to choose 6 of 12 are as extreme, and the correction is over 6 measures.
    assert row["p"] == pytest.approx(2 / 924, abs=0.003)
    assert row["p, Holm"] == pytest.approx(6 * row["p"])
    assert row_of(found, "digit-order")["differs"] == ""
    assert "share of the parallelograms of digit embeddings that close 1.00 [1.00, 1.00]" in found.sentence


def test_runs_that_are_smaller_are_less_like_a_rule_and_measures_may_differ():
    less = {"sum-explained": LOW + HIGH}
    assert asked(measured(cell("n14"), 12, 6, less)).outcome == "less like a rule"
    assert asked(measured(cell("n14"), 12, 6, less | {"digit-order": HIGH + LOW})).outcome == "differs"


def test_sizes_that_differ_in_both_say_nothing_of_runs_within_a_size():
    """All runs of n14 are right and high, but for one of its own kind; n56 is wrong and low."""
    small = measured(cell("n14"), 6, 5, {"parallelograms": [0.8] * 6})
    large = measured(cell("n56"), 6, 1, {"parallelograms": [0.2] * 6})
    found = asked(small, large)
    assert row_of(found, "parallelograms")["larger in pairs"] == 1 / 2
    assert row_of(found, "parallelograms", table=1)["larger in pairs"] > 0.8  # without groups
    assert found.outcome == "no difference"  # every pair within a size is a tie


def test_few_runs_do_not_tell():
    found = asked(measured(cell("n14"), 4, 2, {"parallelograms": [0.4, 0.6, 0.3, 0.5]}))
    assert found.outcome == "cannot be told"
    assert row_of(found, "parallelograms")["larger in pairs"] == 3 / 4


def test_diverged_runs_and_runs_without_a_value_are_left_out():
    values = {name: [*HIGH, *LOW[:-1], None] for name in MECHANISM}
    found = asked(measured(cell("n14"), 12, 6, values))
    assert found.runs == 11
    diverged = asked(measured(cell("n14"), 12, 6, {"parallelograms": HIGH + LOW}, diverged=1))
    assert (diverged.runs, diverged.diverged) == (11, 0)


def test_without_a_group_of_both_kinds_it_is_not_run():
    for made in ([runs_of(cell("n14"), 6, 6), runs_of(cell("n56"), 6, 0)], [evaluation(cell("n14"), [])]):
        found = asked(*made) if made[0]["runs"] else rule_or_table.answer(BY_SIZE, NOTHING, draws())
        assert found.outcome == "not run"
        assert found.missing == ("a group of runs of which some have all held-out expressions right and some have not",)
