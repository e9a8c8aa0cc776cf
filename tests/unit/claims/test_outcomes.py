from __future__ import annotations

import pytest

from capacity.claims.outcomes import MOST_FURTHER_RUNS, Outcome, decide, further_runs
from capacity.statistics.intervals import clopper_pearson


@pytest.mark.parametrize(
    ("count", "total", "outcome"),
    [
        (0, 0, Outcome.NOT_RUN),
        (1, 1, Outcome.INCONCLUSIVE),
        (5, 5, Outcome.INCONCLUSIVE),  # [0.478, 1]
        (6, 6, Outcome.REPLICATED),  # [0.541, 1]
        (0, 5, Outcome.INCONCLUSIVE),
        (0, 6, Outcome.NOT_REPLICATED),
        (10, 20, Outcome.INCONCLUSIVE),
        (14, 20, Outcome.INCONCLUSIVE),  # [0.457, 0.881]
        (15, 20, Outcome.REPLICATED),  # [0.509, 0.913]
        (5, 20, Outcome.NOT_REPLICATED),
    ],
)
def test_the_interval_decides(count, total, outcome):
    assert decide(count, total) == outcome


@pytest.mark.parametrize("total", range(1, 30))
def test_what_is_decided_agrees_with_the_exact_interval(total):
    for count in range(total + 1):
        low, high = clopper_pearson(count, total)
        outcome = decide(count, total)
        assert (outcome == Outcome.REPLICATED) == (low > 0.5)
        assert (outcome == Outcome.NOT_REPLICATED) == (high < 0.5)


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
    assert decide(round(count / total * after), after) != Outcome.INCONCLUSIVE
    assert decide(round(count / total * (after - 1)), after - 1) == Outcome.INCONCLUSIVE


def test_a_share_of_one_half_is_never_decided_by_more_runs():
    assert further_runs(10, 20) == MOST_FURTHER_RUNS + 1
