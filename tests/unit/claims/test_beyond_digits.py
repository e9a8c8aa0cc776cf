from __future__ import annotations

import numpy
import pytest

from capacity.claims.beyond_digits import BEYOND_DIGITS, best_constant_share
from capacity.claims.outcomes import Outcome
from tests.support.handmade_studies import at
from tests.support.handmade_verdicts import judge


def test_the_best_constant_answer_beyond_digits_is_nineteen():
    """The 20 sums of 19, all with an operand above 9, and the difference 19 - 0; of 600 expressions."""
    assert best_constant_share() == pytest.approx(21 / 600)


@pytest.mark.parametrize(
    ("share", "outcome", "constant"),
    [
        (21 / 600, Outcome.REPLICATED, 20),
        (22 / 600, Outcome.REPLICATED, 0),
        (111 / 600, Outcome.REPLICATED, 0),
        (112 / 600, Outcome.NOT_REPLICATED, 0),
    ],
)
def test_operands_beyond_digits_are_held_against_a_constant_and_the_margin(base, share, outcome, constant):
    """21 of 600 are right by a constant answer, and 90 more are 15 %."""
    verdict = judge("C7", base=base.assign(**{BEYOND_DIGITS: share}))["C7"]
    assert verdict.conclusion.outcome == outcome
    assert verdict.runs == 80
    beside = [line for line in verdict.conclusion.evidence if "constant" in line.description]
    assert {(line.count, line.outcome) for line in beside} == {(constant, None)}


def test_operands_that_some_runs_were_not_asked_leave_the_claim_open(base):
    runs = base.assign(**{BEYOND_DIGITS: 0.0})
    runs.loc[at(runs, "arithmetic", "n56"), BEYOND_DIGITS] = numpy.nan
    verdict = judge("C7", base=runs)["C7"]
    assert verdict.text == "replicated (not run: arithmetic n56)"
    assert verdict.runs == 60
