from __future__ import annotations

import pytest

from capacity.errors import InputError
from capacity.storage import json_files
from capacity.tables.origins import on_page, read_origin
from tests.support.handmade_results import PAPER

RECALL = "task=facts/size=n14/variant=paper"


def job(code, cell=PAPER.name, seed=0):
    return {"cell": cell, "seeds": [seed], "source_digest": code}


def test_a_page_says_when_runs_of_a_task_were_trained_by_different_code_and_by_how_many_jobs():
    runs = [job("a" * 64), job("b" * 64, seed=1), job("a" * 64, seed=2), job("c" * 64, RECALL)]
    (line,) = on_page("page\n", runs).removeprefix("page\n\n").splitlines()
    assert "**Not all runs were trained by the same code**" in line
    assert f"arithmetic (2 by {'a' * 12}, 1 by {'b' * 12})" in line
    assert "facts" not in line


@pytest.mark.parametrize("runs", [[], [job("a")], [job("a"), job("a", seed=1), job("c", RECALL)]])
def test_a_page_says_nothing_where_one_code_trained_all_runs_of_each_task(runs):
    """The code of two tasks always differs."""
    assert on_page("page\n", runs) == "page\n"


WHOLE = {
    "stage": "tabulate", "settings": {"table": "base", "plan": "a"}, "files": {}, "read": {}, "runs": [job("a")],
    "jobs": [{"cell": PAPER.name, "seeds": "0"}],
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        *({"runs": runs} for runs in (None, 3, "x", {}, ["x"], [3], [{"cell": PAPER.name}], [job("a") | {"seeds": 0}])),
        *({"jobs": jobs} for jobs in (None, 3, ["x"], [{}], [{"cell": "x", "seeds": "0"}], [{"cell": None}])),
        *({"jobs": [{"cell": PAPER.name, "seeds": seeds}]} for seeds in (None, "x", 0, ["0"])),
        {"settings": None},
    ],
)
def test_a_record_of_runs_that_lacks_a_key_or_has_it_of_another_type_is_refused_by_file(tmp_path, change):
    path = tmp_path / "runs.json"
    json_files.write_sealed_json(path, WHOLE)
    assert read_origin(path).table == "base"
    json_files.write_sealed_json(path, WHOLE | change)
    with pytest.raises(InputError, match=r"runs\.json (is not the record|does not say which runs)"):
        read_origin(path)
