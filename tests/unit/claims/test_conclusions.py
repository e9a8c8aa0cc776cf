from __future__ import annotations

import pytest

from capacity.claims.conclusions import combine, needed_runs
from capacity.claims.evidence import Evidence, Kind
from capacity.claims.outcomes import MOST_FURTHER_RUNS, Outcome


def line(outcome, label="a", further=None):
    return Evidence(label, Kind.SHARE, "measure", "description", outcome, further_runs=further)


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
def test_a_claim_needs_all_of_its_lines(outcomes, outcome):
    found, reason = combine([line(each, label=str(number)) for number, each in enumerate(outcomes)])
    assert found == outcome
    assert bool(reason) == (Outcome.NOT_RUN in outcomes and outcome == Outcome.INCONCLUSIVE)


def test_an_inconclusive_claim_says_what_it_is_short_of():
    evidence = [
        line(Outcome.INCONCLUSIVE, "n28", 5),
        line(Outcome.INCONCLUSIVE, "n56", 5),
        line(Outcome.INCONCLUSIVE, "n14", 1),
        line(Outcome.INCONCLUSIVE, "wide", MOST_FURTHER_RUNS + 1),
        line(Outcome.REPLICATED, "done"),
        line(Outcome.NOT_RUN, "mlt"),
        line(Outcome.NOT_RUN, "more"),
        line(None, "beside", 9),
    ]
    assert combine(evidence) == (
        Outcome.INCONCLUSIVE,
        "needs 5 more runs each of n28, n56; 1 more run of n14; more than 200 more runs of wide; not run: mlt, more",
    )


def test_a_cell_that_two_lines_ask_runs_of_gets_the_larger_number():
    assert (
        needed_runs([line(Outcome.INCONCLUSIVE, "n28", 2), line(Outcome.INCONCLUSIVE, "n28", 7)])
        == "needs 7 more runs of n28"
    )
