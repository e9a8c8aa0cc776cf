"""A study with a question and an answer from the configuration alone: its page, the laboratory, and what reruns."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from tests.support.clones import STUDIES, TITLE
from tests.support.commands import run_command

QUESTION = "--output of </script><b>_this_</b>: is it the order [of] 'lines'?"
STUDY = {
    "title": TITLE,
    "question": QUESTION,
    "answer": {"rule": "difference", "between": {"stream": ["fixed", "reshuffled"]}, "measure": "fits"},
    "grids": [{"task": ["arithmetic"], "size": ["n14"], "stream": ["fixed", "reshuffled"]}],
}
SMALL = {
    "device": "cpu",
    "studies": {"order": STUDY},
    "budgets": {
        "laptop": {
            "run": ["order"],
            "seeds_per_job": 6,
            "cells": [{"set": {"iterations": 4, "batch": 8, "evaluation_interval": 2}, "seeds": ["0-5"]}],
        }
    },
}
PAGE = "results/studies/order/index.md"


@pytest.fixture(scope="module")
def made(make_clone):
    """A clone in which the page of the laboratory was made, and with it that of the study."""
    clone = make_clone("study clone", STUDIES)
    clone.configure("small.yaml", SMALL)
    clone.snakemake("--configfile", "small.yaml", "--", "results/laboratory.md", "results/manifests/order.sha256")
    return clone


def test_the_page_answers_the_question_with_the_runs_that_there_are(made):
    page = (made.folder / PAGE).read_text(encoding="utf-8")
    assert "<b>" not in page
    assert page.startswith("# --output of &lt;/script&gt;&lt;b&gt;\\_this\\_")
    assert "## Answer: cannot be told" in page
    assert "? cannot be told (0 of 6 runs \\[0.000, 0.459\\] with stream fixed, 0 of 6 runs" in page
    assert "2 cells and 12 runs." in page
    assert "4 updates (paper: 30,000)" in page
    for link in re.findall(r"(?<!\\)\]\(([^)]+)\)", page):
        assert (made.folder / PAGE).parent.joinpath(link).resolve().is_file(), link
    answer = json.loads((made.folder / PAGE).with_name("answer.json").read_text(encoding="utf-8"))
    assert (answer["question"], answer["answer"]["runs"]) == (QUESTION, 12)
    laboratory = (made.folder / "results/laboratory.md").read_text(encoding="utf-8")
    assert laboratory.count("| [order](studies/order/index.md) |") == 1


def test_a_second_run_has_nothing_to_do_and_another_rule_makes_the_page_alone_again(made):
    targets = ("--", "results/laboratory.md", "results/manifests/order.sha256")
    assert made.planned("--configfile", "small.yaml", *targets) == []
    changed = json.loads(json.dumps(SMALL))
    changed["studies"]["order"]["answer"]["measure"] = "all-right"
    made.configure("changed.yaml", changed)
    rerun = Counter(job.rule for job in made.planned("--configfile", "changed.yaml", *targets))
    assert rerun == Counter(answer=1, laboratory=1, manifest=1, report_of_study=1)


def test_the_pages_are_verified_and_a_damaged_one_is_named(made, monkeypatch, capsys):
    monkeypatch.chdir(made.folder)
    page = made.folder / PAGE
    before = page.read_bytes()
    try:
        page.write_bytes(before + b"x")
        with pytest.raises(SystemExit):
            run_command("verify")
    finally:
        page.write_bytes(before)
    said = capsys.readouterr().out
    assert said.count("damaged  ") == 1
    assert "studies/order/index.md" in said
    assert "foreign" not in said


def test_what_the_budget_leaves_out_is_not_run_with_the_command_that_would_run_it(made):
    """A plan alone: the command that the page would name."""
    config = json.loads(json.dumps(SMALL))
    config["studies"]["order"]["answer"] |= {"between": {"size": ["n14", "n28"]}}
    config["studies"]["order"]["grids"][0]["size"] = ["n14", "n28"]
    config["budgets"]["laptop"]["leave_out"] = [{"size": ["n28"]}]
    config["budgets"]["more"] = {key: value for key, value in config["budgets"]["laptop"].items() if key != "leave_out"}
    made.configure("left-out.yaml", config)
    said = made.snakemake("--configfile", "left-out.yaml", "--dry-run", "--printshellcmds", "--", PAGE)
    (command,) = [line for line in said.splitlines() if " capacity answer " in line]
    assert "--left-out 'arithmetic, n28'" in command
    assert f"--complete-command='snakemake {PAGE} --config budget=more'" in command
