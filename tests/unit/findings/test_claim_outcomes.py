from __future__ import annotations

import re
from dataclasses import replace

from tests.support.handmade_findings import (
    WHICH,
    arithmetic,
    lines_of,
    page_of,
    row_of,
    sections,
    sources_of,
    study_of,
)


def test_verdicts_are_those_of_the_table_grouped_by_outcome(base):
    judged = base.claims.copy()
    judged["outcome"] = ["not run", "replicated", *["inconclusive"] * 5, "not replicated"]
    judged["reason"] = ["", "", "needs 17 more runs of joint n14", *[""] * 5]
    judged["parts"] = ["", "", "inconclusive: n14; replicated: n28; not run: mlt", *[""] * 5]
    text = sections(page_of(replace(base, claims=judged)))[WHICH]
    assert (
        "Of the paper's 8 claims: 1 replicated (C2); 1 not replicated (C8); 5 inconclusive (C3, C4, C5, C6, C7); "
        "1 not run (C1)."
    ) in text
    rows = [line.split(" | ")[0].strip("| ") for line in lines_of(text, "| **")]
    assert rows == ["C2", "C8", "C3", "C4", "C5", "C6", "C7", "C1"]
    assert row_of(text, "C3")[2:] == [
        "**inconclusive**",
        "inconclusive: n14; replicated: n28; not run: mlt",
        "2",
        "needs 17 more runs of joint n14",
    ]
    assert row_of(text, "C2")[3] == "-"


def test_a_claim_that_was_not_run_names_the_command(base):
    row = row_of(sections(page_of(base))[WHICH], "C6")
    assert row[2:5] == ["**not run**", "not run: mlt", "0"]
    assert row[5].startswith("`snakemake results/tables/claims.md --config budget=laptop")
    assert "`; One run of the paper's 1,500,000 updates takes about" in row[5]


def test_a_verdict_on_runs_that_depart_has_a_dagger(base):
    text = sections(page_of(base))[WHICH]
    assert row_of(text, "C2")[2] == "**inconclusive†**"
    assert row_of(text, "C1")[2] == "**inconclusive**"
    (said,) = re.findall(r"protocol are behind (.*) \(†\)", text)
    assert said == ", ".join(base.claims["claim"][base.claims["departs"]])


def test_the_evidence_that_decided_has_its_counts_and_no_cell_that_was_not_run(base):
    text = sections(page_of(base))[WHICH]
    assert lines_of(text, "arithmetic n14, all held-out expressions right: 3 of 4 runs [0.194, 0.994]: inconclusive")
    assert lines_of(text, "facts n14, at most 20 % of the facts recalled", "1 of 1 runs")
    decided = text.split("What decided")[1]
    assert "facts n56" not in decided
    assert "**C6" not in decided


def test_the_interval_of_a_difference_is_named_as_the_narrower_one_it_is(base):
    decayed = [arithmetic("n14", [4, 4, 4, 4], weight_decay=0.1)]
    both = sources_of(base.studies | {"weight-decay": study_of(decayed)})
    (line,) = lines_of(sections(page_of(both))[WHICH], "C1, all held-out", "the same with weight decay")
    known = both.evidence[(both.evidence["claim"] == "C5") & both.evidence["estimate"].notna()].iloc[0]
    assert f"n = 8, difference 0.250 [{known['low']:.3f}, {known['high']:.3f}] (at 90%), p = 1" in line
    assert "base 3 of 4" in line
