"""Commands whose inputs are damaged, exchanged or of another schema: each ends with one line that names the file."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from capacity.corpora import corpus
from capacity.experiment.cell import make_cell
from capacity.experiment.table_plan import Job, TablePlan, write_plan
from capacity.paper.protocol import Size
from capacity.storage import json_files, parquet
from tests.support.commands import run_command
from tests.support.untrained_results import CELL, LINES, REMEDY, SEEDS, stack_of, write_job

SUM = make_cell("arithmetic", Size(1, 1, 2, 1), iterations=600, evaluation_interval=200)
FOLDER = f"results/cells/{SUM.name}/seeds=0_7"
TABLES = "results/tables/base"
TITLE = ["--title", "By hand"]
DRAWN = ["--pdf", "out/figure.pdf", "--png", "out/figure.png"]
# Each command that reads files: its arguments, and the files that it reads.
COMMANDS = {
    "train": (
        [SUM.name, "--seeds", "0_7", "--device", "cpu", "--output", "out", "--corpus", "corpus.parquet"],
        ["corpus.parquet"],
    ),
    "evaluate": (
        [
            *(SUM.name, "--seeds", "0_7", "--device", "cpu", "--corpus", "corpus.parquet"),
            *("--weights", f"{FOLDER}/weights.safetensors", "--history", f"{FOLDER}/history.parquet"),
            *("--output", "out"),
        ],
        ["corpus.parquet", f"{FOLDER}/weights.safetensors", f"{FOLDER}/history.parquet"],
    ),
    "tabulate": (
        ["--plan", "plan.json", "--output", "out"],
        ["plan.json", f"{FOLDER}/evaluation.json"],
    ),
    "histories": (
        ["--plan", "plan.json", "--output", "out/history.parquet"],
        ["plan.json", f"{FOLDER}/history.parquet"],
    ),
    "expressions": (
        ["--plan", "plan.json", "--output", "out/expressions.parquet"],
        ["plan.json", f"{FOLDER}/answers.parquet"],
    ),
    "expression-histories": (
        ["--plan", "plan.json", "--output", "out/expression_histories.parquet"],
        ["plan.json", f"{FOLDER}/history.parquet", f"{FOLDER}/answers.parquet"],
    ),
    "dynamics": (
        ["--history", f"{TABLES}/history.parquet", "--summary", f"{TABLES}/summary.parquet", *TITLE, "--output", "out"],
        [f"{TABLES}/history.parquet", f"{TABLES}/summary.parquet"],
    ),
    "replication": (["--runs", f"{TABLES}/runs.parquet", "--output", "out"], [f"{TABLES}/runs.parquet"]),
    "draw-replication": (
        ["--replication", f"{TABLES}/replication.parquet", "--record", f"{TABLES}/runs.json", *DRAWN],
        [f"{TABLES}/replication.parquet", f"{TABLES}/runs.json"],
    ),
    "claims": (
        ["--runs", f"{TABLES}/runs.parquet", "--budget", "laptop", "--output", "out"],
        [f"{TABLES}/runs.parquet"],
    ),
    "draw-tradeoff": (
        ["--runs", f"{TABLES}/runs.parquet", "--summary", f"{TABLES}/summary.parquet", *TITLE, *DRAWN],
        [f"{TABLES}/{name}.parquet" for name in ("runs", "summary")],
    ),
    "draw-curves": (
        [
            *("arithmetic", "--history", f"{TABLES}/history.parquet"),
            *("--summary", f"{TABLES}/summary.parquet", *TITLE, *DRAWN),
        ],
        [f"{TABLES}/{name}.parquet" for name in ("history", "summary")],
    ),
    "draw-measures": (
        [
            *("--kind", "curves", "--measure", "held-out", "--runs", f"{TABLES}/runs.parquet"),
            *("--history", f"{TABLES}/history.parquet", "--summary", f"{TABLES}/summary.parquet", *TITLE, *DRAWN),
        ],
        [f"{TABLES}/{name}.parquet" for name in ("runs", "history", "summary")],
    ),
    "draw-dynamics": (
        [
            *("--history", f"{TABLES}/history.parquet", "--runs", f"{TABLES}/dynamics.parquet"),
            *("--summary", f"{TABLES}/summary.parquet", *TITLE, *DRAWN),
        ],
        [f"{TABLES}/{name}.parquet" for name in ("history", "dynamics", "summary")],
    ),
    "draw-answers": (
        ["--expressions", f"{TABLES}/expressions.parquet", "--summary", f"{TABLES}/summary.parquet", *TITLE, *DRAWN],
        [f"{TABLES}/expressions.parquet", f"{TABLES}/summary.parquet"],
    ),
    "answer": (
        [
            *("--runs", f"{TABLES}/runs.parquet", "--dynamics", f"{TABLES}/dynamics.parquet"),
            *("--history", f"{TABLES}/history.parquet", *TITLE, "--command", "snakemake"),
            *("--answer", '{"rule": "rate-or-size", "large": "n2"}', "--output", "out"),
        ],
        [f"{TABLES}/{name}.parquet" for name in ("runs", "dynamics", "history")],
    ),
    "laboratory": (
        [
            *("--answers", f"{TABLES}/answer.json", "--record", f"{TABLES}/runs.json"),
            *("--budget", "laptop", "--output", "out/laboratory.md"),
        ],
        [f"{TABLES}/answer.json", f"{TABLES}/runs.json"],
    ),
    "methods": (
        [
            *("--runs", f"{TABLES}/runs.parquet", "--answers", f"{TABLES}/answer.json"),
            *("--evidence", f"{TABLES}/claims_evidence.parquet", "--record", f"{TABLES}/runs.json"),
            *("--budget", "laptop", "--output", "out/methods.md"),
        ],
        [*(f"{TABLES}/{name}" for name in ("runs.parquet", "answer.json", "claims_evidence.parquet", "runs.json"))],
    ),
    "draw-held-out-histories": (
        [
            *("--histories", f"{TABLES}/expression_histories.parquet"),
            *("--summary", f"{TABLES}/summary.parquet", *TITLE, *DRAWN),
        ],
        [f"{TABLES}/expression_histories.parquet", f"{TABLES}/summary.parquet"],
    ),
}
READ = [(command, path) for command, (_, paths) in COMMANDS.items() for path in paths]
DAMAGES = ("empty", "cut", "text", "other", "folder", "without checksum", "pipe", "device")
NO_FILES = ("folder", "pipe", "device")
SECONDS = 60
"""After which a command that reads a pipe counts as one that hangs."""
SCHEMA_COLUMNS = ("seed", "parameters", "left", "text", "claim", "paper_addition")
"""Of which each table has one; the first that it has is damaged."""
COLUMN_DAMAGES = ("column missing", "column of another type")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A folder with what every command reads, for one cell of arithmetic, whose second seed diverged."""
    folder = tmp_path_factory.mktemp("whole")
    lines = corpus.build(SUM)
    write_job(folder / FOLDER, folder / "corpus.parquet", SUM, lines, stack_of(SUM, SEEDS, lines))
    write_plan(folder / "plan.json", TablePlan("base", "By hand", (), (Job(SUM.name, SEEDS, FOLDER),)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for command in (
            "tabulate",
            "histories",
            "expressions",
            "expression-histories",
            "dynamics",
            "answer",
            "claims",
            "replication",
        ):
            arguments, _ = COMMANDS[command]
            run_command(command, *arguments[:-1], arguments[-1].replace("out", TABLES))
    return folder


@pytest.fixture
def said(results, monkeypatch):
    """Runs a command with one of the files it reads exchanged; what it says at its end, after which nothing is written.

    The files of the fixture are put back afterwards, as they were.
    """

    def run(command, path, damage):
        monkeypatch.chdir(results)
        arguments, _ = COMMANDS[command]
        kept = Path(path).rename("kept")
        signal.alarm(SECONDS)  # ends the tests, which is better than to wait for ever
        try:
            damage(kept, Path(path))
            with pytest.raises(SystemExit) as caught:
                run_command(command, *arguments)
        finally:
            signal.alarm(0)
            if Path(path).is_dir():
                Path(path).rmdir()
            kept.replace(path)
        assert not Path("out").exists()
        return str(caught.value)

    return run


def damaged(damage, kept, path):
    whole = kept.read_bytes()
    if damage == "folder":
        path.mkdir()
    elif damage == "pipe":
        os.mkfifo(path)
    elif damage == "device":
        path.symlink_to("/dev/zero")
    elif damage in ("other", "without checksum") and path.suffix == ".parquet":
        table = pa.table({"x": [1, 2]})
        if damage == "without checksum":
            table = parquet.read_parquet(kept)
            pq.write_table(table, path)
        else:
            parquet.write_parquet(path, table, {"stage": "other"})
    elif damage in ("other", "without checksum") and path.suffix == ".json":
        if damage == "without checksum":
            json_files.write_json(path, json_files.read_sealed_json(kept))
        else:
            json_files.write_sealed_json(path, {"x": 1})
    elif damage in ("other", "without checksum"):
        save_file({"x": torch.zeros(3)}, path)
    else:
        path.write_bytes(
            {"empty": b"", "cut": whole[: len(whole) // 2], "text": b"<html>not found</html>\n" * 9}[damage]
        )


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(("command", "path"), READ, ids=[f"{command}-{Path(path).name}" for command, path in READ])
def test_a_command_ends_with_one_line_that_names_the_file_and_writes_nothing(said, command, path, damage):
    found = said(command, path, lambda kept, place: damaged(damage, kept, place))
    assert found.startswith("error: ")
    assert "\n" not in found
    assert path in found
    assert REMEDY in found or damage in NO_FILES or "evaluation.json: $" in found


@pytest.mark.parametrize("damage", COLUMN_DAMAGES)
@pytest.mark.parametrize(
    ("command", "path"),
    [(stage, path) for stage, path in READ if path.endswith(".parquet")],
    ids=[f"{command}-{Path(path).name}" for command, path in READ if path.endswith(".parquet")],
)
def test_a_table_of_another_schema_is_refused_by_file_and_column(said, command, path, damage):
    """The checksum is right: the file is whole, and not what the command counts on."""

    def rewrite(kept, place):
        table = parquet.read_parquet(kept)
        name = next(name for name in SCHEMA_COLUMNS if name in table.column_names)
        number = table.column_names.index(name)
        record = parquet.provenance_of(table)
        if damage == "column missing":
            table = table.remove_column(number)
        else:
            other = pa.array(["x"] * len(table)) if name not in ("text", "claim") else pa.array(range(len(table)))
            table = table.set_column(number, name, other)
        parquet.write_parquet(place, table, record)

    found = said(command, path, rewrite)
    assert path in found
    assert REMEDY in found
    assert any(f"{quote}{name}" in found for name in SCHEMA_COLUMNS for quote in ("'", " "))


@pytest.mark.parametrize(("command", "path"), [("histories", f"{FOLDER}/history.parquet")])
def test_a_history_without_a_wanted_seed_is_refused(said, command, path):
    def rewrite(kept, place):
        table = parquet.read_parquet(kept)
        parquet.write_parquet(place, table.filter(pa.compute.equal(table["seed"], 0)), parquet.provenance_of(table))

    assert f"{path} has no rows of seed 7" in said(command, path, rewrite)


@pytest.mark.parametrize("change", [{"cell": CELL.name}, {"runs": []}])
def test_an_evaluation_of_other_runs_is_refused(said, change):
    path = f"{FOLDER}/evaluation.json"

    def rewrite(kept, place):
        found = json_files.read_sealed_json(kept)
        json_files.write_sealed_json(place, found | (change if change.get("cell") else {"runs": found["runs"][:1]}))

    assert f"{path} holds runs of " in said("tabulate", path, rewrite)


def test_a_corpus_of_another_cell_is_refused(said):
    def rewrite(_, place):
        parquet.write_parquet(place, corpus.to_table(LINES), {})

    assert "corpus.parquet is not the corpus of" in said("evaluate", "corpus.parquet", rewrite)


def test_answers_to_prompts_that_are_no_expressions_are_refused(said):
    path = f"{FOLDER}/answers.parquet"

    def rewrite(kept, place):
        table = parquet.read_parquet(kept)
        number = table.column_names.index("prompt")
        other = table.set_column(number, table.schema.field(number), pa.array(["x"] * len(table)))
        parquet.write_parquet(place, other, parquet.provenance_of(table))

    assert f"{path}: prompt 'x' is not an expression" in said("expressions", path, rewrite)
