from __future__ import annotations

from tests.support.handmade_findings import (
    JOINT,
    changed_summary,
    other,
    page_of,
    put,
    row_of,
    sections,
    sources_of,
    study_of,
    with_base,
)


def test_joint_runs_stand_beside_the_same_size_alone(base):
    text = sections(page_of(base))[JOINT]
    assert "2 of 2 joint runs answer no held-out expression. 2 of 2 fit the seen expressions, and 2 of those 2" in text
    row = row_of(text, "n14", "2")
    assert row[2].startswith("0.938 [")
    assert row[2].endswith("(n = 4)")
    assert row[3] == "0.000 [0.000, 0.000]"
    assert row[6:8] == ["0.100 (n = 1)", "0.090 [0.080, 0.100]"]


def test_joint_runs_that_do_not_fit_are_no_evidence_on_generalization(base):
    runs = put(base.studies["base"].runs, base.studies["base"].runs["task"] == "joint", fits_arithmetic=False)
    text = sections(page_of(with_base(base, runs=runs)))[JOINT]
    assert "0 of 2 fit the seen expressions: a run that does not fit" in text


def test_joint_runs_of_another_protocol_than_the_runs_alone_are_named(base):
    assert "do not follow one protocol" not in sections(page_of(base))[JOINT]
    text = sections(page_of(changed_summary(base, "joint", "n14", departs="iterations 3000 (paper: 30000)")))[JOINT]
    assert "Of n14† the runs alone and the joint ones do not follow one protocol" in text


def test_a_joint_size_that_was_not_run_alone_says_so():
    text = sections(page_of(sources_of({"base": study_of([other("joint", "n28", 50)])})))[JOINT]
    assert row_of(text, "n28", "1")[2:8] == ["not run", "0.000", "not run", "1.000", "not run", "1.000"]
