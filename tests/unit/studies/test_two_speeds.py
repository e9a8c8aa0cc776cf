"""Memorizing and generalizing by size; the fixed stream stands for true answers, the other one for permuted ones."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from capacity.paper.protocol import Size
from capacity.studies import two_speeds
from tests.support.handmade_answers import NOTHING, cell, draws, runs_of, tables

WIDTHS = (8, 16, 32, 64)
SETTINGS = {"rule": "two-speeds", "between": {"stream": ["reshuffled", "fixed"]}, "along": "width", "by": []}


def asked(memorized, generalized, rights, total=8, settings=SETTINGS, diverged=0):
    """The answer of runs whose times, in thousands, are those of their width; None is never."""
    evaluations, times = [], []
    for number, width in enumerate(WIDTHS[: len(memorized)]):
        for stream, at in (("reshuffled", memorized[number]), ("fixed", generalized[number])):
            one = cell(Size(1, 1, width, 1), stream=stream)
            right = rights[number] if stream == "fixed" else 0
            evaluations.append(runs_of(one, total, right, diverged=diverged))
            for seed in range(total):
                updates = None if at is None else 1000 * at + seed
                times.append({"cell": one.name, "seed": seed, "t_fit": updates, "t_gen": updates})
    return two_speeds.answer(settings, tables(evaluations, pd.DataFrame(times)), draws())


def crossings(found):
    return dict(zip(found.tables[0].columns, found.tables[0].rows[0], strict=True))


FALLS_THERE = ((20, 10, 5, 2), (5, 8, 12, 20), (8, 8, 0, 0))


def test_generalization_that_falls_where_the_speeds_cross_says_yes():
    found = asked(*FALLS_THERE)
    # log2 of the width: from log(10 / 8) = 0.22 at 4 to log(5 / 12) = -0.88 at 5, 0 at 4.20; half of the runs at 4.5.
    row = crossings(found)
    assert row["P*"] == pytest.approx(2**4.2, rel=0.02)
    assert row["P*, low"] <= row["P*"] <= row["P*, high"]
    assert row["half of the runs generalize at"] == pytest.approx(2**4.5)
    assert (found.outcome, found.runs, found.diverged) == ("yes", 64, 0)
    assert (
        "], below which generalizing is faster; half of the runs generalize at 22.6 [16 to 32]; 64 runs"
        in found.sentence
    )


def test_generalization_that_falls_elsewhere_says_no():
    early = asked((20, 10, 5, 2), (1, 2, 3, 20), (8, 0, 0, 0))
    assert early.outcome == "no"
    late = asked((20, 10, 5, 2), (30, 40, 50, 60), (8, 8, 8, 0))
    assert late.outcome == "cannot be told"  # memorizing is faster at every width
    assert "memorizing is faster from 8 to 64, P* below 8 to below 8" in late.sentence


def test_an_interval_that_reaches_beyond_the_sizes_does_not_tell():
    found = asked((20, 10, 5, None), (5, 8, None, None), (8, 8, 8, 8))
    assert crossings(found)["P*"] == pytest.approx(math.sqrt(16 * 32))
    mixed = asked((20, 10, 9, 8), (5, 5, 5, None), (8, 8, 8, 8))
    assert mixed.outcome == "cannot be told"


def test_generalization_above_the_crossing_says_no():
    assert asked((20, 2, 2, 2), (5, 8, 12, 20), (8, 8, 8, 8)).outcome == "no"
    assert asked((20, 20, 20, 2), (5, 8, 12, 20), (0, 0, 0, 0)).outcome == "no"


def test_memorizing_that_is_faster_below_says_no():
    found = asked((1, 2, 30, 60), (5, 8, 12, 20), (8, 8, 0, 0))
    assert found.outcome == "no"
    assert "below which memorizing is faster" in found.sentence


def test_times_that_are_not_reached_have_no_median():
    found = asked((None, 10, 5, 2), (5, 8, None, None), (8, 8, 0, 0))
    medians = [dict(zip(found.tables[1].columns, row, strict=True)) for row in found.tables[1].rows]
    assert [row["T_mem"] for row in medians] == [None, 10_003, 5003, 2003]
    assert [row["T_gen"] for row in medians] == [5003, 8003, None, None]
    assert crossings(found)["P*"] == pytest.approx(math.sqrt(16 * 32))


def test_a_diverged_run_has_neither_memorized_nor_generalized():
    found = asked(*FALLS_THERE, diverged=5)
    assert found.diverged == 8 * 5
    assert {row[2] for row in found.tables[1].rows} == {None}


def test_without_both_kinds_of_runs_it_is_not_run():
    assert two_speeds.answer(SETTINGS, NOTHING, draws()).outcome == "not run"
    one = asked((20,), (5,), (8,))
    assert one.outcome == "not run"
    assert one.missing == ("the study with two values of width and both stream reshuffled and stream fixed",)
