from __future__ import annotations

import pandas as pd
import pytest

from capacity.claims.evidence import (
    INCONCLUSIVE,
    MOST_FURTHER_RUNS,
    NOT_REPLICATED,
    NOT_RUN,
    REPLICATED,
    Evidence,
    Property,
    combine,
    decide,
    further_runs,
    majority,
    needed,
)
from capacity.claims.groups import Group
from capacity.statistics.intervals import clopper_pearson

RIGHT = Property("right", lambda runs: runs["right"])


def group(*right, diverged=()):
    frame = pd.DataFrame({"right": pd.array(right, dtype="boolean"), "diverged": False})
    frame.loc[list(diverged), "diverged"] = True
    return Group("arithmetic", "n14", "base", frame)


@pytest.mark.parametrize(
    ("count", "total", "outcome"),
    [
        (0, 0, NOT_RUN),
        (1, 1, INCONCLUSIVE),
        (5, 5, INCONCLUSIVE),  # [0.478, 1]
        (6, 6, REPLICATED),  # [0.541, 1]
        (0, 5, INCONCLUSIVE),
        (0, 6, NOT_REPLICATED),
        (10, 20, INCONCLUSIVE),
        (14, 20, INCONCLUSIVE),  # [0.457, 0.881]
        (15, 20, REPLICATED),  # [0.509, 0.913]
        (5, 20, NOT_REPLICATED),
    ],
)
def test_the_interval_decides(count, total, outcome):
    assert decide(count, total) == outcome


@pytest.mark.parametrize("total", range(1, 30))
def test_what_is_decided_agrees_with_the_exact_interval(total):
    for count in range(total + 1):
        low, high = clopper_pearson(count, total)
        outcome = decide(count, total)
        assert (outcome == REPLICATED) == (low > 0.5)
        assert (outcome == NOT_REPLICATED) == (high < 0.5)


@pytest.mark.parametrize(
    ("count", "total", "further"), [(1, 1, 5), (0, 1, 5), (3, 3, 3), (5, 5, 1), (6, 6, 0), (15, 20, 0)]
)
def test_further_runs_are_counted_as_if_the_share_went_on(count, total, further):
    assert further_runs(count, total) == further


@pytest.mark.parametrize(("count", "total"), [(4, 5), (14, 20), (7, 10), (1, 5), (3, 10)])
def test_so_many_further_runs_decide_and_one_fewer_does_not(count, total):
    further = further_runs(count, total)
    assert 0 < further <= MOST_FURTHER_RUNS
    after = total + further
    assert decide(round(count / total * after), after) != INCONCLUSIVE
    assert decide(round(count / total * (after - 1)), after - 1) == INCONCLUSIVE


def test_a_share_of_one_half_is_never_decided_by_more_runs():
    assert further_runs(10, 20) == MOST_FURTHER_RUNS + 1


def test_runs_with_the_property_are_counted_with_their_interval():
    line = majority(group(True, True, False, True), RIGHT)
    assert (line.label, line.words, line.n, line.count, line.estimate) == ("arithmetic n14", "right", 4, 3, 0.75)
    assert (line.low, line.high) == pytest.approx(clopper_pearson(3, 4))
    assert line.outcome == INCONCLUSIVE
    assert line.further_runs == further_runs(3, 4)


def test_a_decided_line_asks_for_no_further_runs():
    assert majority(group(*[True] * 6), RIGHT).further_runs is None


def test_a_diverged_run_and_an_unknown_answer_support_nothing():
    line = majority(group(True, True, None, diverged=[0]), RIGHT)
    assert (line.n, line.count, line.diverged) == (3, 1, 1)


def test_no_runs_are_not_run():
    line = majority(Group("facts", "mlt", "wd", pd.DataFrame()), RIGHT)
    assert (line.outcome, line.label, line.n, line.count) == (NOT_RUN, "facts mlt wd", 0, None)


def line(outcome, label="a", further=None):
    return Evidence(label, "words", outcome, further_runs=further)


@pytest.mark.parametrize(
    ("outcomes", "outcome"),
    [
        ([REPLICATED, REPLICATED], REPLICATED),
        ([REPLICATED, ""], REPLICATED),
        ([REPLICATED, INCONCLUSIVE], INCONCLUSIVE),
        ([REPLICATED, NOT_RUN], INCONCLUSIVE),
        ([REPLICATED, NOT_REPLICATED], NOT_REPLICATED),
        ([NOT_RUN, NOT_REPLICATED, INCONCLUSIVE], NOT_REPLICATED),
        ([NOT_RUN, NOT_RUN], NOT_RUN),
        ([NOT_RUN, ""], NOT_RUN),
        ([], NOT_RUN),
    ],
)
def test_a_claim_needs_all_of_its_lines(outcomes, outcome):
    found, reason = combine([line(each, label=str(number)) for number, each in enumerate(outcomes)])
    assert found == outcome
    assert bool(reason) == (NOT_RUN in outcomes and outcome == INCONCLUSIVE)


def test_an_inconclusive_claim_says_what_it_is_short_of():
    evidence = [
        line(INCONCLUSIVE, "n28", 5),
        line(INCONCLUSIVE, "n56", 5),
        line(INCONCLUSIVE, "n14", 1),
        line(INCONCLUSIVE, "wide", MOST_FURTHER_RUNS + 1),
        line(REPLICATED, "done"),
        line(NOT_RUN, "mlt"),
        line(NOT_RUN, "more"),
        line("", "beside", 9),
    ]
    assert combine(evidence) == (
        INCONCLUSIVE,
        "needs 5 more runs each of n28, n56; 1 more run of n14; more than 200 more runs of wide; not run: mlt, more",
    )


def test_a_cell_that_two_lines_ask_runs_of_gets_the_larger_number():
    assert needed([line(INCONCLUSIVE, "n28", 2), line(INCONCLUSIVE, "n28", 7)]) == "needs 7 more runs of n28"
