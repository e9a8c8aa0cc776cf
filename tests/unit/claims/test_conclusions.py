from __future__ import annotations

import pytest

from capacity.claims.conclusions import Part, conclude, needed_runs, parts_in_words
from capacity.claims.evidence import Evidence, Kind
from capacity.claims.other_recipes import OtherRecipe
from capacity.claims.outcomes import MOST_FURTHER_RUNS, Outcome


def line(outcome, label="a", further=None):
    return Evidence(label, Kind.SHARE, "measure", "description", outcome, further_runs=further)


def part(name, outcome, further=None, other=None):
    return Part(name, line(outcome, f"facts {name}", further), other)


def concluded(*parts):
    return conclude("the rule", parts, [each.line for each in parts], [])


OTHER = OtherRecipe(("large-model", "own"), Outcome.NOT_REPLICATED, line(None))


@pytest.mark.parametrize(
    ("outcomes", "outcome", "words"),
    [
        (["replicated", "replicated", "not run"], Outcome.REPLICATED, "replicated: n0, n1; not run: n2"),
        (
            ["replicated", "depends on the seed", "replicated", "not run"],
            Outcome.DEPENDS_ON_SEED,
            "depends on the seed: n1; replicated: n0, n2; not run: n3",
        ),
        (
            ["depends on the seed", "inconclusive", "replicated"],
            Outcome.INCONCLUSIVE,
            "inconclusive: n1; depends on the seed: n0; replicated: n2",
        ),
        (
            ["inconclusive", "not run", "not replicated"],
            Outcome.NOT_REPLICATED,
            "not replicated: n2; inconclusive: n0; not run: n1",
        ),
        (["not run", "not run"], Outcome.NOT_RUN, "not run: n0, n1"),
    ],
)
def test_the_parts_decide_the_whole_and_are_named_worst_first(outcomes, outcome, words):
    conclusion = concluded(*(part(f"n{number}", Outcome(each)) for number, each in enumerate(outcomes)))
    assert conclusion.outcome == outcome
    assert parts_in_words(conclusion.parts) == words
    assert parts_in_words(conclusion.parts, "†") == words.replace(outcome, f"{outcome}†", 1)
    assert conclusion.parts_agree == (len(set(outcomes) - {"not run"}) <= 1)


def test_a_conclusion_says_what_it_is_short_of_whatever_it_decides():
    short = [
        part("n28", Outcome.INCONCLUSIVE, 5),
        part("n56", Outcome.INCONCLUSIVE, 5),
        part("n14", Outcome.INCONCLUSIVE, 1),
        part("wide", Outcome.INCONCLUSIVE, MOST_FURTHER_RUNS + 1),
        part("done", Outcome.REPLICATED),
        part("mlt", Outcome.NOT_RUN),
        part("more", Outcome.NOT_RUN),
    ]
    reason = (
        "needs 5 more runs each of facts n28, facts n56; 1 more run of facts n14; more than 200 more runs of facts "
        "wide; not run: facts mlt, facts more"
    )
    assert (concluded(*short).outcome, concluded(*short).reason) == (Outcome.INCONCLUSIVE, reason)
    refuted = concluded(*short, part("no", Outcome.NOT_REPLICATED))
    assert (refuted.outcome, refuted.reason) == (Outcome.NOT_REPLICATED, reason)
    assert concluded(part("n14", Outcome.NOT_RUN)).reason == ""


def test_a_part_by_another_recipe_is_told_and_decides_nothing():
    mlt = part("mlt", Outcome.NOT_RUN, other=OTHER)
    conclusion = concluded(part("n28", Outcome.REPLICATED), mlt)
    said = "not run by the paper's protocol; by another recipe (large-model, own): not replicated"
    assert conclusion.outcome == Outcome.REPLICATED
    assert parts_in_words(conclusion.parts) == f"replicated: n28; mlt: {said}"
    assert conclusion.reason == f"facts mlt: {said}"
    alone = concluded(mlt)
    assert (alone.outcome, alone.reason) == (Outcome.NOT_RUN, f"facts mlt: {said}")


def test_a_cell_that_two_lines_ask_runs_of_gets_the_larger_number():
    assert (
        needed_runs([line(Outcome.INCONCLUSIVE, "n28", 2), line(Outcome.INCONCLUSIVE, "n28", 7)])
        == "needs 7 more runs of n28"
    )
