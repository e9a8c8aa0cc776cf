from __future__ import annotations

import numpy
import pandas as pd
import pytest

from capacity.claims import tradeoff
from capacity.claims.arms import published_arms
from capacity.claims.evidence import Evidence, Kind
from capacity.claims.outcomes import MOST_FURTHER_RUNS, Outcome
from tests.support.handmade_studies import answering, at, changed, first_seeds, laptop, retrained
from tests.support.handmade_tradeoffs import (
    CONDITIONS,
    assess,
    conditions,
    line_of,
    permutations,
    trend,
    with_order_bits,
)


def test_the_trends_of_the_paper_are_found(base):
    conclusion = assess(base)
    falls, rises = trend(conclusion, "G", "arithmetic"), trend(conclusion, "M", "facts")
    for line in (falls, rises):
        assert line.outcome == Outcome.REPLICATED
        assert line.p_value == 1 / 2000
        assert line.n == 80
    assert falls.note == "n14 20 of 20, n28 0 of 20, n56 0 of 20, mlt 0 of 20"
    assert rises.note.startswith("n14 0.08 (n = 20), n28 1 (n = 20)")


def test_the_p_values_of_the_family_are_corrected_for_all_six_of_its_tests(base):
    """Three tests are at the smallest p there is; the joint G has p = 1, and two do not exist."""
    conclusion = assess(base)
    smallest = trend(conclusion, "G", "arithmetic").p_value
    assert smallest == pytest.approx(1 / 2000)
    for mode, task in (("G", "arithmetic"), ("M", "facts"), ("M", "joint")):
        assert trend(conclusion, mode, task).adjusted_p_value == pytest.approx(6 * smallest)
    assert trend(conclusion, "G", "joint").adjusted_p_value == 1.0
    assert line_of(conclusion, "arithmetic and facts").adjusted_p_value == pytest.approx(6 * smallest)


def test_joint_trends_and_sensitivities_decide_nothing(base):
    conclusion = assess(base)
    beside = [line for line in conclusion.evidence if not line.outcome]
    words = " ".join(line.description for line in beside)
    assert "without MLT" in words
    assert "ranks of the sizes" in words
    assert {line.label for line in beside} == {
        "arithmetic, each size",
        "facts, each size",
        "joint, each size",
        "arithmetic and facts",
    }
    (without,) = [line for line in beside if line.description == "the G trend, without MLT"]
    assert (without.n, without.note) == (60, "n14 20 of 20, n28 0 of 20, n56 0 of 20")


def test_trends_alone_are_inconclusive_and_say_which_conditions_were_not_run(base):
    conclusion = assess(base)
    assert conclusion.outcome == Outcome.INCONCLUSIVE
    assert conclusion.reason == (
        "the trends are there, but a trade-off needs more than trends; not run: tuned learning rate, matched decay, "
        "reshuffled lines, other pairs, seeds of one size"
    )
    held = conditions(conclusion)
    assert tuple(held) == CONDITIONS
    assert {label for label, line in held.items() if line.outcome == Outcome.NOT_RUN} == set(CONDITIONS) - {
        "each size of both"
    }


def test_bits_of_order_enter_the_family_when_they_are_there(base):
    line = trend(assess(with_order_bits(base)), "M", "arithmetic")
    assert line.adjusted_p_value == pytest.approx(6 * line.p_value)
    for without in (base, base.assign(order_bits=numpy.nan)):
        assert trend(assess(without), "M", "arithmetic").note == "not measured"


def test_an_opposite_trend_is_not_replicated(base):
    runs = answering(answering(base, "arithmetic", "n14", [0] * 20), "arithmetic", "mlt", [4] * 20)
    conclusion = assess(runs)
    assert trend(conclusion, "G", "arithmetic").outcome == Outcome.NOT_REPLICATED
    assert conclusion.outcome == Outcome.NOT_REPLICATED


def test_equal_sizes_are_not_replicated(base):
    """0 of 20 at both ends: equivalent to within 0.15."""
    conclusion = assess(answering(base, "arithmetic", "n14", [0] * 20))
    assert trend(conclusion, "G", "arithmetic").outcome == Outcome.NOT_REPLICATED


def test_few_equal_runs_are_inconclusive(base):
    runs = answering(first_seeds(base, 2), "arithmetic", "n14", [0, 0])
    line = trend(assess(runs), "G", "arithmetic")
    assert (line.outcome, line.further_runs) == (Outcome.INCONCLUSIVE, MOST_FURTHER_RUNS + 1)


def test_one_run_of_each_size_asks_for_a_few_more(base):
    line = trend(assess(first_seeds(base, 1)), "G", "arithmetic")
    assert line.p_value == pytest.approx(0.25, abs=0.01)
    assert line.outcome == Outcome.INCONCLUSIVE
    assert 1 <= line.further_runs <= 10


def test_the_mlt_of_another_recipe_enters_no_trend(base):
    short = retrained(base, laptop)
    conclusion = assess(answering(short, "arithmetic", "mlt", [4] * 20))
    line = trend(conclusion, "G", "arithmetic")
    assert line.n == 60
    assert "mlt left out: another recipe (learning rate 0.001 (paper: 1e-05)" in line.note
    assert "mlt 20 of 20" not in line.note
    assert "mlt" not in {group.size for group in conclusion.arms}
    assert not [each for each in conclusion.evidence if "without MLT" in each.description]


def test_a_diverged_run_is_a_failure_of_both_modes(base):
    runs = changed(base, "facts", "mlt", 5, diverged=True, final_facts_paper_prompts=numpy.nan)
    line = trend(assess(runs), "M", "facts")
    assert line.diverged == 5
    assert "mlt 0.75 (n = 20)" in line.note


@pytest.mark.parametrize("runs", [pd.DataFrame(), None])
def test_without_runs_it_is_not_run(runs):
    studies = {} if runs is None else {"base": runs}
    conclusion = tradeoff.assess(published_arms(studies), studies, permutations())
    assert (conclusion.outcome, conclusion.reason, conclusion.arms) == (Outcome.NOT_RUN, "", ())
    assert {line.outcome for line in conclusion.evidence} <= {Outcome.NOT_RUN, None}


@pytest.mark.parametrize(
    ("outcomes", "outcome"),
    [
        ([Outcome.REPLICATED, Outcome.REPLICATED], Outcome.REPLICATED),
        ([Outcome.REPLICATED, None], Outcome.REPLICATED),
        ([Outcome.REPLICATED, Outcome.INCONCLUSIVE], Outcome.INCONCLUSIVE),
        ([Outcome.REPLICATED, Outcome.NOT_RUN], Outcome.INCONCLUSIVE),
        ([Outcome.REPLICATED, Outcome.NOT_REPLICATED], Outcome.NOT_REPLICATED),
        ([Outcome.NOT_RUN, Outcome.NOT_REPLICATED, Outcome.INCONCLUSIVE], Outcome.NOT_REPLICATED),
        ([Outcome.NOT_RUN, Outcome.NOT_RUN], Outcome.NOT_RUN),
        ([Outcome.NOT_RUN, None], Outcome.NOT_RUN),
        ([], Outcome.NOT_RUN),
    ],
)
def test_a_trade_off_needs_all_of_its_lines(outcomes, outcome):
    lines = [
        Evidence(f"line {number}", Kind.CONDITION, "measure", "description", each)
        for number, each in enumerate(outcomes)
    ]
    combined, reason = tradeoff.combine(lines)
    assert combined == outcome
    assert bool(reason) == (Outcome.NOT_RUN in outcomes and outcome == Outcome.INCONCLUSIVE)


def test_one_size_alone_is_no_trend(base):
    conclusion = assess(base[at(base, "arithmetic", "n14")].reset_index(drop=True))
    assert trend(conclusion, "G", "arithmetic").outcome == Outcome.NOT_RUN
    assert conclusion.outcome == Outcome.NOT_RUN
