"""Whether one value of an axis lies among the others, and how many others that takes."""

from __future__ import annotations

import itertools

import pytest

from capacity.studies import typical
from tests.support.handmade_answers import NOTHING, cell, draws, runs_of, tables

PAIRS = [pair for pair in itertools.combinations(range(10), 2) if pair != (5, 7)]
SETTINGS = {"rule": "typical", "value": {"held_out": "57"}, "measure": "all-right", "by": ["size"]}


def of_pairs(own, others, size="n14", total=5):
    """The evaluations of a size with (5, 7) held out, of which ``own`` runs are right, and with other pairs."""
    asked = [runs_of(cell(size, held_out=[pair]), total, right) for pair, right in zip(PAIRS, others, strict=False)]
    return asked if own is None else [*asked, runs_of(cell(size), total, own)]


def answered(*sizes):
    return typical.answer(SETTINGS, tables([each for size in sizes for each in size]), draws())


@pytest.mark.parametrize(
    ("own", "others", "outcome"),
    [
        (3, [3] * 40, "typical"),
        (4, [3] * 40, "not typical"),
        (5, [3] * 20 + [5] * 20, "typical"),
        (0, [0] + [4] * 39, "not typical"),  # the 2.5 % quantile of 40 values lies between the two smallest
        (0, [0, 0] + [4] * 39, "typical"),
        (0, [4] * 39, "not typical"),
        (0, [4] * 38, "cannot be told"),
        (0, [], "cannot be told"),
        (None, [4] * 40, "not run"),
    ],
)
def test_the_quantiles_of_enough_other_values_decide(own, others, outcome):
    assert answered(of_pairs(own, others)).outcome == outcome


def test_each_group_is_said_with_what_lies_around_it():
    answer = answered(of_pairs(0, [4] * 20 + [5] * 20), of_pairs(3, [1] * 10 + [4] * 30, size="n28"))
    assert answer.outcome == "differs"
    assert (answer.runs, answer.diverged) == (410, 0)
    assert answer.sentence == (
        "Is held out (5, 7) typical in the share of runs with all held-out expressions right? "
        "n14: not typical (0 of 5 runs [0.000, 0.522] with held out (5, 7), beside 40 others, 95 % of which lie from "
        "0.800 to 1.000); "
        "n28: typical (3 of 5 runs [0.147, 0.947] with held out (5, 7), beside 40 others, 95 % of which lie from 0.200 "
        "to 0.800)."
    )
    decided, every = answer.tables
    assert [row[0] for row in decided.rows] == ["n14", "n28"]
    assert len(every.rows) == 82


def test_a_diverged_run_counts_as_one_without_the_property():
    mine = runs_of(cell("n14"), 5, 5, diverged=5)
    answer = answered([mine], of_pairs(None, [4] * 40))
    assert answer.outcome == "not typical"
    assert answer.diverged == 5


def test_a_size_without_the_value_is_not_run_beside_one_that_has_it():
    answer = answered(of_pairs(3, [3] * 40), of_pairs(None, [3] * 40, size="n28"))
    assert answer.outcome == "differs"
    assert answer.missing == ("n28, held out (5, 7)",)
    assert "n28: not run" in answer.sentence


def test_without_runs_it_is_not_run():
    assert typical.answer(SETTINGS, NOTHING, draws()).outcome == "not run"
