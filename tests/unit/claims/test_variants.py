from __future__ import annotations

import pytest

from capacity.claims.outcomes import Outcome
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
    assert found["C5"].text == "inconclusive (needs 1 more run each of arithmetic mlt, facts mlt, joint mlt)"


def test_variants_that_were_run_for_some_sizes_are_open(base, decayed):
    found = judge(base=base, weight_decay=decayed[decayed["size"] != "mlt"].reset_index(drop=True))
    assert found["C5"].text == "inconclusive (not run: arithmetic mlt, facts mlt, joint mlt)"
    assert found["C5"].command == ""
