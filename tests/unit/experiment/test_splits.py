from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.experiment.splits import all_pairs, drawn_pairs, number_of_pairs, pair_text, parse_pair

fractions = st.floats(0, 1)
seeds = st.integers(0, 2**32 - 1)


largest_operands = st.integers(9, 99)


@given(fractions, seeds, largest_operands)
def test_a_split_holds_out_its_share_of_the_pairs_each_once(fraction, seed, largest):
    pairs = drawn_pairs(fraction, seed, largest)
    assert pairs == tuple(sorted(set(pairs) & set(all_pairs(largest))))
    assert abs(len(pairs) - number_of_pairs(largest) * fraction) <= 0.5 + 1e-9
    assert pairs == drawn_pairs(fraction, seed, largest)


@given(fractions, fractions, seeds, largest_operands)
def test_what_a_small_fraction_holds_out_a_larger_one_does_too(one, other, seed, largest):
    small, large = sorted((one, other))
    assert set(drawn_pairs(small, seed, largest)) <= set(drawn_pairs(large, seed, largest))


@pytest.mark.parametrize(("largest", "number"), [(9, 55), (19, 210), (99, 5050)])
def test_the_pairs_are_all_unordered_ones(largest, number):
    pairs = all_pairs(largest)
    assert len(pairs) == len(set(pairs)) == number_of_pairs(largest) == number
    assert all(0 <= left <= right <= largest for left, right in pairs)


def test_the_draws_of_digits_are_those_of_the_published_names():
    assert drawn_pairs(0.1, 0) == ((0, 0), (2, 3), (2, 4), (3, 5), (3, 6), (5, 7))


@given(st.tuples(st.integers(0, 99), st.integers(0, 99)))
def test_a_pair_and_its_text_are_each_others_inverse(pair):
    assert parse_pair(pair_text(pair)) == pair


@pytest.mark.parametrize(
    ("pair", "text"), [((5, 7), "57"), ((0, 9), "09"), ((5, 17), "0517"), ((0, 10), "0010"), ((12, 99), "1299")]
)
def test_a_pair_has_two_digits_each_if_one_needs_them(pair, text):
    assert pair_text(pair) == text


@pytest.mark.parametrize("text", ["", "5", "057", "05177", "5 7", "5-7", "\u0665\u0667"])
def test_another_text_is_no_pair(text):
    with pytest.raises(ValueError, match="is not a pair of operands such as 57 or 0517"):
        parse_pair(text)


@pytest.mark.parametrize(
    ("fraction", "number"),
    [(0.02, 1), (0.05, 3), (0.1, 6), (0.18, 10), (0.3, 17), (0.5, 28), (0.7, 39), (1 / 55, 1), (0, 0), (1, 55)],
)
def test_the_number_of_pairs_is_rounded_and_a_half_upwards(fraction, number):
    assert len(drawn_pairs(fraction, 5)) == number


def test_every_pair_is_held_out_by_about_as_many_seeds():
    times = Counter(pair for seed in range(1000) for pair in drawn_pairs(0.2, seed))
    assert set(times) == set(all_pairs())
    assert all(140 < count < 260 for count in times.values())  # 200 on average, with a deviation of 13


def test_a_fraction_beyond_one_is_refused():
    with pytest.raises(ValueError, match=r"held_out_fraction -0\.1 is not from 0 to 1"):
        drawn_pairs(-0.1, 0)
