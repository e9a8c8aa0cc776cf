from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.claims.outcomes import WORST_FIRST, Outcome, decide, worst
from capacity.statistics.intervals import clopper_pearson
from capacity.statistics.shares import expected, fewest_runs, further_runs, is_decided


@st.composite
def counts(draw, most=400):
    total = draw(st.integers(1, most))
    return draw(st.integers(0, total)), total


@pytest.mark.parametrize(
    ("count", "total", "outcome"),
    [
        (0, 0, Outcome.NOT_RUN),
        (1, 1, Outcome.INCONCLUSIVE),
        (5, 5, Outcome.INCONCLUSIVE),  # [0.478, 1]
        (6, 6, Outcome.REPLICATED),  # [0.541, 1]
        (0, 5, Outcome.INCONCLUSIVE),
        (0, 6, Outcome.NOT_REPLICATED),
        (5, 10, Outcome.DEPENDS_ON_SEED),  # [0.187, 0.813], the example of the preregistration
        (3, 6, Outcome.DEPENDS_ON_SEED),  # [0.118, 0.882]
        (2, 5, Outcome.INCONCLUSIVE),  # [0.053, 0.853]
        (3, 5, Outcome.INCONCLUSIVE),  # [0.147, 0.947]
        (6, 20, Outcome.DEPENDS_ON_SEED),  # [0.119, 0.543]
        (14, 20, Outcome.DEPENDS_ON_SEED),  # [0.457, 0.881]
        (15, 20, Outcome.REPLICATED),  # [0.509, 0.913]
        (5, 20, Outcome.NOT_REPLICATED),  # [0.087, 0.491]
        (17, 23, Outcome.DEPENDS_ON_SEED),  # [0.516, 0.898]: more than half, and not nearly all
        (6, 23, Outcome.DEPENDS_ON_SEED),  # [0.102, 0.484]: less than half, and more than a few
    ],
)
def test_the_interval_decides(count, total, outcome):
    assert decide(count, total) == outcome


@given(counts())
def test_the_outcomes_partition_all_counts_by_the_first_line_that_applies(runs):
    count, total = runs
    low, high = clopper_pearson(count, total)
    lines = {
        Outcome.DEPENDS_ON_SEED: low >= 0.1 and high <= 0.9,
        Outcome.REPLICATED: low > 0.5,
        Outcome.NOT_REPLICATED: high < 0.5,
        Outcome.INCONCLUSIVE: True,
    }
    assert decide(count, total) == next(outcome for outcome, applies in lines.items() if applies)


@given(counts())
def test_the_opposite_property_has_the_opposite_outcome(runs):
    count, total = runs
    opposite = {
        Outcome.REPLICATED: Outcome.NOT_REPLICATED,
        Outcome.NOT_REPLICATED: Outcome.REPLICATED,
        Outcome.DEPENDS_ON_SEED: Outcome.DEPENDS_ON_SEED,
        Outcome.INCONCLUSIVE: Outcome.INCONCLUSIVE,
    }
    assert decide(total - count, total) == opposite[decide(count, total)]


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (0.1, 0.9, Outcome.DEPENDS_ON_SEED),
        (0.0999, 0.9, Outcome.INCONCLUSIVE),
        (0.1, 0.9001, Outcome.INCONCLUSIVE),
        (0.51, 0.9, Outcome.DEPENDS_ON_SEED),
        (0.51, 0.9001, Outcome.REPLICATED),
        (0.5, 0.95, Outcome.INCONCLUSIVE),
        (0.0999, 0.49, Outcome.NOT_REPLICATED),
        (0.05, 0.5, Outcome.INCONCLUSIVE),
    ],
)
def test_the_bounds_belong_to_what_depends_on_the_seed_and_one_half_to_nothing(monkeypatch, low, high, outcome):
    monkeypatch.setattr("capacity.statistics.intervals.clopper_pearson", lambda count, total: (low, high))
    assert decide(1, 2) == outcome


@pytest.mark.parametrize(
    ("count", "total", "further"),
    [(1, 1, 5), (0, 1, 5), (3, 3, 3), (5, 5, 1), (6, 6, 0), (15, 20, 0), (5, 10, 0), (1, 2, 4), (3, 4, 13)],
)
def test_further_runs_are_counted_as_if_the_share_went_on(count, total, further):
    assert further_runs(count, total) == further


@given(counts())
def test_so_many_further_runs_decide_and_fewer_do_not(runs):
    """No count that is open needs more than 13: a share in the middle soon depends on the seed."""
    count, total = runs
    further = further_runs(count, total)
    assert further <= 13
    assert is_decided(expected(count, total, further), total + further)
    assert not any(is_decided(expected(count, total, more), total + more) for more in range(further))


def test_a_share_of_one_half_is_decided_as_one_that_depends_on_the_seed():
    assert decide(1, 2) == decide(2, 4) == Outcome.INCONCLUSIVE
    assert decide(expected(1, 2, further_runs(1, 2)), 2 + further_runs(1, 2)) == Outcome.DEPENDS_ON_SEED


def test_the_fewest_runs_that_decide():
    assert fewest_runs() == 6
    assert not any(is_decided(count, 5) for count in range(6))


@pytest.mark.parametrize(
    ("outcomes", "outcome"),
    [
        (set(Outcome), Outcome.NOT_REPLICATED),
        (set(Outcome) - {Outcome.NOT_REPLICATED}, Outcome.INCONCLUSIVE),
        ({Outcome.REPLICATED, Outcome.DEPENDS_ON_SEED, Outcome.NOT_RUN}, Outcome.DEPENDS_ON_SEED),
        ({Outcome.REPLICATED, Outcome.NOT_RUN}, Outcome.REPLICATED),
        ({Outcome.NOT_RUN}, Outcome.NOT_RUN),
        (set(), Outcome.NOT_RUN),
    ],
)
def test_one_part_decides_the_whole_and_one_that_was_not_run_does_not(outcomes, outcome):
    assert worst(outcomes) == outcome


def test_every_outcome_has_its_place_among_those_of_parts():
    assert sorted(WORST_FIRST) == sorted(Outcome)
