from __future__ import annotations

import re

import numpy

from capacity.experiment.cell import make_cell
from capacity.findings.sources import StudyTables
from capacity.paper.protocol import SIZES
from capacity.tables.runs import MEASURES
from capacity.tables.summary import summary_frame
from tests.support.handmade_findings import (
    PROMPTS,
    RUN,
    SPREAD,
    arithmetic,
    at,
    eventless,
    lines_of,
    other,
    page_of,
    put,
    row_of,
    sections,
    sources_of,
    study_of,
    with_base,
)
from tests.support.handmade_results import evaluation, frames, run


def test_seeds_are_counted_by_how_many_expressions_they_answer(base):
    text = sections(page_of(base))[SPREAD]
    row = row_of(text, "base", "n28")
    assert row[2:8] == ["4", "2", "1", "1", "0", "0"]
    assert row[8].startswith("0.188 [")
    assert row[9:12] == ["0 of 4 [0.000, 0.602]", "4 of 4 [0.398, 1.000]", "0 of 4"]
    assert row_of(text, "base", "n14")[6:8] == ["1", "3"]


def test_what_one_seed_would_have_shown_is_set_against_all(base):
    text = sections(page_of(base))[SPREAD]
    rule = "of its seeds at the final iterate, 3 of 4 [0.194, 0.994] by the paper's rule; seed 1337 does so at"
    assert f"- n14 (all held-out expressions right): 3 of 4 [0.194, 0.994] {rule} the final iterate.\n" in text
    assert "- n28 (no held-out expression right): 2 of 4 [0.068, 0.932] of its seeds at the final" in text
    assert "- mlt† (no held-out expression right): 0 of 1" in text
    assert "seed 1337 does not do so at the final iterate. One seed shows no spread." in text
    assert "All of n14, n28, n56 at once do as the paper says in 2 of 4 [0.068, 0.932] of the seeds" in text


def test_the_paper_s_rule_stands_beside_the_final_iterate(base):
    runs = base.studies["base"].runs
    runs = put(runs, at(runs, "arithmetic", "n28"), paper_best_held_out=1.0)
    (line,) = lines_of(sections(page_of(with_base(base, runs=runs)))[SPREAD], "- n28 (")
    assert "2 of 4 [0.068, 0.932] of its seeds at the final iterate, 0 of 4 [0.000, 0.602] by the paper's rule" in line


def test_one_seed_has_no_interval_and_no_spread():
    text = page_of(sources_of({"base": study_of([arithmetic("n14", [4])])}))
    assert row_of(sections(text)[SPREAD], "base", "n14")[8] == "1.000"
    assert "One seed shows no spread." in text
    assert "Fewer than two of the one-layer sizes were run" in text


def test_seeds_that_no_two_sizes_share_show_no_pattern():
    n14, n28 = (make_cell("arithmetic", SIZES[size]) for size in ("n14", "n28"))
    parts = [evaluation(n14, [run(n14, 1)]), evaluation(n28, [run(n28, 2)])]
    text = sections(page_of(sources_of({"base": study_of(parts)})))[SPREAD]
    assert "No seed was run for all of n14, n28" in text
    assert text.count("seed 1337 was not run.") == 2
    assert row_of(text, "base", "n14")[-1] == "not run"  # the last cell, of departures, is empty


def test_a_diverged_seed_is_named_counted_and_shows_nothing():
    """NaN in all scores: neither all nor none of the expressions is right."""
    runs, _ = frames([arithmetic("n14", [4, 4]), arithmetic("n28", [0, 0]), other("facts", "n14", 5, 5)])
    lost = (runs["seed"] == 1337) & runs["size"].isin(["n14", "n28"])
    gone = [name for name in MEASURES if name in runs]
    runs = put(runs, lost, diverged=True, generalizes=False, fits_arithmetic=False, **dict.fromkeys(gone, numpy.nan))
    summary = summary_frame(runs)
    found = sections(page_of(sources_of({"base": StudyTables(runs, summary, eventless(runs))})))
    assert "3 diverged (arithmetic n14 seed 1337, arithmetic n28 seed 1337, facts n14 seed 1337)" in found[RUN]
    shown = "1 of 2 [0.013, 0.987]"
    assert row_of(found[SPREAD], "base", "n14")[2:10] == ["2 (1 diverged)", "0", "0", "0", "0", "1", "1.000", shown]
    assert row_of(found[SPREAD], "base", "n28")[-1] == "diverged"
    assert (
        "n28 (no held-out expression right): 1 of 2 [0.013, 0.987] of its seeds at the final iterate, " in found[SPREAD]
    )
    assert "Of 1 run asked for facts, 0 recalled more" in found[PROMPTS]
    assert not re.search(r"\bnan\b", "".join(found.values()).lower())
