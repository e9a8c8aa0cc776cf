from __future__ import annotations

import io
import os
import shutil
from typing import Any

import pytest
from rich.console import Console

from capacity.experiment.configuration import NEWEST, main_configuration
from capacity.experiment.plan import make_plan
from capacity.experiment.status import (
    STALE_SECONDS,
    STATES,
    JobStatus,
    current_studies,
    duration,
    heading,
    statuses,
    table,
    totals_of,
)
from capacity.storage import json_files
from tests.support.commands import run_command
from tests.support.repository import REPOSITORY

NOW = 2_000_000_000.0
CELL = "task=facts/size=n14/variant=paper"
CONFIG: dict[str, Any] = {
    "budget": "hand",
    "sizes": {"n14": {"layers": 1, "heads": 1, "width": 14, "mlp_factor": 1}},
    "studies": {"base": {"title": "One cell", "grids": [{"task": ["facts"], "size": ["n14"]}]}},
    "budgets": {"hand": {"seeds_per_job": 1, "cells": [{"seeds": ["0-5"]}]}},
}
CONFIG_OF_A_RUN = {"paper": {"run": ["base"], "seeds_per_job": 1, "cells": [{"seeds": [3]}]}}
PROGRESS = {"cell": CELL, "updates_in_all": 30000, "updates": 15000, "loss": 0.25, "updates_per_second": 120.0}


def folder_of(root, seed):
    return root / "results/cells" / CELL / f"seeds={seed}"


def write_progress(root, seed, seconds_ago, **changes):
    path = folder_of(root, seed) / "progress.json"
    json_files.write_json(path, PROGRESS | {"seeds": str(seed), "seconds_left": 125} | changes)
    os.utime(path, (NOW - seconds_ago, NOW - seconds_ago))


@pytest.fixture
def jobs(tmp_path):
    """The status of six jobs: 0 waits, 1 and 5 run, 2 fell silent an hour ago, 3 is trained, 4 is evaluated."""
    write_progress(tmp_path, 1, seconds_ago=5)
    write_progress(tmp_path, 2, seconds_ago=3600, updates=300)
    write_progress(tmp_path, 5, seconds_ago=1, updates=0, loss=None, updates_per_second=0.0, seconds_left=None)
    json_files.write_json(folder_of(tmp_path, 3) / "run.json", {})
    json_files.write_json(folder_of(tmp_path, 4) / "run.json", {})
    json_files.write_json(folder_of(tmp_path, 4) / "evaluation.json", {})
    plan = make_plan(CONFIG, tmp_path / "results/cells")
    return statuses(plan, ["base"], tmp_path, NOW)


@pytest.fixture
def by_seed(jobs):
    return {job.seeds: job for job in jobs}


def printed(sheet, width=200):
    out = io.StringIO()
    Console(file=out, width=width).print(sheet)
    return out.getvalue()


def test_every_job_is_there_once_and_running_ones_come_first(jobs):
    assert [job.seeds for job in jobs][:2] == ["1", "5"]
    assert sorted(job.seeds for job in jobs) == ["0", "1", "2", "3", "4", "5"]
    assert {job.cell for job in jobs} == {CELL}
    order = [STATES.index(job.state) for job in jobs]
    assert order == sorted(order)


def test_a_job_without_files_waits(by_seed):
    assert (by_seed["0"].state, by_seed["0"].detail) == ("waiting", "")


def test_a_running_job_says_how_far_it_is(by_seed):
    assert by_seed["1"].state == "running"
    for words in ("50%", "0.25", "120.0 updates/s", "2:05 left"):
        assert words in by_seed["1"].detail


def test_a_job_that_has_just_begun_says_what_it_knows(by_seed):
    assert by_seed["5"].state == "running"
    assert "0%" in by_seed["5"].detail
    assert "None" not in by_seed["5"].detail


def test_a_job_that_fell_silent_does_not_run(by_seed):
    assert by_seed["2"].state == "waiting"
    for words in ("stopped at 1%", "silent for 60 minutes"):
        assert words in by_seed["2"].detail


def test_a_job_is_silent_only_after_some_time(tmp_path):
    for seconds, state in ((STALE_SECONDS - 1, "running"), (STALE_SECONDS + 1, "waiting")):
        write_progress(tmp_path, 0, seconds_ago=seconds)
        plan = make_plan(CONFIG, tmp_path / "results/cells")
        states = {job.seeds: job.state for job in statuses(plan, ["base"], tmp_path, NOW)}
        assert states["0"] == state


@pytest.mark.parametrize(
    "progress", [[], {}, 3, {"updates": 1}, PROGRESS | {"updates_in_all": 0}, PROGRESS | {"loss": "x"}]
)
def test_progress_of_another_kind_is_named_and_the_rest_shown(tmp_path, progress):
    json_files.write_json(folder_of(tmp_path, 1) / "progress.json", progress)
    jobs = statuses(make_plan(CONFIG, tmp_path / "results/cells"), ["base"], tmp_path, NOW)
    assert next(job.detail for job in jobs if job.detail).startswith("progress.json cannot be read")
    assert len(jobs) == 6


def test_progress_that_is_a_pipe_is_not_waited_for(tmp_path):
    folder_of(tmp_path, 1).mkdir(parents=True)
    os.mkfifo(folder_of(tmp_path, 1) / "progress.json")
    jobs = statuses(make_plan(CONFIG, tmp_path / "results/cells"), ["base"], tmp_path, NOW)
    assert "is a pipe" in next(job.detail for job in jobs if job.detail)


def test_a_trained_job_is_not_done_before_it_is_evaluated(by_seed):
    assert by_seed["3"].state not in ("done", "running", "waiting")
    assert by_seed["4"].state == "done"


def test_a_job_of_two_studies_appears_once(tmp_path):
    again = CONFIG["studies"] | {"again": CONFIG["studies"]["base"]}
    plan = make_plan(CONFIG | {"studies": again}, tmp_path)
    assert len(statuses(plan, ["base", "again"], tmp_path, NOW)) == 6


def test_the_table_has_totals_that_count_every_job(jobs):
    lines = printed(table(jobs, 40)).splitlines()
    third = next(job.state for job in jobs if job.seeds == "3")
    for words in ("2 running", "2 waiting", f"1 {third}", "1 done"):
        assert words in lines[0]
    assert len([line for line in lines if "facts" in line]) == 6


def test_a_long_table_is_cut_and_says_so(jobs):
    text = printed(table(jobs, 2))
    assert "and 4 more" in text
    assert "1 done" in text
    assert text.count("facts") == 2


def test_an_empty_table_can_be_printed():
    assert "0 running" in printed(table([], 40))


@pytest.fixture
def root(tmp_path):
    """A folder as a clone of the repository is, before anything was run in it."""
    shutil.copy(REPOSITORY / "config.yaml", tmp_path)
    return tmp_path


def test_the_command_prints_the_jobs_of_the_budget(root, capsys):
    run_command("status", "--root", root, "--rows", "3")
    text = capsys.readouterr().out
    assert "0 running" in text
    assert "0 done" in text
    assert "waiting" in text
    assert "more" in text


def test_the_command_knows_other_budgets_and_studies(root, capsys):
    run_command("status", "--root", root, "--budget", "paper", "--study", "grokking")
    assert "0 running, 1 waiting" in capsys.readouterr().out


def test_the_command_looks_at_the_newest_run_whatever_its_configuration_was(root, capsys):
    json_files.write_json(root / NEWEST, main_configuration(root, "paper") | {"budgets": CONFIG_OF_A_RUN})
    run_command("status", "--root", root)
    assert "0 running, 12 waiting" in capsys.readouterr().out
    run_command("status", "--root", root, "--study", "grokking")
    assert "0 running, 1 waiting" in capsys.readouterr().out


def test_a_job_of_no_study_is_shown_while_it_runs(root, capsys):
    write_progress(root, 77, 0)
    os.utime(folder_of(root, 77) / "progress.json")
    elsewhere = root / "results/cells/task=sums/size=n14/variant=paper/seeds=0/progress.json"
    json_files.write_json(elsewhere, PROGRESS)
    run_command("status", "--root", root, "--rows", "1")
    text = capsys.readouterr().out
    assert "1 running" in text
    assert "77" in text


def test_studies_whose_plans_are_there_are_looked_at_with_those_that_the_budget_runs(tmp_path):
    study = CONFIG["studies"]["base"]
    plan = make_plan(CONFIG | {"studies": dict.fromkeys(("base", "asked", "other", "task"), study)}, None)
    for name in ("asked.json", "task/facts.json", "removed.json"):
        json_files.write_json(tmp_path / "results/plans" / name, {})
    assert current_studies(plan, ["base"], tmp_path) == ["base", "asked", "task"]
    assert current_studies(plan, ["base"], tmp_path / "empty") == ["base"]


def test_an_unknown_study_is_refused_by_name(root):
    with pytest.raises(SystemExit, match="'nosuch' is not one of base"):
        run_command("status", "--root", root, "--study", "nosuch")


def job_of(state, share=0.0, updates_per_second=0.0):
    return JobStatus(CELL, "0", state, "", share, updates_per_second)


def test_the_share_of_all_training_counts_jobs_by_how_long_they_take():
    longer = "task=facts/size=n14/variant=iterations-90000"
    assert totals_of([job_of("done", 1.0), JobStatus(longer, "0", "waiting", "")]).share == pytest.approx(
        0.25, abs=0.01
    )
    assert totals_of([]).share == 1


def test_the_time_left_is_that_of_what_is_left_at_the_speed_of_the_running_jobs():
    """Of 30,000 updates a job each: 15,000 are left at 100 a second, and 30,000 more at the same."""
    running = job_of("running", 0.5, 100.0)
    assert totals_of([running]).seconds_left == pytest.approx(150)
    assert totals_of([running, job_of("waiting")]).seconds_left == pytest.approx(450)
    assert totals_of([running, running, job_of("waiting")]).seconds_left == pytest.approx(300)
    assert totals_of([job_of("waiting")]).seconds_left is None


def test_the_heading_has_a_bar_of_all_training_with_the_time_left():
    text = heading([job_of("running", 0.5, 100.0), job_of("waiting"), job_of("done", 1.0), job_of("done", 1.0)])
    assert text.splitlines() == [
        "1 running, 1 waiting, 0 trained, 2 done",
        f"{'#' * 25}{'.' * 15} 62% of the training, about 8 min left",
    ]


def test_a_time_is_told_in_minutes_and_from_an_hour_on_in_hours():
    assert [duration(seconds) for seconds in (0, 100, 3570, 3600, 49_000)] == [
        "1 min",
        "2 min",
        "1 h 00 min",
        "1 h 00 min",
        "13 h 37 min",
    ]


def test_the_part_of_a_stopped_job_that_is_done_counts(by_seed):
    assert by_seed["2"].share == pytest.approx(0.01)
    assert by_seed["2"].updates_per_second == 0
