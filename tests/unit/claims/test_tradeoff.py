from __future__ import annotations

import numpy
import pandas as pd
import pytest

from capacity.claims import tradeoff
from capacity.claims.evidence import INCONCLUSIVE, MOST_FURTHER_RUNS, NOT_REPLICATED, NOT_RUN, REPLICATED
from capacity.claims.groups import Group, groups
from capacity.claims.trend import Permutations, one_recipe
from tests.support.handmade_studies import SMALL, answering, as_claimed, at, changed, first_seeds, laptop, retrained

CONDITIONS = (
    "tuned learning rate",
    "matched decay",
    "reshuffled lines",
    "other pairs",
    "each size of both",
    "seeds of one size",
)


@pytest.fixture(scope="module")
def base():
    return as_claimed("base")


def assess(base, **studies):
    studies = {"base": base} | studies
    return tradeoff.assess(groups(studies), studies, permutations())


def permutations():
    return Permutations(numpy.random.default_rng(0), 1999)


def line_of(finding, label, words=""):
    (line,) = [line for line in finding.evidence if line.label == label and words in line.words]
    return line


def trend(finding, mode, task):
    return line_of(finding, f"{task}, each size", f"{mode}: ")


def conditions(finding):
    return {line.label: line for line in finding.evidence if line.words.startswith("condition")}


def only(runs, *tasks):
    return runs[runs["task"].isin(tasks)].reset_index(drop=True)


def with_order_bits(runs):
    """In n28, the seeds that know less of the order of the lines answer some held-out expressions."""
    runs = answering(runs, "arithmetic", "n28", [seed % 3 for seed in range(20)])
    bits = 100.0 * numpy.log10(runs["parameters"]) - runs["final_held_out"].fillna(0) * 4 - runs["seed"] / 1000
    return runs.assign(order_bits=bits.where(runs["task"] == "arithmetic"))


def over_pairs(base, pairs):
    """Each pair held out once, with two seeds."""
    runs = first_seeds(only(base, "arithmetic"), 2)
    return pd.concat([retrained(runs, lambda _, p=pair: {"held_out": (p,)}) for pair in pairs], ignore_index=True)


def at_rates(base, rates=(3e-4, 1e-3, 3e-2)):
    """A sweep with other batches: at a rate of 0.001 the paper is right, at the others little is learned."""
    runs = only(base, "arithmetic", "facts")
    parts = []
    for rate in rates:
        part = retrained(runs, lambda _, r=rate: {"learning_rate": r, "batch": 100})
        if rate != 1e-3:
            little = dict.fromkeys(("final_seen", "final_facts_matched_prompts", "final_facts_paper_prompts"), 0.1)
            part = part.assign(**little, generalizes=False)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


PAIRS = [(0, digit) for digit in range(2, 10)] + [(1, digit) for digit in (2, 3)]


@pytest.fixture(scope="module")
def everything(base):
    two = only(base, "arithmetic", "facts")
    return {
        "rates": at_rates(base),
        "decay": retrained(two, lambda _: {"weight_decay": 0.1, "dropout": 0.0, "learning_rate": 1e-3}),
        "order": retrained(two, lambda _: {"stream": "reshuffled"}),
        "pairs": over_pairs(base, PAIRS),
    }


def test_the_trends_of_the_paper_are_found(base):
    finding = assess(base)
    falls, rises = trend(finding, "G", "arithmetic"), trend(finding, "M", "facts")
    for line in (falls, rises):
        assert line.outcome == REPLICATED
        assert line.p_value == 1 / 2000
        assert line.n == 80
    assert falls.note == "n14 20 of 20, n28 0 of 20, n56 0 of 20, mlt 0 of 20"
    assert rises.note.startswith("n14 0.08 (n = 20), n28 1 (n = 20)")


def test_the_p_values_of_the_family_are_corrected_for_all_six_of_its_tests(base):
    """Three tests are at the smallest p there is; the joint G has p = 1, and two do not exist."""
    finding = assess(base)
    smallest = trend(finding, "G", "arithmetic").p_value
    assert smallest == pytest.approx(1 / 2000)
    for mode, task in (("G", "arithmetic"), ("M", "facts"), ("M", "joint")):
        assert trend(finding, mode, task).adjusted_p_value == pytest.approx(6 * smallest)
    assert trend(finding, "G", "joint").adjusted_p_value == 1.0
    assert line_of(finding, "arithmetic and facts").adjusted_p_value == pytest.approx(6 * smallest)


def test_joint_trends_and_sensitivities_decide_nothing(base):
    finding = assess(base)
    beside = [line for line in finding.evidence if not line.outcome]
    words = " ".join(line.words for line in beside)
    assert "without MLT" in words
    assert "ranks of the sizes" in words
    assert {line.label for line in beside} == {
        "arithmetic, each size",
        "facts, each size",
        "joint, each size",
        "arithmetic and facts",
    }
    (without,) = [line for line in beside if line.words == "the G trend, without MLT"]
    assert (without.n, without.note) == (60, "n14 20 of 20, n28 0 of 20, n56 0 of 20")


def test_trends_alone_are_inconclusive_and_say_which_conditions_were_not_run(base):
    finding = assess(base)
    assert finding.outcome == INCONCLUSIVE
    assert finding.reason == (
        "the trends are there, but a trade-off needs more than trends; not run: tuned learning rate, matched decay, "
        "reshuffled lines, other pairs, seeds of one size"
    )
    found = conditions(finding)
    assert tuple(found) == CONDITIONS
    assert {label for label, line in found.items() if line.outcome == NOT_RUN} == set(CONDITIONS) - {
        "each size of both"
    }


def test_with_every_condition_run_and_held_it_is_replicated(base, everything):
    finding = assess(with_order_bits(base), **everything)
    assert {label: line.outcome for label, line in conditions(finding).items()} == dict.fromkeys(CONDITIONS, REPLICATED)
    assert (finding.outcome, finding.reason) == (REPLICATED, "")


def test_a_trade_off_that_goes_with_reshuffled_lines_is_not_replicated(base, everything):
    """As when n14 alone was helped by the frozen order: all sizes answer alike once it is gone."""
    order = everything["order"].assign(
        generalizes=everything["order"]["generalizes"].where(everything["order"]["task"] == "facts", True)
    )
    finding = assess(with_order_bits(base), **(everything | {"order": order}))
    assert conditions(finding)["reshuffled lines"].outcome == NOT_REPLICATED
    assert finding.outcome == NOT_REPLICATED


def test_the_learning_rate_of_each_size_is_chosen_on_what_was_seen(base, everything):
    line = conditions(assess(base, rates=everything["rates"]))["tuned learning rate"]
    assert line.outcome == REPLICATED
    assert (line.n, line.note[:17]) == (160, "G: n14 20 of 20, ")
    worse = everything["rates"].copy()
    worse.loc[worse["cell"].str.contains("learning_rate-0.03"), "final_seen"] = 1.0
    worse.loc[worse["cell"].str.contains("learning_rate-0.001"), "final_seen"] = 0.9
    line = conditions(assess(base, rates=worse))["tuned learning rate"]
    assert "G: n14 0 of 20" in line.note
    assert line.outcome == NOT_REPLICATED


def test_two_learning_rates_are_no_tuning(base):
    two = at_rates(base, (1e-3, 3e-2))
    assert conditions(assess(base, two=two))["tuned learning rate"].outcome == NOT_RUN


def test_decay_is_matched_when_mlt_has_the_recipe_of_all(base, everything):
    assert conditions(assess(base, decay=everything["decay"]))["matched decay"].outcome == REPLICATED
    without = everything["decay"][everything["decay"]["size"] != "mlt"]
    assert conditions(assess(base, decay=without))["matched decay"].outcome == NOT_RUN


def test_a_condition_with_few_runs_asks_for_more(base, everything):
    finding = assess(base, order=first_seeds(everything["order"], 1))
    line = conditions(finding)["reshuffled lines"]
    assert line.outcome == INCONCLUSIVE
    assert 1 <= line.further_runs <= MOST_FURTHER_RUNS


def test_few_other_pairs_are_not_enough(base):
    assert conditions(assess(base, pairs=over_pairs(base, PAIRS[:9])))["other pairs"].outcome == NOT_RUN
    line = conditions(assess(base, pairs=over_pairs(base, PAIRS)))["other pairs"]
    assert (line.outcome, line.n) == (REPLICATED, 10 * 4 * 2)


def test_twenty_seeds_of_each_size_are_asked_for(base):
    line = conditions(assess(first_seeds(base, 5, "mlt")))["each size of both"]
    assert (line.outcome, line.further_runs, line.note) == (INCONCLUSIVE, 15, "the fewest are 5")


def test_seeds_that_know_more_and_answer_more_speak_against_it(base):
    runs = with_order_bits(base)
    runs["order_bits"] = -runs["order_bits"]
    assert conditions(assess(runs))["seeds of one size"].outcome == NOT_REPLICATED


def test_bits_of_order_enter_the_family_when_they_are_there(base):
    line = trend(assess(with_order_bits(base)), "M", "arithmetic")
    assert line.adjusted_p_value == pytest.approx(6 * line.p_value)
    for without in (base, base.assign(order_bits=numpy.nan)):
        assert trend(assess(without), "M", "arithmetic").note == "not measured"


def test_an_opposite_trend_is_not_replicated(base):
    runs = answering(answering(base, "arithmetic", "n14", [0] * 20), "arithmetic", "mlt", [4] * 20)
    finding = assess(runs)
    assert trend(finding, "G", "arithmetic").outcome == NOT_REPLICATED
    assert finding.outcome == NOT_REPLICATED


def test_equal_sizes_are_not_replicated(base):
    """0 of 20 at both ends: equivalent to within 0.15."""
    finding = assess(answering(base, "arithmetic", "n14", [0] * 20))
    assert trend(finding, "G", "arithmetic").outcome == NOT_REPLICATED


def test_few_equal_runs_are_inconclusive(base):
    runs = answering(first_seeds(base, 2), "arithmetic", "n14", [0, 0])
    line = trend(assess(runs), "G", "arithmetic")
    assert (line.outcome, line.further_runs) == (INCONCLUSIVE, MOST_FURTHER_RUNS + 1)


def test_one_run_of_each_size_asks_for_a_few_more(base):
    line = trend(assess(first_seeds(base, 1)), "G", "arithmetic")
    assert line.p_value == pytest.approx(0.25, abs=0.01)
    assert line.outcome == INCONCLUSIVE
    assert 1 <= line.further_runs <= 10


def test_the_mlt_of_another_recipe_enters_no_trend(base):
    short = retrained(base, laptop)
    finding = assess(answering(short, "arithmetic", "mlt", [4] * 20))
    line = trend(finding, "G", "arithmetic")
    assert line.n == 60
    assert "mlt left out: another recipe (learning rate 0.001 (paper: 1e-05)" in line.note
    assert "mlt 20 of 20" not in line.note
    assert "mlt" not in {group.size for group in finding.groups}
    assert not [each for each in finding.evidence if "without MLT" in each.words]


def test_the_mlt_of_the_paper_enters_as_the_paper_has_it(base):
    kept, left_out = one_recipe(
        group for key, group in groups({"base": base}).items() if key[0] == "facts" and key[2] == "base"
    )
    assert ([group.size for group in kept], left_out) == (["n14", "n28", "n56", "mlt"], [])


def kept_and_left_out(runs):
    found = [Group("facts", name, "base", of, "") for name, of in runs.groupby("size")]
    kept, left_out = one_recipe(found)
    return [group.size for group in kept], [group.size for group in left_out]


def test_sizes_with_literally_the_same_settings_share_a_recipe(base):
    """MLT without decay and with a tenth of dropout departs from the paper in more than the others, to be as they."""
    same = {"learning_rate": 1e-3, "weight_decay": 0.0, "dropout": 0.1}
    facts = only(base, "facts")
    assert kept_and_left_out(retrained(facts, lambda cell: same)) == ([*SMALL, "mlt"], [])
    odd = retrained(facts, lambda cell: same | ({"batch": 3} if cell.size.name == "n28" else {}))
    assert kept_and_left_out(odd) == (["n14", "n56", "mlt"], ["n28"])


def test_a_diverged_run_is_a_failure_of_both_modes(base):
    runs = changed(base, "facts", "mlt", 5, diverged=True, final_facts_paper_prompts=numpy.nan)
    line = trend(assess(runs), "M", "facts")
    assert line.diverged == 5
    assert "mlt 0.75 (n = 20)" in line.note


@pytest.mark.parametrize("runs", [pd.DataFrame(), None])
def test_without_runs_it_is_not_run(runs):
    studies = {} if runs is None else {"base": runs}
    finding = tradeoff.assess(groups(studies), studies, permutations())
    assert (finding.outcome, finding.reason, finding.groups) == (NOT_RUN, "", ())
    assert {line.outcome for line in finding.evidence} <= {NOT_RUN, ""}


def test_one_size_alone_is_no_trend(base):
    finding = assess(base[at(base, "arithmetic", "n14")].reset_index(drop=True))
    assert trend(finding, "G", "arithmetic").outcome == NOT_RUN
    assert finding.outcome == NOT_RUN
