from __future__ import annotations

from capacity.tables.summary import summary_frame
from tests.support.handmade_findings import (
    PROMPTS,
    at,
    page_of,
    put,
    row_of,
    sections,
    with_base,
)


def test_the_two_prompts_are_compared_run_by_run(base):
    runs = base.studies["base"].runs
    runs = put(runs, at(runs, "facts", "n28"), final_facts_paper_prompts=0.96)
    runs = put(runs, at(runs, "joint", "n14", 0), final_facts_matched_prompts=0.08)  # of 5 facts by the other prompts
    changed = with_base(base, runs=runs, summary=summary_frame(runs))
    text = sections(page_of(changed))[PROMPTS]
    assert "The paper asks 2 of the 50 facts by another prompt" in text
    assert "`Capital of USA is ` for `Capital of the USA is `" in text
    said = "Of 4 runs asked for facts, 1 recalled more by the prompts of training than by the paper's, 2 as many and 1"
    assert f"{said} fewer." in text
    row = row_of(text, "facts", "base", "n28")
    assert row[4:9] == ["0.960", "1.000", "+2", "0 of 1 [0.000, 0.975]", "1 of 1 [0.025, 1.000]"]
    assert row_of(text, "joint", "base", "n14")[6] == "-1 to 0"
