"""Another workflow has this one as a module: with a configuration, names and a place of its own for it."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.support.clones import STUDIES

CELL = "task=facts/size=n14/variant=batch-8_evaluation_interval-3_iterations-6"


def example_of(repository, language):
    """The code of one language in the section of the document on modules."""
    text = (repository / "docs/extending.md").read_text(encoding="utf-8")
    section = text.split("\n## Use it in another workflow\n")[1]
    (code,) = re.findall(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return code


def trained_in(jobs):
    """The folders of the training jobs among some."""
    return {Path(job.outputs[0]).parent.as_posix() for job in jobs if job.rule == "capacity_train"}


@pytest.fixture(scope="module")
def source(make_clone):
    """The clone that the example of the document names."""
    return make_clone("too-big-to-think", STUDIES)


@pytest.fixture(scope="module")
def make_other(source, repository):
    """Makes another workflow, which is the example of the document, with a configuration for the module."""

    def make(name, config, snakefile=None):
        other = replace(source, folder=source.folder.parent / name)
        other.folder.mkdir()
        (other.folder / "Snakefile").write_text(snakefile or example_of(repository, "python"), encoding="utf-8")
        other.configure("config.yaml", {"capacity": config})
        return other

    return make


@pytest.fixture(scope="module")
def facts(tiny):
    """The tiny study with one of its cells: whatever is made from a trained cell is still made."""
    grids = [{"task": ["facts"], "size": ["n14"]}]
    return tiny | {"studies": {"base": {"title": "One cell, in seconds", "grids": grids, "figures": None}}}


@pytest.fixture(scope="module")
def other(make_other, facts):
    """Another workflow, run from nothing."""
    made = make_other("another workflow", facts)
    made.snakemake("--cores", "2", "all", "capacity_all")
    return made


def test_the_other_workflow_reads_what_the_module_made(other):
    with (other.folder / "generalizing.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["size", "variant", "seed"]


def test_everything_lies_below_the_prefix(other, source):
    assert not (other.folder / "results").exists()
    assert not (source.folder / "results").exists()
    results = other.folder / "capacity/results"
    assert list(results.rglob("run.json")) == [results / f"cells/{CELL}/seeds=0_1337/run.json"]
    log = f"logs/train/{CELL}/seeds=0_1337.log"
    for name in ("figures/base/tradeoff.pdf", "tables/base/expressions.parquet", "findings.md", log):
        assert (results / name).is_file()


def test_a_second_run_has_nothing_to_do(other):
    assert "Nothing to be done" in other.snakemake("--cores", "2", "all", "capacity_all")


def test_what_is_trained_below_the_prefix_is_kept_when_more_seeds_are_asked_for(other, facts):
    cells = [*facts["budgets"]["laptop"]["cells"], {"seeds": [1337, 0, 5]}]
    more = facts | {"budgets": {"laptop": facts["budgets"]["laptop"] | {"cells": cells}}}
    settings = other.configure("more.yaml", {"capacity": more})
    assert trained_in(other.planned("capacity_all", "--configfile", settings)) == {
        f"capacity/results/cells/{CELL}/seeds=5"
    }


def test_the_configuration_of_the_document_goes_over_that_of_the_clone(make_other, repository):
    config = yaml.safe_load(example_of(repository, "yml"))
    other = make_other("as documented", config["capacity"])
    trained = trained_in(other.planned("capacity/results/tables/width-ladder/summary.md"))
    assert trained == {
        f"capacity/results/cells/task=arithmetic/size={size}/variant=paper/seeds={seed}"
        for size in ("n8", "n16", "n24")
        for seed in range(5)
    }


def test_a_module_needs_no_configuration_and_no_prefix(make_other, repository):
    code = example_of(repository, "python").replace('config["capacity"]', "{}")
    code = code.replace('    prefix:\n        "capacity"\n', "").replace('"capacity/results', '"results')
    other = make_other("without a word", {}, code)
    assert trained_in(other.planned("results/cells/task=facts/size=n14/variant=paper/seeds=3/run.json")) == {
        "results/cells/task=facts/size=n14/variant=paper/seeds=3"
    }


def test_results_can_be_moved_by_a_replaced_prefix(make_other, repository, facts):
    """The job that is there has more seeds than are asked for: a plan that did not see it would have another."""
    code = example_of(repository, "python").replace("    prefix:\n", "    replace_prefix:\n")
    code = code.replace('        "capacity"\n', '        {"results/": "elsewhere/"}\n')
    other = make_other("replaced", facts, code.replace('"capacity/results', '"elsewhere'))
    there = f"elsewhere/cells/{CELL}/seeds=0-2_1337"
    (other.folder / there).mkdir(parents=True)
    (other.folder / there / "run.json").write_text("{}", encoding="utf-8")
    assert trained_in(other.planned("elsewhere/tables/base/runs.parquet")) == {there}


def test_a_bad_configuration_is_refused_by_key(make_other):
    said = make_other("mistaken", {"devise": "cpu"}).snakemake("--dry-run", succeeds=False)
    assert "The configuration (given to the module) cannot be run.\ndevise: unknown key" in said
    assert "Traceback" not in said
