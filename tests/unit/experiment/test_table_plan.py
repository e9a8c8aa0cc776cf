"""The file of a plan, and the command that writes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from capacity.errors import InputError
from capacity.experiment.configuration import main_configuration
from capacity.experiment.plan import make_plan
from capacity.experiment.table_plan import Job, TablePlan, read_plan, write_plan
from capacity.storage import json_files
from tests.support.commands import run_command
from tests.support.repository import REPOSITORY

CELL = "task=facts/size=n14/variant=paper"
PLAN = TablePlan(
    "base/facts",
    "A study",
    ("facts, n14: iterations 9 (paper: 30000)",),
    (
        Job(CELL, (0, 1, 1337), f"results/cells/{CELL}/seeds=0-9_1337"),
        Job(CELL, (11,), f"results/cells/{CELL}/seeds=11"),
    ),
)


def test_a_plan_that_is_read_back_is_the_same(tmp_path):
    write_plan(tmp_path / "plan.json", PLAN)
    assert read_plan(tmp_path / "plan.json", Path("results/cells")) == PLAN


def test_a_plan_leads_to_copies_of_the_files_in_another_folder(tmp_path):
    write_plan(tmp_path / "plan.json", PLAN)
    copies = read_plan(tmp_path / "plan.json", tmp_path / "copies")
    assert copies.files("history") == [
        f"{tmp_path}/copies/{CELL}/seeds={seeds}/history.parquet" for seeds in ("0-9_1337", "11")
    ]


def test_a_plan_can_be_read_by_eye(tmp_path):
    write_plan(tmp_path / "plan.json", PLAN)
    content = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))
    assert (content["table"], content["title"], content["departures"]) == (PLAN.table, PLAN.title, [*PLAN.departures])
    assert content["files"]["answers"] == "answers.parquet"
    assert content["jobs"][0] == {"cell": CELL, "seeds": "0-1_1337", "folder": f"{CELL}/seeds=0-9_1337"}


def test_a_plan_that_was_edited_is_refused_by_name(tmp_path):
    path = tmp_path / "plan.json"
    write_plan(path, PLAN)
    path.write_text(path.read_text(encoding="utf-8").replace("0-1_1337", "0-2_1337"), encoding="utf-8")
    with pytest.raises(InputError, match=r"plan\.json is damaged"):
        read_plan(path, tmp_path)


@pytest.mark.parametrize("content", [{"jobs": []}, {"jobs": 3}, {"jobs": [{"cell": CELL}]}, {"table": "base"}])
def test_a_file_that_is_not_a_plan_is_refused_by_name(tmp_path, content):
    json_files.write_sealed_json(tmp_path / "other.json", content)
    with pytest.raises(InputError, match=r"other\.json is not the plan of a table"):
        read_plan(tmp_path / "other.json", tmp_path)


@pytest.fixture
def written(tmp_path):
    """A configuration file, and the plan of its study base."""
    config = main_configuration(REPOSITORY)
    json_files.write_json(tmp_path / "configuration.json", config)
    return tmp_path / "configuration.json", make_plan(config, None).table("base")


def write(tmp_path, configuration, *options):
    output = tmp_path / "plan.json"
    run_command("plan", "base", "--configuration", configuration, "--output", output, *options)
    return read_plan(output, Path("results/cells"))


def test_the_command_writes_the_plan_of_a_configuration(written, tmp_path):
    configuration, plan = written
    assert write(tmp_path, configuration) == write(tmp_path, configuration, "--digest", plan.digest) == plan
    assert write(tmp_path, REPOSITORY / "config.yaml") == plan


def test_the_command_keeps_the_jobs_that_are_trained(written, tmp_path):
    configuration, plan = written
    cell = plan.jobs[0].cell
    json_files.write_json(tmp_path / "cells" / cell / "seeds=0-9_1337/run.json", {})
    first, second = write(tmp_path, configuration, "--cells", tmp_path / "cells").jobs[:2]
    assert first == Job(cell, (0, 1, 2, 3, 1337), f"results/cells/{cell}/seeds=0-9_1337")
    assert second.cell != cell


def test_the_command_refuses_a_configuration_that_was_replaced(written, tmp_path):
    configuration, plan = written
    with pytest.raises(SystemExit, match=rf"configuration\.json has changed since.*{plan.digest}, and not 0123"):
        write(tmp_path, configuration, "--digest", "0123")
    assert not (tmp_path / "plan.json").exists()


def test_the_command_refuses_a_configuration_that_cannot_be_run(written, tmp_path):
    configuration, _ = written
    json_files.write_json(configuration, {"budget": "laptop"})
    with pytest.raises(SystemExit, match="is missing"):
        write(tmp_path, configuration)
