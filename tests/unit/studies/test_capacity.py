"""Bits per parameter of made-up runs whose largest bits lie on a line."""

from __future__ import annotations

import pytest

from capacity.experiment.cell import make_cell
from capacity.paper.protocol import SIZES
from capacity.studies import capacity
from tests.support.handmade_answers import NOTHING, draws, tables
from tests.support.handmade_results import bits, evaluation, run

SETTINGS = {"rule": "capacity", "measure": "bits", "over": "facts", "by": []}
AMOUNTS = (10, 20, 50)


def ladder(per_parameter, shares=(0.5, 1.0, 0.75), spread=0.0, seeds=4, sizes=("n14", "n28", "n56")):
    """Runs of each size and number of facts; a share of the most that the size memorizes, more or less by seed."""
    made = []
    for size in sizes:
        for amount, share in zip(AMOUNTS, shares, strict=False):
            one = make_cell("facts", SIZES[size], facts=amount)
            most = evaluation(make_cell("facts", SIZES[size], facts=AMOUNTS[-1]), [run(one, 0)])["parameters"]
            runs = [run(one, seed) for seed in range(seeds)]
            for seed, each in enumerate(runs):
                unigram = per_parameter * most * share * (1 + spread * (-1) ** seed)
                each["bits"] = bits(one, memorized=unigram / 2)
            made.append(evaluation(one, runs))
    return made


def asked(made, settings=SETTINGS):
    return capacity.answer(settings, tables(made), draws())


def row_of(found, number=0):
    return dict(zip(found.tables[0].columns, found.tables[0].rows[number], strict=True))


@pytest.mark.parametrize(
    ("per_parameter", "beside"),
    [
        (2.0, ("agrees with", "below", "below")),
        (2.16, ("above", "agrees with", "below")),
        (3.6, ("above", "above", "agrees with")),
        (4.0, ("above", "above", "above")),
    ],
)
def test_the_slope_is_compared_with_what_others_have_found(per_parameter, beside):
    found = asked(ladder(per_parameter))
    row = row_of(found)
    assert row["bits per parameter"] == pytest.approx(per_parameter)
    assert row["bits at no parameter"] == pytest.approx(0, abs=1e-6)
    assert found.outcome == f"{per_parameter:.2f}"
    assert tuple(row.values())[-3:] == beside
    assert f"{beside[0]} 2 of Allen-Zhu and Li" in found.sentence


def test_runs_that_differ_give_an_interval():
    row = row_of(asked(ladder(2.5, spread=0.3)))
    assert row["low"] < row["bits per parameter"] < row["high"]
    assert (row["sizes"], row["runs"]) == (3, 36)


def test_sizes_that_memorize_most_of_the_most_data_are_named():
    assert "the most is at" not in asked(ladder(2.0)).sentence
    rising = asked(ladder(2.0, shares=(0.5, 0.7, 1.0)))
    assert "; the most is at the largest facts in the corpus for " in rising.sentence
    assert {row[-1] for row in rising.tables[1].rows} == {"still"}
    assert [row[1] for row in rising.tables[1].rows] == [50, 50, 50]


def test_a_diverged_run_has_memorized_nothing():
    made = ladder(2.0, shares=(1.0,), seeds=2)
    for each in made:
        each["runs"][1] |= run(make_cell("facts", SIZES["n14"], facts=10), 1, diverged=True)
    found = asked(made)
    assert row_of(found)["bits per parameter"] == pytest.approx(1.0, abs=0.02)  # 10 facts need fewer parameters
    assert found.diverged == 3


def test_one_size_is_not_run():
    found = asked(ladder(2.0, sizes=("n14",)))
    assert (found.outcome, found.missing) == ("not run", ("the study with a second size",))
    assert capacity.answer(SETTINGS, NOTHING, draws()).outcome == "not run"
