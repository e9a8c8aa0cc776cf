from __future__ import annotations

import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.errors import InputError
from capacity.experiment.seeds import format_seeds, parse_seeds


@given(st.sets(st.integers(0, 400), min_size=1, max_size=40))
def test_seeds_survive_the_round_trip(seeds):
    assert parse_seeds(format_seeds(seeds)) == tuple(sorted(seeds))
    assert re.fullmatch(r"[0-9_-]+", format_seeds(seeds))


@pytest.mark.parametrize(
    ("seeds", "text"), [([1337, *range(10)], "0-9_1337"), ([5], "5"), ([9, 3, 7], "3_7_9"), (range(3), "0-2")]
)
def test_seeds_are_written_in_order_with_ranges(seeds, text):
    assert format_seeds(seeds) == text
    assert parse_seeds(text) == tuple(sorted(seeds))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("3_1", "write '1_3'"),
        ("0_1_2", "write '0-2'"),
        ("0-1_2-3", "write '0-3'"),
        ("01", "write '1'"),
        ("0-2_1", "are not canonical"),
        ("4-2", "are not canonical"),
        ("", "'' is neither a number nor a range"),
        ("a", "'a' is neither a number nor a range"),
        ("1-", "'1-' is neither a number nor a range"),
        ("-1", "'-1' is neither a number nor a range"),
        ("0-9_", "'' is neither a number nor a range"),
    ],
)
def test_seeds_that_are_not_canonical_are_refused(text, said):
    with pytest.raises(ValueError) as caught:
        parse_seeds(text)
    assert repr(text) in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("seeds", ["0-4294967295", "0-99999_200000-299999"])
def test_seeds_in_a_path_are_not_written_out_before_they_are_counted(seeds):
    tracemalloc.start()
    with pytest.raises(InputError, match="more than 100,000"):
        parse_seeds(seeds)
    assert tracemalloc.get_traced_memory()[1] < 2**25
    tracemalloc.stop()
