from __future__ import annotations

import math

import numpy
import pytest
from scipy import stats

from capacity.statistics import intervals
from capacity.statistics.intervals import (
    RESAMPLES,
    Interval,
    _draws,
    bootstrap_mean,
    bootstrap_means,
    clopper_pearson,
)

Z = 1.959963984540054


# Newcombe, Statistics in Medicine 17 (1998), table I.
@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)],
)
def test_clopper_pearson_is_the_published_interval(count, total, low, high):
    assert clopper_pearson(count, total) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("total", "low"), [(4, 0.398), (5, 0.478), (10, 0.692), (20, 0.832)])
def test_clopper_pearson_of_all_has_a_closed_form(total, low):
    """All of n: (0.025)^(1/n), the value at which n successes in a row have a chance of 2.5 %."""
    found = clopper_pearson(total, total)
    assert found.low == pytest.approx(low, abs=5e-4)
    assert found.low == pytest.approx(0.025 ** (1 / total), rel=1e-9)
    assert found.high == 1.0


def test_failures_mirror_successes():
    for total in (1, 4, 20):
        for count in range(total + 1):
            found, mirrored = clopper_pearson(count, total), clopper_pearson(total - count, total)
            assert found.low == pytest.approx(1 - mirrored.high, abs=1e-9)
            assert 0 <= found.low <= count / total <= found.high <= 1


@pytest.mark.parametrize(("count", "total"), [(-1, 5), (6, 5), (0, 0), (1, 0), (0, -1)])
def test_a_count_that_is_no_proportion_is_refused(count, total):
    with pytest.raises(ValueError, match=f"{count} of {total}"):
        clopper_pearson(count, total)


def coverages(total):
    """The exact chance that the interval holds the true share, for shares from 0.01 to 0.99."""
    limits = numpy.array([clopper_pearson(count, total) for count in range(total + 1)])
    shares = numpy.linspace(0.01, 0.99, 99)[:, None]
    covered = (limits[:, 0] <= shares) & (shares <= limits[:, 1])
    return (covered * stats.binom.pmf(numpy.arange(total + 1), total, shares)).sum(axis=1)


@pytest.mark.parametrize("total", [4, 5, 10, 20])
def test_clopper_pearson_covers_every_share_at_least_as_often_as_it_says(total):
    found = coverages(total)
    assert found.min() >= 0.95
    assert found.min() < 0.98  # and is no wider than it need be


@pytest.mark.parametrize("values", [[], [0.25]])
def test_fewer_than_two_values_have_no_interval(values):
    assert bootstrap_mean(values, numpy.random.default_rng(0)) is None


def test_the_bootstrap_covers_the_true_mean_about_as_often_as_it_says():
    rng = numpy.random.default_rng(20260101)
    trials, size = 200, 30
    intervals = [bootstrap_mean(rng.normal(3.0, 2.0, size).tolist(), rng) for _ in range(trials)]
    covered = sum(low <= 3.0 <= high for low, high in intervals) / trials
    assert 0.89 <= covered <= 0.98  # 95 % less what the percentile method loses at 30, within three deviations


def test_the_bootstrap_has_the_width_of_the_normal_interval():
    values = numpy.random.default_rng(3).normal(0.0, 1.0, 400)
    low, high = bootstrap_mean(values.tolist(), numpy.random.default_rng(0))
    half = Z * values.std() / math.sqrt(len(values))
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.05 * half)


def test_values_that_agree_have_an_interval_of_no_width():
    assert bootstrap_mean([0.75] * 5, numpy.random.default_rng(0)) == Interval(0.75, 0.75)


def test_one_generator_gives_one_interval():
    values = [0.0, 0.25, 0.25, 1.0]
    first, again = (bootstrap_mean(values, numpy.random.default_rng(7)) for _ in range(2))
    assert first == again
    assert 0.0 <= first.low < 0.375 < first.high <= 1.0


def test_a_diverged_run_is_refused_by_a_mean():
    with pytest.raises(ValueError, match="1 values of 3 that are not finite"):
        bootstrap_mean([0.5, math.nan, 0.75], numpy.random.default_rng(0))


@pytest.mark.parametrize("size", [2, 3, 7, 8, 9, 15, 16, 20, 23, 24, 128, 129, 300])
def test_intervals_of_many_samples_are_those_of_each_alone(size):
    rng = numpy.random.default_rng(size)
    drawn = [rng.random(size), rng.integers(0, 197, size) / 196, numpy.full(size, 0.3), rng.normal(size=size)]
    samples = numpy.stack(drawn)
    alone = [bootstrap_mean(sample.tolist(), numpy.random.default_rng(7)) for sample in samples]
    assert numpy.array(bootstrap_means(samples, 7)) == pytest.approx(numpy.array(alone), rel=1e-12, abs=1e-15)


def test_values_that_all_agree_have_an_interval_of_exactly_their_value():
    assert bootstrap_means(numpy.full((1, 20), 0.1), 0) == [(0.1, 0.1)]


def test_intervals_do_not_depend_on_the_order_in_which_a_machine_adds(monkeypatch):
    """With sums that round, another order of the runs, with draws to match, ends in other bits."""
    rng = numpy.random.default_rng(2)
    samples = rng.normal(size=(50, 20)) * numpy.exp2(rng.integers(-30, 30, size=(50, 1)))
    found = bootstrap_means(samples, 3)
    draws, order = _draws(20, 3, RESAMPLES), numpy.r_[0, 1 + rng.permutation(19)]
    monkeypatch.setattr(intervals, "_draws", lambda *_: draws[order])
    assert bootstrap_means(samples[:, order], 3) == found


def test_one_value_has_no_interval_and_one_that_is_not_finite_is_refused():
    assert bootstrap_means(numpy.zeros((3, 1)), 0) == [None] * 3
    with pytest.raises(ValueError, match="not finite"):
        bootstrap_means(numpy.array([[0.0, numpy.nan]]), 0)
