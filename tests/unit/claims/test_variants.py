from __future__ import annotations

import pytest

from capacity.claims.outcomes import Outcome
from capacity.claims.variants import counts_after, decide_change, further_runs_of_change
from capacity.statistics.comparisons import fisher
from tests.support.handmade_studies import answering, first_seeds
from tests.support.handmade_verdicts import deciding_lines, judge


def test_variants_that_change_nothing_are_replicated(base, decayed):
    verdict = judge("C5", base=base, weight_decay=decayed)["C5"]
    assert verdict.text == "replicated"
    assert len(deciding_lines(verdict)) == 12
    assert verdict.runs == 480
    assert verdict.sources == ("results/tables/base/runs.parquet", "results/tables/weight-decay/runs.parquet")
    assert all("; equivalent (TOST" in line.note for line in deciding_lines(verdict))


def test_variants_alike_in_not_doing_as_claimed_change_nothing(base, decayed):
    both = [answering(runs, "arithmetic", "n28", [4] * 20) for runs in (base, decayed)]
    found = judge(base=both[0], weight_decay=both[1])
    assert found["C2"].conclusion.outcome == Outcome.NOT_REPLICATED
    assert found["C5"].conclusion.outcome == Outcome.REPLICATED


def test_a_decision_that_turns_around_is_a_change(base, decayed):
    verdict = judge("C5", base=base, weight_decay=answering(decayed, "joint", "n56", [1] * 20))["C5"]
    assert verdict.conclusion.outcome == Outcome.NOT_REPLICATED
    line = next(line for line in deciding_lines(verdict) if line.label == "joint n56")
    assert line.estimate == -1.0
    assert line.adjusted_p_value == pytest.approx(min(1.0, 12 * line.p_value))
    assert "base 20 of 20 (replicated), wd 0 of 20 (not replicated)" in line.note


def test_shares_that_differ_are_a_change_though_one_is_undecided(base, decayed):
    """20 of 20 against 10 of 20: Fisher's p is 0.0004, and 0.005 after Holm over twelve."""
    verdict = judge("C5", base=base, weight_decay=answering(decayed, "joint", "n56", [1] * 10))["C5"]
    line = next(line for line in deciding_lines(verdict) if line.label == "joint n56")
    assert line.adjusted_p_value == pytest.approx(0.005, abs=0.001)
    assert verdict.conclusion.outcome == Outcome.NOT_REPLICATED


def test_variants_with_few_runs_are_open(base, decayed):
    found = judge(base=first_seeds(base, 5, "mlt"), weight_decay=first_seeds(decayed, 5, "mlt"))
    assert found["C5"].text == (
        "inconclusive: arithmetic mlt, facts mlt, joint mlt; replicated: arithmetic n14, arithmetic n28, "
        "arithmetic n56, facts n14, facts n28, facts n56, joint n14, joint n28, joint n56 "
        "(needs 1 more run each of arithmetic mlt, facts mlt, joint mlt)"
    )


def test_variants_that_were_not_run_are_named_beside_the_claim(base, decayed):
    found = judge(base=base, weight_decay=decayed[decayed["size"] != "mlt"].reset_index(drop=True))
    assert found["C5"].text == "replicated (not run: arithmetic mlt, facts mlt, joint mlt)"
    assert found["C5"].command == ""


def test_a_size_that_depends_on_the_seed_with_and_without_decay_is_unchanged(base, decayed):
    both = [answering(runs, "arithmetic", "n14", [4] * n + [0] * (20 - n)) for runs, n in ((base, 12), (decayed, 8))]
    found = judge("C1", "C5", base=both[0], weight_decay=both[1])
    assert found["C1"].text == "depends on the seed"
    assert found["C5"].text == "replicated"
    line = next(line for line in deciding_lines(found["C5"]) if line.label == "arithmetic n14")
    assert "base 12 of 20 (depends on the seed), wd 8 of 20 (depends on the seed)" in line.note


def test_a_size_that_depends_on_the_seed_only_with_decay_is_open(base, decayed):
    """16 of 20 against 14 of 20: the shares do not differ, and the decisions do. So many more runs make them agree."""
    runs = [answering(each, "arithmetic", "n14", [4] * n + [0] * (20 - n)) for each, n in ((base, 16), (decayed, 14))]
    verdict = judge("C5", base=runs[0], weight_decay=runs[1])["C5"]
    line = next(line for line in deciding_lines(verdict) if line.label == "arithmetic n14")
    assert verdict.conclusion.outcome == line.outcome == Outcome.INCONCLUSIVE
    assert verdict.text.startswith("inconclusive: arithmetic n14; replicated: arithmetic n28, ")
    assert verdict.text.endswith(f"(needs {line.further_runs} more runs of arithmetic n14)")


@pytest.mark.parametrize(
    ("counts", "outcome"),
    [
        ((20, 20, 20, 20), Outcome.REPLICATED),
        ((0, 20, 0, 20), Outcome.REPLICATED),
        ((10, 20, 10, 20), Outcome.REPLICATED),
        ((20, 20, 0, 20), Outcome.NOT_REPLICATED),
        ((15, 20, 5, 20), Outcome.NOT_REPLICATED),
        ((16, 20, 10, 20), Outcome.INCONCLUSIVE),
        ((5, 5, 10, 20), Outcome.INCONCLUSIVE),
        ((5, 5, 5, 5), Outcome.INCONCLUSIVE),
    ],
)
def test_decisions_are_compared_where_the_shares_are_not_told_apart(counts, outcome):
    assert decide_change(counts, 1.0) == outcome
    assert decide_change(counts, 0.049) == Outcome.NOT_REPLICATED


@pytest.mark.parametrize("counts", [(16, 20, 10, 20), (5, 5, 10, 20), (5, 5, 5, 5), (16, 20, 14, 20), (3, 3, 2, 20)])
def test_so_many_further_runs_of_both_cells_decide_a_change_and_fewer_do_not(counts):
    def after(more):
        grown = counts_after(counts, more)
        return decide_change(grown, min(1.0, 12 * fisher(*grown)))

    further = further_runs_of_change(counts, 12)
    assert after(further) != Outcome.INCONCLUSIVE
    assert {after(more) for more in range(further)} == {Outcome.INCONCLUSIVE}
