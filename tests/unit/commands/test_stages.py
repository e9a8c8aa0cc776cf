"""Every axis of a cell that few studies have, from the corpus to the row of a table, by both programs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from capacity.corpora import corpus
from capacity.dictionary import studies
from capacity.dictionary.column import names
from capacity.dictionary.mechanism import MECHANISM
from capacity.evaluation.questions import questions_of
from capacity.experiment.cell import Cell, make_cell
from capacity.paper.protocol import RANDOM_FACT_KINDS, Size
from capacity.storage import json_files, parquet
from capacity.tables.runs import run_rows, runs_frame
from capacity.tasks.registry import is_right
from capacity.training.execution import KERNELS
from tests.support.commands import run_command
from tests.support.handmade_results import mechanisms

SIZE = Size(1, 1, 16, 1)
SHORT = {"batch": 64, "iterations": 60, "evaluation_interval": 30}
CELLS: dict[str, tuple[str, dict[str, Any]]] = {
    "permuted answers": ("arithmetic", {"answers": "permuted"}),
    "permuted answers beside facts": ("joint", {"answers": "permuted", "facts": 5}),
    "a drawn split": ("arithmetic", {"held_out_fraction": 0.3, "split_seed": 2}),
    "a drawn split beside facts": ("joint", {"held_out_fraction": 0.7, "split_seed": 2, "facts": 5}),
    "tasks shuffled together": ("joint", {"mixing": "shuffled"}),
    "tasks reshuffled together": ("joint", {"mixing": "shuffled", "stream": "reshuffled", "facts": 10}),
    "repeated facts": ("joint", {"arithmetic_share": 0.5, "stream": "reshuffled"}),
    "filler for facts": ("joint", {"fact_kind": "filler"}),
    "synthetic facts": ("joint", {"fact_kind": "synthetic", "facts": 20, "key_length": 3, "value_length": 2}),
    "strings": ("joint", {"fact_kind": "strings", "facts": 210, "fact_seed": 4, "stream": "reshuffled"}),
    "larger operands": ("arithmetic", {"largest_operand": 12, "held_out": [[3, 4], [5, 12]]}),
    "larger operands beside facts": ("joint", {"largest_operand": 11, "facts": 5, "stream": "reshuffled"}),
    "a seed of the weights": ("arithmetic", {"initialisation_seed": 8}),
}


@dataclasses.dataclass(frozen=True)
class Stages:
    """What the stages of a job have written."""

    cell: Cell
    folder: Path

    @property
    def history(self) -> list[dict[str, Any]]:
        return parquet.read_parquet(self.folder / "job" / "history.parquet").to_pylist()

    @property
    def evaluation(self) -> dict[str, Any]:
        return json_files.read_sealed_json(self.folder / "job" / "evaluation.json")


def run_stages(cell: Cell, folder: Path, kernel: str = "auto", seeds: str = "3") -> Stages:
    """Run the commands ``corpus``, ``train`` and ``evaluate`` on a cell."""
    run_command("corpus", cell.name, "--output", folder / "corpus.parquet")
    job = [cell.name, "--seeds", seeds, "--corpus", folder / "corpus.parquet", "--device", "cpu"]
    run_command("train", *job, "--kernel", kernel, "--output", folder / "job")
    run_command("evaluate", *job, "--output", folder / "job")
    return Stages(cell, folder)


@pytest.fixture(scope="module", params=[(name, kernel) for name in CELLS for kernel in KERNELS], ids="-".join)
def stages(request, tmp_path_factory) -> Stages:
    name, kernel = request.param
    task, settings = CELLS[name]
    cell = make_cell(task, SIZE, **{**SHORT, **settings})
    done = run_stages(cell, tmp_path_factory.mktemp("stages"), kernel)
    record = json_files.read_sealed_json(done.folder / "job" / "run.json")
    assert record["kernel"] == ("numba" if kernel == "auto" else "torch")
    assert all(record["settings"][axis] == value for axis, value in settings.items())
    return done


def test_the_network_learns(stages):
    losses = [row["stream_loss"] for row in stages.history]
    assert losses[-1] < 0.8 * losses[0]


def test_every_answer_is_held_against_the_corpus(stages):
    lines = corpus.read(stages.folder / "corpus.parquet", stages.cell)
    answers = parquet.read_parquet(stages.folder / "job" / "answers.parquet").to_pylist()
    questions = questions_of(lines)
    assert [row["true"] for row in answers] == [question.line.answer for question in questions]
    assert [row["right"] for row in answers] == [
        is_right(question.line, row["answer"]) for question, row in zip(questions, answers, strict=True)
    ]
    assert stages.history[-1]["questions_right"] == "".join(str(int(row["right"])) for row in answers)


def test_the_loss_has_its_floors_and_the_run_its_bits(stages):
    evaluation = stages.evaluation
    floors = evaluation["loss_floors"]
    assert 0 < floors["order_unknown"] < stages.history[-1]["stream_loss"]
    if stages.cell.stream == "fixed":
        assert 0 < floors["order_known"] < floors["order_unknown"]
    for run in evaluation["runs"]:
        assert run["bits"]["order"] < 0  # after so few updates
        assert run["bits"]["arithmetic"]["seen"]["baseline"] > 0


def test_a_run_has_its_row_in_the_table(stages):
    rows = run_rows(stages.evaluation, [3], mechanisms(stages.evaluation))
    assert list(rows[0]) == list(names(studies.RUNS))
    frame = runs_frame(rows)
    assert frame.loc[0, "cell"] == stages.cell.name
    for axis in ("fact_kind", "key_length", "value_length", "fact_seed", "mixing", "arithmetic_share"):
        assert frame.loc[0, axis] == getattr(stages.cell, axis)
    recalls = stages.cell.task == "joint" and stages.cell.fact_kind != "filler"
    assert bool(frame["final_facts_matched_prompts"].notna().all()) == recalls
    are_random = stages.cell.fact_kind in RANDOM_FACT_KINDS
    assert frame[["line_bits_unigram", "line_bits_uniform"]].notna().all(axis=None) == are_random
    assert bool(frame["key_specific_bits_matched_prompts"].notna().all()) == (recalls and stages.cell.facts <= 200)
    assert frame.loc[0, "answers"] == stages.cell.answers
    assert frame.loc[0, "largest_operand"] == stages.cell.largest_operand
    beyond = [name for name in names(studies.RUNS) if "operands_0_19" in name]
    assert bool(frame[beyond].notna().all(axis=None)) == (stages.cell.largest_operand == 9)
    assert bool(frame[beyond].isna().all(axis=None)) == (stages.cell.largest_operand > 9)
    assert frame[list(names(MECHANISM))].notna().all(axis=None)
    assert frame.loc[0, "held_out_fraction"] == stages.cell.held_out_fraction
    assert frame.loc[0, "split_seed"] == ("none" if stages.cell.split_seed is None else "2")
    assert frame.loc[0, "initialisation_seed"] == ("8" if stages.cell.initialisation_seed else "of the run")


@pytest.mark.parametrize("kernel", KERNELS)
def test_initialisation_seeds_and_the_seeds_of_runs_are_crossed(tmp_path, kernel):
    """The weights begin as one seed says and read the batches of the other; where both are one, it is the usual run."""
    short = {"batch": 32, "iterations": 6, "evaluation_interval": 3}
    grid = {
        number: run_stages(
            make_cell("arithmetic", SIZE, **short, initialisation_seed=number), tmp_path / str(number), kernel, "3-4"
        )
        for number in (3, 4)
    }
    usual = run_stages(make_cell("arithmetic", SIZE, **short), tmp_path / "usual", kernel, "3-4")
    measured = {
        (number, row["seed"], row["iteration"]): row["stream_loss"]
        for number, done in (*grid.items(), ("usual", usual))
        for row in done.history
    }
    for number in (3, 4):
        assert {measured[number, seed, 0] for seed in (3, 4)} == {measured["usual", number, 0]}
        assert measured[number, number, 6] == measured["usual", number, 6]
    assert len({measured[number, seed, 6] for number in (3, 4) for seed in (3, 4)}) == 4
