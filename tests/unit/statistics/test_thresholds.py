"""Where a logistic curve is one half: beside statsmodels, on separated outcomes, and outside of what was run."""

from __future__ import annotations

import math

import numpy
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.statistics.thresholds import half_threshold

SCORES = (0.9, 1.0, 1.1, 1.2, 1.3)


def fitted(counts, totals=(10,) * 5, scores=SCORES, resamples=300):
    return half_threshold(scores, counts, totals, numpy.random.default_rng(1), resamples)


@pytest.mark.parametrize("counts", [(10, 8, 7, 2, 1), (0, 3, 4, 9, 10), (9, 9, 4, 3, 0)])
def test_the_fit_is_that_of_statsmodels(counts):
    table = numpy.column_stack([counts, 10 - numpy.array(counts)])
    model = sm.GLM(table, sm.add_constant(numpy.array(SCORES)), family=sm.families.Binomial()).fit()
    intercept, slope = model.params
    found = fitted(counts)
    assert found.score == pytest.approx(-intercept / slope, abs=1e-6)
    assert found.rises == (slope > 0)
    assert found.low < found.score < found.high


@given(st.lists(st.integers(0, 8), min_size=5, max_size=5))
@settings(max_examples=60)
def test_runs_without_the_outcome_cross_one_half_at_the_same_place(counts):
    """The curve of those without is the mirror of the curve of those with."""
    totals = (8,) * 5
    one, other = fitted(counts, totals, resamples=20), fitted([8 - count for count in counts], totals, resamples=20)
    assert (one.score is None) == (other.score is None)
    if one.score is not None:
        assert one.rises != other.rises
        assert one.score == pytest.approx(other.score, abs=1e-6)


def test_the_order_of_scores_does_not_matter_and_scores_without_runs_add_nothing():
    assert fitted((10, 8, 7, 2, 1)) == fitted((1, 2, 7, 8, 10), scores=SCORES[::-1])
    assert fitted((10, 8, 7, 2, 1)) == half_threshold(
        (*SCORES, 2.0), (10, 8, 7, 2, 1, 0), (10,) * 5 + (0,), numpy.random.default_rng(1), 300
    )


def test_separated_outcomes_have_the_gap():
    found = fitted((10, 10, 0, 0, 0))
    assert (found.low, found.high) == (pytest.approx(1.0), pytest.approx(1.1))
    assert found.score == pytest.approx(1.05)
    assert not found.rises


def test_runs_of_both_kinds_at_one_score_alone():
    """Three in four still have it there: the curve is one half just behind."""
    found = fitted((10, 10, 8, 0, 0))
    assert found.score == pytest.approx(1.1, abs=1e-6)
    assert found.low <= 1.1 <= found.high


def test_a_curve_that_does_not_reach_one_half_has_an_infinite_threshold():
    assert fitted((3, 2, 1, 1, 0)).score == -math.inf
    assert fitted((10, 10, 9, 9, 8)).score == math.inf
    assert fitted((9, 10, 10, 10, 10)).score == -math.inf


def test_outcomes_without_a_direction_have_none():
    assert fitted((10,) * 5).score is None
    assert fitted((0,) * 5).score is None
    assert fitted((5,) * 5).score is None
    undecided = fitted((5, 6, 4, 6, 5))
    assert (undecided.low, undecided.high) == (None, None)
    assert undecided.other_way > 0.05


def test_fewer_than_two_scores_have_nothing_to_fit():
    assert fitted((3,), (10,), (1.0,)) is None
    assert fitted((3, 0), (10, 0), (1.0, 2.0)) is None


@pytest.mark.parametrize(
    ("counts", "totals", "scores"),
    [
        ((3, 2), (2, 2), (1.0, 2.0)),
        ((1, 1), (2, 2), (1.0, 1.0)),
        ((1, 1), (2, 2), (1.0, math.nan)),
        ((1,), (2, 2), (1, 2)),
    ],
)
def test_input_that_makes_no_sense_is_refused(counts, totals, scores):
    with pytest.raises(ValueError):
        fitted(counts, totals, scores)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    """The curve is one half at 1.1. With 200 studies of 5 x 20 runs the share is within 0.9 and 0.99."""
    rng = numpy.random.default_rng(3)
    chances = 1 / (1 + numpy.exp((numpy.array(SCORES) - 1.1) / 0.08))
    held = 0
    for _ in range(200):
        counts = rng.binomial(20, chances).tolist()
        found = fitted(counts, (20,) * 5)
        held += found.low <= 1.1 <= found.high
    assert 180 <= held <= 198
