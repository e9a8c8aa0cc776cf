"""A large network that fails for its learning rate, for its size, and of which it cannot be told."""

from __future__ import annotations

import pandas as pd

from capacity.studies import rate_or_size
from capacity.studies.answer import StudyTables
from tests.support.handmade_answers import NOTHING, cell, draws, runs_of, tables
from tests.support.handmade_results import SEEN, history_frame

RECIPE = {"batch": 64, "dropout": 0.0, "weight_decay": 0.1, "iterations": 2000}
SETTINGS = {"rule": "rate-or-size", "large": "mlt"}


def arm(size, rate, total, right, seen=SEEN, **more):
    return runs_of(cell(size, learning_rate=rate, **(RECIPE | more)), total, right, seen=seen)


def asked(evaluations, **more):
    return rate_or_size.answer(SETTINGS, StudyTables(tables(evaluations).runs, **more), draws())


def test_a_large_network_that_generalizes_at_the_rate_that_fits_best_fails_for_its_rate():
    found = asked([arm("mlt", 1e-3, 6, 6), arm("mlt", 1e-4, 6, 0, seen=20), arm("n14", 1e-2, 20, 20)])
    assert found.outcome == "it is the learning rate"
    assert "mlt at learning rate 0.001, chosen of 2, has all right in 6 of 6 runs [0.541, 1.000]" in found.sentence
    assert "beside n14 at 0.01 with 20 of 20" in found.sentence
    assert found.runs == 32


def test_a_large_network_that_fits_and_fails_where_a_smaller_one_does_not_fails_for_its_size():
    found = asked([arm("mlt", 1e-3, 10, 0), arm("n14", 1e-2, 20, 20), arm("n56", 1e-2, 20, 0)])
    assert found.outcome == "it is the size"


def test_it_cannot_be_told_if_it_does_not_fit_if_no_smaller_one_generalizes_or_if_runs_are_few():
    unfitted = [arm("mlt", 1e-3, 10, 0, seen=20), arm("n14", 1e-2, 20, 20)]
    alone = [arm("mlt", 1e-3, 10, 0), arm("n14", 1e-2, 20, 0)]
    few = [arm("mlt", 1e-3, 4, 4), arm("n14", 1e-2, 20, 20)]
    assert [asked(each).outcome for each in (unfitted, alone, few)] == ["cannot be told"] * 3


def test_held_out_expressions_choose_no_rate():
    """The rate at which it generalizes fits less well than another, at which it does not."""
    found = asked([arm("mlt", 1e-3, 10, 10, seen=SEEN - 1), arm("mlt", 3e-4, 10, 0), arm("n14", 1e-2, 20, 20)])
    assert found.outcome == "it is the size"


def test_recipes_are_told_apart_and_have_to_agree():
    fixed = [arm("mlt", 1e-3, 10, 0), arm("n14", 1e-2, 20, 20)]
    new = [arm("mlt", 1e-3, 10, 10, stream="reshuffled"), arm("n14", 1e-2, 20, 20, stream="reshuffled")]
    long = [arm("mlt", 1e-3, 3, 1, iterations=10_000)]
    found = asked([*fixed, *new, *long])
    assert found.outcome == "differs"
    assert "stream fixed, 2,000 updates: it is the size" in found.sentence
    assert "stream reshuffled, 2,000 updates: it is the learning rate" in found.sentence
    assert "stream fixed, 10,000 updates: cannot be told" in found.sentence
    assert "Differs: 2 of 3 recipes decide." in found.sentence
    assert found.missing == ("a smaller size with the recipe of mlt (stream fixed, 10,000 updates)",)
    assert asked([*fixed, *long]).outcome == "it is the size"


def test_the_primary_recipe_decides_and_what_is_lost_with_more_updates_is_said():
    short = [arm("mlt", 1e-3, 10, 10), arm("n14", 1e-2, 20, 20)]
    new = [arm("mlt", 1e-3, 10, 0, stream="reshuffled"), arm("n14", 1e-2, 20, 20, stream="reshuffled")]
    long = [arm("mlt", 1e-3, 10, 0, iterations=10_000)]
    study = tables([*short, *new, *long])
    named = SETTINGS | {"primary": {"stream": "fixed", "iterations": 2000}}
    found = rate_or_size.answer(named, study, draws())
    assert found.outcome == "it is the learning rate"
    assert "It is the learning rate: the primary recipe is stream fixed, 2,000 updates. " in found.sentence
    assert found.sentence.endswith(" Generalization is lost with more updates (stream fixed, 10,000 updates).")
    assert rate_or_size.answer(SETTINGS, study, draws()).outcome == "differs"
    absent = rate_or_size.answer(SETTINGS | {"primary": {"stream": "aligned"}}, study, draws())
    assert (absent.outcome, absent.missing) == ("not run", ("mlt with stream aligned",))


def test_it_says_how_many_runs_would_decide():
    found = asked([arm("mlt", 1e-3, 5, 5), arm("n14", 1e-2, 20, 20)])
    assert found.change == "some 1 further runs of mlt, if they go on alike."


def test_every_arm_has_its_shares_its_losses_and_the_runs_that_lost_it_again():
    evaluations = [arm("mlt", 1e-3, 10, 6), arm("n14", 1e-2, 4, 4)]
    runs = tables(evaluations).runs
    ever = pd.DataFrame({"cell": runs["cell"], "seed": runs["seed"], "generalizes_ever": True})
    ever["generalizes_final"] = runs["generalizes"].to_numpy()
    row = asked(evaluations, dynamics=ever).tables[0]
    mlt = dict(zip(row.columns, row.rows[1], strict=True))
    assert (mlt["size"], mlt["runs"], mlt["fit the seen"], mlt["all right"]) == ("mlt", 10, 10, 6)
    assert mlt["right at an evaluation and not at the end"] == 4
    assert (mlt["loss"], mlt["floor, order unknown"], mlt["floor, order known"]) == (0.5, 0.75, 0.25)
    assert mlt["low"] < mlt["share"] == 0.6 < mlt["high"]


def test_seen_stands_beside_held_out_at_every_evaluation():
    one = cell("mlt", learning_rate=1e-3, **RECIPE)
    history = history_frame([one], range(3))
    found = asked([runs_of(one, 3, 3)], history=history).tables[1]
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    assert [row["iteration"] for row in rows] == [0, 500, 1000, 1500, 2000]
    assert [row["seen"] for row in rows] == [row["held out"] for row in rows] == [0, 0.5, 0.75, 0.875, 0.9375]
    assert {row["runs"] for row in rows} == {3}


def test_diverged_runs_fit_nothing_and_choose_nothing():
    best = runs_of(cell("mlt", learning_rate=1e-2, **RECIPE), 10, 0, diverged=10)
    found = asked([best, arm("mlt", 1e-3, 10, 10, seen=SEEN - 9), arm("n14", 1e-2, 20, 20)])
    assert found.outcome == "it is the learning rate"
    assert found.diverged == 10


def test_without_the_large_network_it_is_not_run():
    found = asked([arm("n14", 1e-2, 20, 20)])
    assert (found.outcome, found.missing) == ("not run", ("mlt on arithmetic",))
    assert rate_or_size.answer(SETTINGS, NOTHING, draws()).outcome == "not run"
