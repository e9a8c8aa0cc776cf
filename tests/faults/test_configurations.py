"""The campaign of random configurations, in small. ``python -m tests.faults.configurations`` runs it at length."""

from __future__ import annotations

from tests.faults.configurations import campaign


def test_of_300_configurations_none_hangs_ends_in_a_traceback_or_is_refused_after_it_was_accepted():
    counts, broken = campaign(20261127, range(300))
    assert broken == {}
    assert counts["accepted"] >= 15
    assert counts["refused"] >= 100
    assert counts["seconds of the slowest refusal"] < 8  # four times what is promised, for machines that do much else
