from __future__ import annotations

import numpy
import pytest

from capacity.claims.outcomes import Outcome
from tests.support.handmade_studies import answering, changed, first_seeds
from tests.support.handmade_verdicts import deciding_lines, judge


@pytest.mark.parametrize(
    ("right", "outcome"),
    [
        ([4] * 15, Outcome.REPLICATED),
        ([4] * 14, Outcome.DEPENDS_ON_SEED),
        ([4] * 6, Outcome.DEPENDS_ON_SEED),
        ([4] * 5, Outcome.NOT_REPLICATED),
    ],
)
def test_the_first_claim_goes_by_how_many_runs_have_all_four_right(base, right, outcome):
    runs = answering(base, "arithmetic", "n14", right + [3] * (20 - len(right)))
    verdict = judge("C1", base=runs)["C1"]
    assert verdict.conclusion.outcome == outcome
    (line,) = deciding_lines(verdict)
    assert (line.count, line.n) == (len(right), 20)


@pytest.mark.parametrize(
    ("size", "silent", "outcome"),
    [
        ("n28", 15, Outcome.REPLICATED),
        ("n28", 14, Outcome.DEPENDS_ON_SEED),
        ("mlt", 5, Outcome.NOT_REPLICATED),
        ("n56", 0, Outcome.NOT_REPLICATED),
    ],
)
def test_the_second_claim_needs_every_size_to_answer_none(base, size, silent, outcome):
    """A run with one of the four right answers something."""
    runs = answering(base, "arithmetic", size, [0] * silent + [1] * (20 - silent))
    verdict = judge("C2", base=runs)["C2"]
    assert verdict.conclusion.outcome == outcome
    assert {line.label: line.count for line in deciding_lines(verdict)}[f"arithmetic {size}"] == silent
    others = ", ".join(each for each in ("n28", "n56", "mlt") if each != size)
    said = "replicated" if outcome == Outcome.REPLICATED else f"{outcome}: {size}; replicated: {others}"
    assert verdict.text == said


@pytest.mark.parametrize(
    ("size", "recall", "outcome"),
    [
        ("n14", 0.2, Outcome.REPLICATED),
        ("n14", 0.22, Outcome.NOT_REPLICATED),
        ("n28", 0.98, Outcome.NOT_REPLICATED),
        ("mlt", 0.0, Outcome.NOT_REPLICATED),
    ],
)
def test_the_third_claim_is_about_the_recall_of_each_size(base, size, recall, outcome):
    runs = changed(base, "facts", size, 20, final_facts_paper_prompts=recall)
    assert judge("C3", base=runs)["C3"].conclusion.outcome == outcome


def test_the_third_claim_goes_by_the_paper_s_prompts_with_the_matched_ones_beside(base):
    runs = changed(base, "facts", "n28", 20, final_facts_paper_prompts=0.96)
    verdict = judge("C3", base=runs)["C3"]
    assert verdict.conclusion.outcome == Outcome.NOT_REPLICATED
    (beside,) = [
        line for line in verdict.conclusion.evidence if line.label == "facts n28" and "matched" in line.description
    ]
    assert (beside.count, beside.outcome) == (20, None)


@pytest.mark.parametrize(
    ("answered", "outcome"), [(5, Outcome.REPLICATED), (6, Outcome.DEPENDS_ON_SEED), (15, Outcome.NOT_REPLICATED)]
)
def test_the_fourth_claim_is_about_both_tasks_together(base, answered, outcome):
    runs = answering(base, "joint", "n14", [2] * answered)
    assert judge("C4", base=runs)["C4"].conclusion.outcome == outcome


def test_the_final_iterate_decides_and_the_paper_s_rule_stands_beside(base):
    runs = changed(base, "arithmetic", "n28", 20, paper_best_held_out=1.0)
    verdict = judge("C2", base=runs)["C2"]
    assert verdict.conclusion.outcome == Outcome.REPLICATED
    (beside,) = [
        line
        for line in verdict.conclusion.evidence
        if line.label == "arithmetic n28" and "paper's rule" in line.description
    ]
    assert (beside.count, beside.n, beside.outcome) == (0, 20, None)


def test_runs_that_fit_stand_beside_and_all_runs_decide(base):
    runs = changed(base, "arithmetic", "n14", 12, fits_arithmetic=False)
    runs = answering(runs, "arithmetic", "n14", [0] * 12)
    verdict = judge("C1", base=runs)["C1"]
    assert verdict.text == "depends on the seed"
    (fitted,) = [line for line in verdict.conclusion.evidence if "that fit" in line.description]
    assert (fitted.count, fitted.n, fitted.outcome) == (8, 8, None)


def test_a_diverged_run_is_counted_and_supports_nothing(base):
    runs = changed(base, "arithmetic", "n28", 9, diverged=True, final_held_out=numpy.nan, generalizes=False)
    verdict = judge("C2", base=runs)["C2"]
    assert verdict.text == "depends on the seed: n28; replicated: n56, mlt"
    line = next(line for line in deciding_lines(verdict) if line.label == "arithmetic n28")
    assert (line.count, line.n, line.diverged) == (11, 20, 9)
    assert (verdict.runs, verdict.diverged) == (60, 9)


def test_one_run_of_each_size_is_inconclusive_and_asks_for_five_more(base):
    found = judge(base=first_seeds(base, 1))
    assert found["C1"].text == "inconclusive (needs 5 more runs of arithmetic n14)"
    assert found["C2"].text == (
        "inconclusive (needs 5 more runs each of arithmetic n28, arithmetic n56, arithmetic mlt)"
    )


def test_five_runs_of_mlt_are_one_short(base):
    verdict = judge("C2", base=first_seeds(base, 5, "mlt"))["C2"]
    assert verdict.text == "inconclusive: mlt; replicated: n28, n56 (needs 1 more run of arithmetic mlt)"


def test_a_size_that_was_not_run_is_named_beside_its_claim(base):
    found = judge(base=base[base["size"] != "mlt"].reset_index(drop=True))
    assert found["C2"].text == "replicated (not run: arithmetic mlt)"
    assert found["C1"].text == "replicated"


def test_each_size_has_its_own_verdict(base):
    """n28 answers none in half of its runs, n56 in all, and MLT was not run."""
    runs = answering(base, "arithmetic", "n28", [0] * 10 + [1] * 10)
    found = judge(base=runs[runs["size"] != "mlt"].reset_index(drop=True))
    assert found["C2"].conclusion.outcome == Outcome.DEPENDS_ON_SEED
    assert found["C2"].text == "depends on the seed: n28; replicated: n56; not run: mlt"
    runs = changed(base, "facts", "n14", 10, final_facts_paper_prompts=0.5)
    assert judge("C3", base=runs)["C3"].text == "depends on the seed: n14; replicated: n28, n56, mlt"


def test_a_size_that_refutes_does_so_whatever_was_not_run(base):
    runs = answering(base, "arithmetic", "n28", [4] * 20)
    runs = runs[runs["size"] != "mlt"].reset_index(drop=True)
    assert judge("C2", base=runs)["C2"].text == "not replicated: n28; replicated: n56; not run: mlt"
