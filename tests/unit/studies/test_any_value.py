"""Whether most runs have a property at any value of an axis, with Holm's correction over the values."""

from __future__ import annotations

import pytest

from capacity.studies import any_value
from tests.support.handmade_answers import NOTHING, cell, draws, runs_of, tables

RATES = (0.001, 0.003, 0.01, 0.03)
BY_SIZE = {"rule": "any-value", "along": "learning_rate", "measure": "all-right", "by": ["size"]}


def asked(right, total=10, size="n14", **more):
    """The evaluations of a size at the first rates, of which so many runs are right at each."""
    rates = RATES[: len(right)]
    return [
        runs_of(cell(size, learning_rate=rate), total, count, **more) for rate, count in zip(rates, right, strict=True)
    ]


def answered(*evaluations):
    return any_value.answer(BY_SIZE, tables([each for of_size in evaluations for each in of_size]), draws())


@pytest.mark.parametrize(
    ("right", "outcome"),
    [
        ((0, 0, 0, 0), "at none"),
        ((1, 0, 1, 0), "at none"),  # the exact interval of 1 of 10 ends at 0.445
        ((2, 0, 0, 0), "cannot be told"),  # that of 2 of 10 ends at 0.556
        ((0, 0, 10, 0), "at some"),  # p is 1 of 1,024, and four times that after Holm
        ((10, 10, 10, 10), "at some"),
        ((0, 0, 9, 0), "cannot be told"),  # p is 11 of 1,024: below 0.025, and not four times that
        ((9, 10, 0, 0), "at some"),
        ((9,), "at some"),
    ],
)
def test_one_value_is_enough_after_holm_and_all_have_to_fail(right, outcome):
    assert answered(asked(right)).outcome == outcome


def test_a_value_that_depends_on_the_seed_is_neither_yes_nor_no():
    assert answered(asked((70, 0), total=100)).outcome == "cannot be told"
    assert answered(asked((95, 0), total=100)).outcome == "at some"


def test_each_group_is_said_with_its_values_and_corrected_by_itself():
    found = answered(asked((0, 10, 9, 0)), asked((0, 1, 0, 0), size="n28", diverged=2))
    assert found.outcome == "differs"
    assert (found.runs, found.diverged) == (80, 8)
    assert found.sentence == (
        "At any learning rate, do most runs have all held-out expressions right? "
        "n14: at some of 4 (learning rate 0.003 10 of 10 runs [0.692, 1.000]); "
        "n28: at none of 4 (learning rate 0.001 0 of 10 runs [0.000, 0.308], learning rate 0.003 1 of 10 runs "
        "[0.003, 0.445], learning rate 0.01 0 of 10 runs [0.000, 0.308], "
        "learning rate 0.03 0 of 10 runs [0.000, 0.308])."
    )
    (table,) = found.tables
    assert table.columns[:4] == ("size", "learning rate", "runs", "diverged")
    by_place = {row[:2]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert len(by_place) == 8
    # Holm: four times the smallest p-value, and three times the second.
    assert by_place["n14", 0.003]["p, Holm"] == pytest.approx(4 / 1024)
    assert by_place["n14", 0.01]["p, Holm"] == pytest.approx(3 * 11 / 1024)
    assert by_place["n14", 0.01]["most runs"] == "yes"
    assert by_place["n28", 0.001]["p, Holm"] == 1


def test_without_runs_it_is_not_run():
    found = any_value.answer(BY_SIZE, NOTHING, draws())
    assert (found.outcome, found.runs) == ("not run", 0)
    assert found.missing == ("no run is asked for: all held-out expressions right",)
