from __future__ import annotations

from dataclasses import replace

from tests.support.handmade_findings import (
    RUN,
    SPREAD,
    arithmetic,
    lines_of,
    other,
    page_of,
    row_of,
    sections,
    sources_of,
    study_of,
)


def test_what_was_run_is_listed_with_seeds_and_departures(base):
    text = sections(page_of(base))[RUN]
    assert text.strip().startswith("17 runs in all, 0 diverged. 7 of the paper's 24 cells were run, 6 of them by")
    assert "(arithmetic n14, arithmetic n28, arithmetic n56, facts n14, facts n28, joint n14)" in text
    assert "Not run: arithmetic n14 wd" in text
    assert row_of(text, "base", "arithmetic", "n14")[3:6] == ["4", "0-2, 1337", "30,000"]
    assert row_of(text, "base", "arithmetic", "mlt†")[3:] == ["1", "1337", "800", "[1]"]
    assert lines_of(text, "[1] Departs", "iterations 800 (paper: 30000)")
    assert "**No run of MLT follows the paper's protocol**" in text


def test_mlt_by_the_paper_s_protocol_is_not_marked():
    text = page_of(sources_of({"base": study_of([arithmetic("mlt", [0])])}))
    assert "mlt†" not in text
    assert "**MLT" not in text
    assert "of MLT follows" not in text


def test_mlt_partly_by_the_paper_s_protocol_is_counted():
    parts = [arithmetic("mlt", [0]), other("facts", "mlt", 50, batch=16)]
    assert "**1 of the 2 cells of MLT** do not follow" in page_of(sources_of({"base": study_of(parts)}))


def test_a_run_of_two_studies_is_counted_once(base):
    again = replace(base, studies=base.studies | {"again": base.studies["base"]})
    assert sections(page_of(again))[RUN].strip().startswith("17 runs in all")


def test_a_study_of_many_cells_has_one_row_with_the_axes_that_vary_and_no_notes_of_its_own(base):
    rates = [round(0.001 * number, 3) for number in range(1, 14)]
    many = study_of([arithmetic("n28", [0, 2], learning_rate=rate, batch=16) for rate in rates])
    text = sections(page_of(replace(base, studies=base.studies | {"many": many})))[RUN]
    row = row_of(text, "many", "arithmetic", "13 cells by learning rate†")
    assert row[3:] == ["26", "0, 1337", "30,000", "13 of 13"]
    assert "batch 16" not in text
    few = study_of([arithmetic("n28", [0, 2], learning_rate=rate, batch=16) for rate in rates[:12]])
    text = sections(page_of(replace(base, studies=base.studies | {"few": few})))[RUN]
    assert sum("| few |" in line for line in text.splitlines()) == 12
    assert "batch 16" in text


def test_a_study_of_other_cells_is_named_and_kept_out_of_the_prose(base):
    own = study_of([arithmetic("n14", [0, 0, 0, 0], batch=16)])
    page = page_of(replace(base, studies=base.studies | {"own": own}))
    assert "Of own this page has the next table and the verdicts only: " in sections(page)[RUN]
    assert sections(page)[SPREAD] == sections(page_of(base))[SPREAD]
    assert "this page has the next table" not in page_of(base)
