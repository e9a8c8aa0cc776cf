from __future__ import annotations

import pytest

from capacity.claims.outcomes import Outcome
from capacity.claims.verdicts import evidence_table, verdicts_table
from tests.support.handmade_studies import laptop, retrained
from tests.support.handmade_verdicts import CLAIMS, judge


def test_departures_are_marked_and_told(base):
    found = judge(base=retrained(base, laptop))
    assert found["C1"].text == "replicated†"
    assert found["C1"].protocol == "† departs from the paper's: arithmetic n14: iterations 3600 (paper: 30000)"
    assert found["C2"].protocol == (
        "† departs from the paper's: arithmetic n28, arithmetic n56: iterations 3600 (paper: 30000); arithmetic mlt: "
        "learning rate 0.001 (paper: 1e-05), batch 32 (paper: 882), iterations 800 (paper: 30000)"
    )
    assert found["C8"].text.startswith("inconclusive† (")
    assert "mlt" not in found["C8"].protocol
    assert found["C5"].text == "not run"


def test_the_frames_hold_what_the_page_says(base):
    found = judge(base=base)
    frame = verdicts_table(found.values())
    assert frame["claim"].tolist() == CLAIMS
    assert frame["verdict"].tolist() == [verdict.text for verdict in found.values()]
    evidence = evidence_table(found.values())
    assert len(evidence) == sum(len(verdict.conclusion.evidence) for verdict in found.values())
    row = evidence[(evidence["claim"] == "C1") & (evidence["outcome"] == Outcome.REPLICATED)].iloc[0]
    assert (row["label"], row["count"], row["n"]) == ("arithmetic n14", 20, 20)
    assert row["low"] == pytest.approx(0.832, abs=5e-4)
