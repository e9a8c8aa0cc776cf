"""The campaign of damages, in small. ``python -m tests.faults.damages`` runs it at length."""

from __future__ import annotations

from tests.faults.damages import DAMAGES, campaign


def test_of_24_damaged_files_each_is_found_refused_and_made_anew_and_of_24_forged_none_ends_in_a_traceback(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    counts, broken = campaign(20261127, 24)
    assert broken == []
    damaged, forged = counts["damaged"], counts["forged"]
    assert damaged["files"] > 18
    with_their_record = damaged["made anew with its record, which was damaged too"]
    assert damaged["found by verify"] + with_their_record == damaged["files"]
    assert with_their_record < 6
    assert damaged["refused by name"] + damaged["taken"] + damaged["read by no stage"] == damaged["files"]
    assert damaged["refused by name"] >= 3
    assert damaged["made anew in the same bytes"] >= 12
    assert sum(damaged[f"kind: {kind}"] for kind in DAMAGES) == damaged["files"]
    assert forged["files"] > 15
    assert forged["refused by name"] >= 6
