from __future__ import annotations

import pandas as pd
import pytest

from capacity.claims.arms import Arm
from capacity.claims.evidence import share_evidence
from capacity.claims.outcomes import Outcome
from capacity.claims.properties import Property
from capacity.statistics.intervals import clopper_pearson
from capacity.statistics.shares import further_runs

RIGHT = Property("right", "right", lambda runs: runs["right"])


def group(*right, diverged=()):
    frame = pd.DataFrame({"right": pd.array(right, dtype="boolean"), "diverged": False})
    frame.loc[list(diverged), "diverged"] = True
    return Arm("arithmetic", "n14", "base", frame)


def test_runs_with_the_property_are_counted_with_their_interval():
    line = share_evidence(group(True, True, False, True), RIGHT)
    assert (line.label, line.description, line.n, line.count, line.estimate) == ("arithmetic n14", "right", 4, 3, 0.75)
    assert (line.low, line.high) == pytest.approx(clopper_pearson(3, 4))
    assert line.outcome == Outcome.INCONCLUSIVE
    assert line.further_runs == further_runs(3, 4)


def test_a_decided_line_asks_for_no_further_runs():
    assert share_evidence(group(*[True] * 6), RIGHT).further_runs is None


def test_a_diverged_run_and_an_unknown_answer_support_nothing():
    line = share_evidence(group(True, True, None, diverged=[0]), RIGHT)
    assert (line.n, line.count, line.diverged) == (3, 1, 1)


def test_no_runs_are_not_run():
    line = share_evidence(Arm("facts", "mlt", "wd", pd.DataFrame()), RIGHT)
    assert (line.outcome, line.label, line.n, line.count) == (Outcome.NOT_RUN, "facts mlt wd", 0, None)
