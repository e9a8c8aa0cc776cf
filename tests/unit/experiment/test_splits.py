from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.experiment.splits import PAIRS, drawn_pairs

fractions = st.floats(0, 1)
seeds = st.integers(0, 2**32 - 1)


@given(fractions, seeds)
def test_a_split_holds_out_its_share_of_the_pairs_each_once(fraction, seed):
    pairs = drawn_pairs(fraction, seed)
    assert pairs == tuple(sorted(set(pairs) & set(PAIRS)))
    assert abs(len(pairs) - 55 * fraction) <= 0.5 + 1e-9
    assert pairs == drawn_pairs(fraction, seed)


@given(fractions, fractions, seeds)
def test_what_a_small_fraction_holds_out_a_larger_one_does_too(one, other, seed):
    small, large = sorted((one, other))
    assert set(drawn_pairs(small, seed)) <= set(drawn_pairs(large, seed))


@pytest.mark.parametrize(
    ("fraction", "number"),
    [(0.02, 1), (0.05, 3), (0.1, 6), (0.18, 10), (0.3, 17), (0.5, 28), (0.7, 39), (1 / 55, 1), (0, 0), (1, 55)],
)
def test_the_number_of_pairs_is_rounded_and_a_half_upwards(fraction, number):
    assert len(drawn_pairs(fraction, 5)) == number


def test_every_pair_is_held_out_by_about_as_many_seeds():
    times = Counter(pair for seed in range(1000) for pair in drawn_pairs(0.2, seed))
    assert set(times) == set(PAIRS)
    assert all(140 < count < 260 for count in times.values())  # 200 on average, with a deviation of 13


def test_a_fraction_beyond_one_is_refused():
    with pytest.raises(ValueError, match=r"held_out_fraction -0\.1 is not from 0 to 1"):
        drawn_pairs(-0.1, 0)
