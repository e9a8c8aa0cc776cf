"""What the rules ask for, by hand, without Snakemake."""

from __future__ import annotations

import copy
import inspect
from pathlib import Path
from types import SimpleNamespace

import pytest

from capacity.errors import ConfigurationError, InputError
from capacity.experiment import resources, workflow
from capacity.experiment.cell import parse_cell
from capacity.experiment.configuration import main_configuration
from capacity.experiment.refusals import WithoutTraceback
from capacity.experiment.workflow import Workflow, cells_below, growing
from capacity.storage import code, json_files
from tests.support.configuration_slips import with_change
from tests.support.repository import REPOSITORY

CELL = "task=facts/size=n14/variant=iterations-10000"


@pytest.fixture(scope="module")
def config():
    return main_configuration(REPOSITORY)


@pytest.fixture
def flow(config, tmp_path):
    return Workflow(config, tmp_path / "cells", tmp_path / "configuration.json")


def job(**wildcards):
    return SimpleNamespace(**wildcards)


def test_everything_is_every_page_table_and_figure_of_the_studies_that_run(config, tmp_path):
    two = with_change(config, "budgets.workstation.run", ["base", "reshuffled"]) | {"budget": "workstation"}
    flow = Workflow(two, None, tmp_path / "note.json")
    assert flow.all_tables() == [
        *(f"results/tables/{study}/{name}" for name in workflow.PAGES_OF_STUDY for study in ("base", "reshuffled")),
        *workflow.AGAINST_THE_PAPER,
    ]
    names = ("tradeoff", "arithmetic", "facts", "joint", "dynamics", "answers", "held_out_histories")
    reshuffled = ("tradeoff", "arithmetic", "dynamics", "answers", "held_out_histories")
    assert flow.all_figures() == [
        *(f"results/figures/base/{name}.pdf" for name in names),
        *(f"results/figures/reshuffled/{name}.pdf" for name in reshuffled),
        *(f"results/figures/{name}.pdf" for name in names),
        *(f"results/studies/base/{name}.pdf" for name in ("order-bits", "held-out", "order-or-rule")),
        *(f"results/studies/reshuffled/{name}.pdf" for name in ("held-out", "order-bits")),
        "results/figures/replication.pdf",
    ]


def test_tables_are_those_of_the_studies_that_run_or_of_the_named_ones_among_them(config):
    flow = Workflow(config | {"budget": "paper"}, None, Path("note.json"))
    assert (
        flow.runs()
        == flow.tables("runs.parquet")
        == [
            "results/tables/base/runs.parquet",
            "results/tables/weight-decay/runs.parquet",
        ]
    )
    assert flow.runs("weight-decay", "grokking") == ["results/tables/weight-decay/runs.parquet"]


def test_a_job_is_told_its_files(flow):
    assert flow.corpus(job(cell=CELL)) == "results/corpora/facts.parquet"
    assert flow.corpus_cell(job(corpus="facts_facts-7")) == "task=facts/size=n14/variant=facts-7"
    answers = flow.files("answers")(job(table="base/facts"))
    assert f"results/cells/{CELL}/seeds=1337/answers.parquet" in answers
    assert flow.tables_of_tasks("dynamics.parquet")(job(study="base")) == [
        f"results/tables/base/{task}/dynamics.parquet" for task in ("arithmetic", "joint")
    ]


def test_a_table_or_figure_is_told_its_title_and_departures(flow, config):
    title = config["studies"]["base"]["title"]
    for wildcards in (job(table="base"), job(study="base"), job(study="base", task="facts"), job(table="base/facts")):
        assert flow.title(wildcards) == title
    whole = flow.departures(job(study="base"))
    facts = flow.departures(job(study="base", task="facts"))
    assert facts == flow.departures(job(table="base/facts")) == tuple(t for t in whole if t.startswith("facts,"))
    assert 0 < len(facts) < len(whole)


def test_a_job_asks_for_what_its_cell_needs(flow, config):
    training = job(cell=CELL, seeds="0-1_1337")
    cell = parse_cell(CELL)
    assert flow.cell(training) == cell
    assert flow.seeds(training) == (0, 1, 1337)
    assert flow.threads(training) == 1
    assert flow.gpus(training) == resources.gpus(config["device"])
    assert flow.work(training) == resources.work(cell, 3) > 0
    assert flow.training_mb(training, 2) == resources.training_mb(cell, 2)
    assert flow.training_minutes(training, 1) == resources.training_minutes(cell, 3, 1)
    assert flow.evaluation_mb(training, 1) == resources.evaluation_mb(cell, 3, 1)
    assert flow.evaluation_minutes(training, 3) == resources.evaluation_minutes(cell, 3, 3)
    assert flow.execution_options(training) == "--precision float32"
    assert flow.snapshot_options(training, ["any"]) == "--snapshot-seconds 60 --snapshot-updates 0"


def test_a_cell_of_no_study_is_held_to_the_bounds_of_the_configuration(flow):
    other = "task=facts/size=n14/variant=iterations-300"
    assert flow.cell(job(cell=other)) == parse_cell(other)
    with pytest.raises(ConfigurationError, match="width: 999999999 must be from 1 to 16,384"):
        flow.cell(job(cell="task=facts/size=n999999999/variant=paper"))
    with pytest.raises(InputError, match="not canonical"):
        flow.cell(job(cell="task=facts/size=n14/variant=iterations-30000"))


def test_an_unknown_study_is_refused_by_name(flow):
    for ask in (flow.files("history"), flow.title, flow.departures, flow.plan_digest):
        with pytest.raises(InputError, match="'nosuch' is not one of base"):
            ask(job(table="nosuch"))


def test_the_rules_end_with_the_message_of_what_is_refused(flow, config, capsys):
    asked = WithoutTraceback(flow)
    for ask in (asked.files("history"), asked.title, asked.plan_digest, asked.tables_of_tasks("summary")):
        with pytest.raises(SystemExit) as left:
            ask(job(table="nosuch", study="nosuch"))
        assert left.value.code == 1
        assert capsys.readouterr().err.startswith("error: study 'nosuch' is not one of base")
    assert asked.title(job(table="base")) == flow.title(job(table="base"))
    assert asked.config is flow.config
    assert list(inspect.signature(asked.training_mb).parameters) == ["wildcards", "attempt"]  # as Snakemake asks
    assert list(inspect.signature(asked.files("history")).parameters) == ["wildcards"]


def test_a_configuration_that_cannot_be_run_is_refused(config):
    with pytest.raises(ConfigurationError, match="budget: 'papr'"):
        Workflow(config | {"budget": "papr"}, None, Path("note.json"))


def test_a_plan_is_asked_for_with_what_it_is_made_from(flow, config, tmp_path):
    words = ["--configuration", f"{tmp_path}/configuration.json", "--cells", f"{tmp_path}/cells"]
    assert flow.plan_sources(job(table="base")) == words
    stored = Workflow(config, None, Path(".snakemake/configuration.json"))
    assert stored.plan_sources(job(table="base")) == ["--configuration", ".snakemake/configuration.json"]
    digests = [flow.plan_digest(job(table=table)) for table in ("base", "base/facts", "reshuffled")]
    assert len(set(digests)) == 3
    assert digests[0] == stored.plan_digest(job(table="base"))


def test_the_configuration_is_written_down_once_and_again_when_it_has_changed(flow, config, tmp_path):
    note = tmp_path / "configuration.json"
    flow.write_note()
    assert json_files.read_sealed_json(note) == config
    before = note.stat().st_mtime_ns
    flow.write_note()
    assert note.stat().st_mtime_ns == before
    changed = copy.deepcopy(config)
    changed["device"] = "cpu"
    Workflow(changed, None, note).write_note()
    assert json_files.read_sealed_json(note) == changed
    note.write_text("{", encoding="utf-8")
    flow.write_note()
    assert json_files.read_sealed_json(note) == config


def test_the_digest_of_a_stage_is_taken_once_and_not_before_it_is_asked_for(config, monkeypatch):
    asked = []
    monkeypatch.setattr(code, "source_digest", lambda *of: asked.append(of) or f"digest of {of}")
    flow = Workflow(config, None, Path("note.json"))
    train, again = flow.digest("train"), flow.digest("train")
    assert asked == []
    of_facts = train(job(cell=CELL))
    assert of_facts == again(job(cell=CELL)) == "digest of ('train', 'facts')"
    assert asked == [("train", "facts")]
    assert flow.digest("corpus")(job(corpus="joint_facts-20")) == "digest of ('corpus', 'joint')"
    assert flow.digest("tabulate")(job(table="base")) == "digest of ('tabulate', None)"


def test_a_resource_grows_with_each_attempt():
    assert [growing(2000)(job(), attempt) for attempt in (1, 2, 3)] == [2000, 4000, 6000]


def test_the_folder_of_all_cells_is_found_from_a_file_of_a_job_wherever_it_is():
    assert cells_below(f"results/cells/{CELL}/seeds=0/evaluation.json") == "results/cells"
    assert cells_below(f".snakemake/storage/s3/bucket/results/cells/{CELL}/seeds=0/x") == (
        ".snakemake/storage/s3/bucket/results/cells"
    )
