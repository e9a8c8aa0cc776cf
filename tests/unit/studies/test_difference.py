"""Two values of an axis that differ, that are equivalent, that are too few, and of which one is missing."""

from __future__ import annotations

from scipy import stats

from capacity.studies import difference
from tests.support.handmade_answers import NOTHING, SMALL, cell, draws, runs_of, tables

ORDER = {
    "rule": "difference",
    "measure": "all-right",
    "between": {"stream": ["fixed", "reshuffled"]},
    "by": ["size"],
}


def pair(size, fixed, reshuffled, total=20, **more):
    """The runs of a size with both streams, of which so many have all right."""
    return [
        runs_of(cell(size, stream=stream), total, right, **more)
        for stream, right in (("fixed", fixed), ("reshuffled", reshuffled))
    ]


def asked(evaluations, settings=ORDER):
    return difference.answer(settings, tables(evaluations), draws())


def test_shares_that_differ_are_yes_with_their_direction():
    found = asked(pair("n14", 4, 16))
    p = stats.fisher_exact([[4, 16], [16, 4]]).pvalue
    assert found.outcome == "yes"
    assert "n14: yes, stream reshuffled has more (4 of 20 runs [0.057, 0.437] with stream fixed, " in found.sentence
    assert f"p = {p:.2g}" in found.sentence
    assert "n14: yes, stream fixed has more (16 of 20" in asked(pair("n14", 16, 4)).sentence


def test_p_values_are_corrected_over_the_sizes_that_were_compared():
    """6 against 13 of 20 has p 0.056; 5 against 12 has 0.054; 4 against 12 has 0.022, which Holm makes 0.066."""
    alone, among = asked(pair("n14", 4, 12)), asked([*pair("n14", 4, 12), *pair("n28", 5, 5), *pair("n56", 6, 6)])
    assert alone.outcome == "yes"
    assert "n14: cannot be told (" in among.sentence
    assert "after Holm over 3" in among.sentence
    assert among.runs == 120


def test_equal_shares_of_many_runs_are_no_and_of_few_cannot_be_told():
    assert asked(pair("n28", 0, 0)).outcome == "no"
    assert "equivalent to within 0.15" in asked(pair("n28", 0, 0)).sentence
    few = asked(pair("n28", 0, 0, total=3))
    assert few.outcome == "cannot be told"
    assert few.change == "n28: some 18 runs of each would decide, if shares stay."


def test_sizes_with_different_outcomes_are_said_one_by_one():
    found = asked([*pair("n14", 2, 19), *pair("n28", 0, 0), *pair("n56", 5, 10)])
    assert found.outcome == "differs"
    assert [row[-1] for row in found.tables[0].rows] == ["yes", "no", "cannot be told"]
    assert found.sentence.index("n14: yes") < found.sentence.index("n28: no") < found.sentence.index("n56: cannot")


def test_a_missing_arm_is_not_run_and_named_and_the_others_are_decided():
    found = asked([*pair("n14", 2, 19), runs_of(cell("n28"), 20, 0)])
    assert found.missing == ("n28, stream reshuffled",)
    assert "n28: not run" in found.sentence
    assert (found.runs, found.tables[0].rows[1][-1]) == (40, "not run")


def test_without_any_pair_nothing_is_said():
    found = asked([runs_of(cell(size), 20, 3) for size in SMALL])
    assert (found.outcome, found.runs) == ("not run", 0)
    assert found.missing == tuple(f"{size}, stream reshuffled" for size in SMALL)
    assert difference.answer(ORDER, NOTHING, draws()).outcome == "not run"


def test_diverged_runs_count_as_failures():
    found = asked(pair("n14", 20, 20, diverged=20))
    assert (found.outcome, found.diverged) == ("no", 40)
    assert "0 of 20 runs" in found.sentence


def test_means_are_compared_by_permutation_and_without_a_margin_if_they_are_no_shares():
    bits = ORDER | {"measure": "order-bits"}
    same = asked(pair("n14", 0, 0), bits)
    assert same.outcome == "cannot be told"  # all values agree: nothing says how far they could differ
    assert "TOST" not in same.rule
    share = ORDER | {"measure": "held-out"}
    found = asked(pair("n14", 3, 18), share)
    assert found.outcome == "yes"
    assert "mean 0.150 of 20 runs with stream fixed" in found.sentence
    row = dict(zip(found.tables[0].columns, found.tables[0].rows[0], strict=True))
    assert row["low"] < row["difference"] == -0.75 < row["high"] < 0


def test_one_run_of_each_tells_nothing_of_a_mean():
    found = asked(pair("n14", 0, 1, total=1), ORDER | {"measure": "held-out"})
    assert found.outcome == "cannot be told"
    assert found.tables[0].rows[0][5:9] == (-1.0, None, None, 1.0)


def test_a_diverged_run_has_no_loss_and_is_left_out_of_its_mean():
    found = asked(pair("n14", 20, 20, diverged=2, loss=0.5), ORDER | {"measure": "loss"})
    assert "mean 0.500 of 18 runs (2 without a value)" in found.sentence


def test_it_says_how_many_runs_would_change_it():
    found = asked(pair("n14", 2, 19))
    fewest = int(found.change.removeprefix("n14: ").split()[0])
    assert (
        difference._decides((2, 20, 19 - fewest, 20), 1) != "yes"
        or difference._decides((2 + fewest, 20, 19, 20), 1) != "yes"
    )
    assert (
        difference._decides((2, 20, 19 - fewest + 1, 20), 1)
        == difference._decides((2 + fewest - 1, 20, 19, 20), 1)
        == "yes"
    )
