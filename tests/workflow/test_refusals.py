"""What Snakemake says of configurations and targets that cannot be: one message, no traceback, and no waiting."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.support.clones import STUDIES
from tests.support.random_configurations import judge, make_text

TRACES = ("Traceback", 'src/capacity/experiment/workflow.py", line')


@pytest.fixture
def refused(clone, tmp_path):
    """Runs Snakemake in a folder of its own, whose config.yaml a function makes; what it says."""

    def run(make, *arguments):
        make(tmp_path / "config.yaml")
        said = clone.snakemake("--dry-run", "--directory", str(tmp_path), *arguments, succeeds=False)
        assert [words for words in TRACES if words in said] == [], said
        assert "Job stats" not in said
        return said

    return run


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("budget: 2001-99-99", "config.yaml, line 1 is not YAML of plain values"),
        ("budget: " + "9" * 5000, "config.yaml, line 1: an integer of 5,000 digits"),
        ("budget: " + "[" * 5000, "config.yaml, line 1: mappings and lists are nested more than 20 deep"),
        ("budget: !!int x", "config.yaml is not YAML"),
        ("budget: \t[", "config.yaml, line 1, column 9 is not YAML"),
        ('{"budget": "laptop", "budget": "paper"}', "config.yaml: the key 'budget' appears twice"),
        ("budget: x\n" * 20_000, "config.yaml has 200,000 characters"),
        ("a: \x1b[2J", "is not YAML"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused_before_snakemake_reads_it(refused, text, words):
    assert words in refused(lambda path: path.write_text(text))


def test_a_file_that_is_no_text_is_refused(refused):
    assert "is not text in UTF-8" in refused(lambda path: path.write_bytes(b"budget: \xff"))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (os.mkfifo, "config.yaml is a pipe, and has to be a file"),
        (lambda path: path.symlink_to("/dev/zero"), "config.yaml is a device, and has to be a file"),
        (Path.mkdir, "Is a directory"),
    ],
)
def test_what_is_no_file_is_refused_and_not_waited_for(refused, make, words):
    assert words in refused(make)


def test_a_key_that_appears_twice_in_json_is_refused(clone):
    (clone.folder / "twice.json").write_text('{"budget": "laptop", "budget": "paper"}')
    said = clone.snakemake("--dry-run", "--configfile", "twice.json", succeeds=False)
    assert "twice.json: the key 'budget' appears twice" in said
    assert "Traceback" not in said


def test_numbers_within_a_mapping_of_the_command_line_are_numbers(clone):
    own = '{title: Own, grids: [{task: [facts], size: [n14], learning_rate: [0.01, 1.0e-3], seeds: [3, "5-6"]}]}'
    planned = clone.planned(
        "results/tables/own/summary.csv", "--config", f"studies={{own: {own}}}", "budgets={laptop: {seeds_per_job: 2}}"
    )
    trained = {job.outputs[0].split("/variant=")[1].rsplit("/", 1)[0] for job in planned if job.rule == "train"}
    names = ("iterations-10000", "iterations-10000_learning_rate-0.001")
    assert trained == {f"{name}/seeds={seeds}" for name in names for seeds in ("3_5", "6")}


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("results/figures/nosuch/tradeoff.pdf", "error: study 'nosuch' is not one of base, "),
        ("results/tables/nosuch/summary.csv", "error: study 'nosuch' is not one of base, "),
        ("results/figures/grokking/facts.pdf", "error: study 'grokking' has no facts cells"),
        (
            "results/cells/task=facts/size=n99999/variant=paper/seeds=0/run.json",
            "width: 99999 must be from 1 to 16,384",
        ),
        ("results/cells/task=facts/size=n14/variant=facts-x/seeds=0/run.json", "'x' is not a value of facts"),
        ("results/cells/task=facts/size=n14/variant=paper/seeds=9999999999/run.json", "is above 4294967295"),
        ("results/cells/task=facts/size=n14/variant=paper/seeds=3_2/run.json", "write '2-3'"),
        ("results/corpora/facts_facts-999.parquet", "facts: 999 is more than 50, the most with fact_kind 'capitals'"),
    ],
)
def test_an_unknown_target_is_refused_without_a_traceback(clone, target, words):
    said = clone.snakemake("--dry-run", target, succeeds=False)
    assert words in said
    assert [words for words in TRACES if words in said] == [], said


def test_a_refused_run_leaves_no_lock(make_clone):
    clone = make_clone("refused run", STUDIES)
    said = clone.snakemake("--cores", "1", "results/figures/nosuch/tradeoff.pdf", succeeds=False)
    assert "error: study 'nosuch' is not one of" in said
    assert not list((clone.folder / ".snakemake/locks").glob("*"))


def test_a_clone_in_a_folder_with_braces_is_refused_in_words(clone, make_clone):
    other = make_clone("with {braces}", STUDIES)
    said = other.snakemake("--dry-run", succeeds=False)
    assert "Snakemake takes braces in a path for the name of a variable" in said
    assert "Traceback" not in said
    assert "NameError" not in said


def test_a_working_folder_with_braces_is_taken(clone, tmp_path):
    folder = tmp_path / "with {braces}"
    folder.mkdir()
    shutil.copy(clone.folder / "config.yaml", folder)
    assert "Job stats" in clone.snakemake("--dry-run", "--directory", str(folder))


@pytest.mark.parametrize("seed", [1, 2])
def test_snakemake_takes_and_refuses_the_configurations_that_the_campaign_does(clone, tmp_path, seed):
    """The first of each kind, of some random configurations."""
    wanted = {"accepted": 3, "refused": 5}
    for number in range(100):
        text, suffix = make_text(seed, number)
        with tempfile.TemporaryDirectory() as folder:
            outcome = judge(text, suffix, Path(folder))
        if not wanted[outcome.kind] or outcome.cells > 100:
            continue
        wanted[outcome.kind] -= 1
        (tmp_path / "config.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
        accepted = outcome.kind == "accepted"
        said = clone.snakemake("--dry-run", "--quiet", "rules", "--directory", str(tmp_path), succeeds=accepted)
        assert [words for words in TRACES if words in said] == [], (number, said)
        assert accepted or outcome.said.split(folder)[-1].lstrip("/")[:200] in said, (number, said)
    assert set(wanted.values()) == {0}
