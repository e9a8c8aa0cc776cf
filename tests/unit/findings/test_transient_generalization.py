from __future__ import annotations

import pandas as pd

from tests.support.handmade_findings import (
    TRANSIENT,
    generalizing,
    page_of,
    row_of,
    sections,
)


def test_runs_that_generalize_for_a_while_only_are_counted(base):
    events = [("n28", 0, 500, 750, False, 0.25), ("n28", 1, 1500, 1750, False, 0.75), ("n14", 0, 250, 500, True, 0.5)]
    text = sections(page_of(generalizing(base, *events)))[TRANSIENT]
    assert (
        "- Arithmetic alone, base: of 13 runs, 3 had all held-out expressions right at one evaluation or more, and 1"
        in text
    )
    assert "2 **generalized for a while only**. 3 lost it at least once" in text
    row = row_of(text, "arithmetic", "base", "n28")
    assert row[4:] == [
        *("2 of 4 [0.068, 0.932]", "0 of 4 [0.000, 0.602]", "2", "500 to 1,500", "2 of 2", "750 to 1,750", "50%"),
        "250",
    ]
    assert row_of(text, "arithmetic", "base", "n14")[6:11] == ["0", "250", "1 of 1", "500", "50%"]
    assert "- Jointly, base: of 2 runs, 0 had" in text


def test_without_a_transient_run_none_is_claimed(base):
    kept = sections(page_of(generalizing(base, ("n14", 0, 250, pd.NA, True, 1.0))))[TRANSIENT]
    assert "None generalized for a while only. 0 lost it at least once" in kept
    never = sections(page_of(base))[TRANSIENT]
    assert "generalized for a while only" not in never
    assert "lost it" not in never
