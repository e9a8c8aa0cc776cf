"""What `make` tells: one line for each job that has results, and three for one that has failed."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from capacity.experiment.run_messages import Job, RunMessages, last_error, result
from capacity.storage import json_files
from snakemake_logger_plugin_capacity import LogHandler

WILDCARDS = {"cell": "task=joint/size=n14/variant=paper", "seeds": "3"}
SEEN = {"correct": 190, "total": 196}
HELD_OUT = {"correct": 3, "total": 4}
FACTS = {"correct": 49, "total": 50}


def run_of(**scores):
    return {"diverged": False, "final": {"scores": scores}}


@pytest.fixture
def messages():
    return RunMessages(lambda: 83.9)


@pytest.fixture
def evaluation(tmp_path):
    path = tmp_path / "evaluation.json"
    json_files.write_json(path, {"runs": [run_of(seen=SEEN, held_out=HELD_OUT, facts_paper_prompts=FACTS)]})
    return Job("evaluate", WILDCARDS, [str(path), str(tmp_path / "answers.parquet")])


def test_a_job_that_was_evaluated_has_one_line_with_its_result(messages, evaluation):
    messages.planned({"evaluate": 12, "train": 12, "total": 24})
    messages.begun(7, evaluation)
    assert messages.ended(7) == [
        "  1:23  1 of 12  joint, n14, seed 3: seen 190 of 196, held out 3 of 4, facts 49 of 50"
    ]


def test_what_differs_from_the_paper_is_in_the_line(messages):
    job = Job("evaluate", {"cell": "task=facts/size=n28/variant=batch-64_facts-10", "seeds": "0-4"}, [])
    assert job.name == "facts, n28, batch-64_facts-10, seeds 0-4"


def test_jobs_without_results_are_silent(messages):
    messages.planned({"train": 1})
    messages.begun(1, Job("train", WILDCARDS, ["results/weights.safetensors"]))
    assert messages.ended(1) == []
    assert messages.ended(99) == []


def test_the_plan_is_told_by_kinds_of_jobs(messages):
    jobs = {"train": 2, "evaluate": 3, "corpus": 5, "plan": 2, "tabulate": 4, "draw": 6, "all": 1, "total": 23}
    assert messages.planned(jobs) == ["Jobs: 2 to train, 3 to evaluate, 10 tables, figures and pages to make."]
    assert messages.planned({"plan": 1, "total": 1}) == []


def test_after_the_last_result_the_rest_is_announced(messages, evaluation):
    messages.planned({"evaluate": 1, "tabulate": 2})
    messages.begun(7, evaluation)
    assert messages.ended(7)[1:] == ["  1:23  Tables, figures and pages follow."]


def test_runs_of_one_job_are_counted_together_and_diverged_ones_named():
    runs = [run_of(seen=SEEN, held_out=HELD_OUT), run_of(seen=SEEN, held_out=HELD_OUT), {"diverged": True}]
    assert result({"runs": runs}) == "1 diverged, seen 380 of 392, held out 6 of 8"


def test_runs_without_questions_say_so():
    assert result({"runs": [run_of(held_out=None)]}) == "not asked anything"


def test_results_of_another_version_are_no_traceback(messages, tmp_path):
    path = tmp_path / "evaluation.json"
    json_files.write_json(path, {"runs": [{"diverged": False}]})
    messages.begun(7, Job("evaluate", WILDCARDS, [str(path)]))
    assert "its results cannot be read (KeyError('final'))" in messages.ended(7)[0]


def test_a_failed_job_has_three_lines_once(messages, tmp_path):
    log = tmp_path / "seeds=3.log"
    log.write_text("update 1 of 5\nerror: device: cuda was asked for\n")
    messages.begun(4, Job("train", WILDCARDS, []))
    what, where, remedy = messages.broken(4, "train", [str(log)], "python -m capacity train")
    assert what == "FAILED  train, joint, n14, seed 3: error: device: cuda was asked for"
    assert where == f"  Its log: {log}"
    assert "give the same command again" in remedy
    assert messages.broken(4, "train", [str(log)], "python -m capacity train") == []


def test_a_job_that_failed_without_a_log_names_its_command(messages):
    lines = messages.broken(4, "plan", [], "python -m capacity plan")
    assert lines[:2] == ["FAILED  plan, plan: it ended without saying why", "  Its command: python -m capacity plan"]


def test_the_error_of_a_log_is_what_the_program_calls_so_or_its_last_line(tmp_path):
    log = tmp_path / "job.log"
    log.write_text("begun\nerror: the disk is full\nKilled by signal 15\n\n")
    assert last_error(log) == "error: the disk is full"
    log.write_text("begun\nIllegal instruction\n")
    assert last_error(log) == "Illegal instruction"
    assert last_error(tmp_path / "none.log") == ""


def test_nothing_in_a_line_is_obeyed_by_a_terminal(messages, tmp_path):
    log = tmp_path / "job.log"
    log.write_text("error: \x1b[2J is not a size\n")
    assert "\x1b" not in messages.broken(1, "train", [str(log)], None)[0]


def said(capsys, level=logging.INFO, message="", **about):
    handler = LogHandler(SimpleNamespace(), None)
    handler.emit(logging.makeLogRecord({"levelno": level, "msg": message} | about))
    return capsys.readouterr().err


def test_of_the_messages_of_snakemake_only_those_for_all_are_shown(capsys):
    assert said(capsys, message="Building DAG of jobs...") == ""
    assert said(capsys, message="Nothing to be done (all requested files are present).").startswith(
        "Nothing to be done"
    )
    assert said(capsys, logging.ERROR, "WorkflowError: no budget") == "WorkflowError: no budget\n"
    assert said(capsys, logging.ERROR, "Exiting because a job execution failed. Look above") == ""
    assert said(capsys, event=LogEvent.RUN_INFO, stats={"train": 3}) == "Jobs: 3 to train.\n"
    assert said(capsys, event=LogEvent.PROGRESS, done=1, total=2) == ""
