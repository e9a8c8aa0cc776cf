from __future__ import annotations

import math
import subprocess
import sys

import pytest

from capacity.corpora import corpus
from capacity.model import weights
from capacity.storage import evaluations, json_files, parquet, provenance
from capacity.storage.evaluations import read_answers
from capacity.training.execution import Execution
from tests.support.commands import run_command
from tests.support.random_evaluations import (
    CELL,
    LINES,
    SEEDS,
    history,
    random_evaluation,
    random_mechanism,
    random_networks,
)
from tests.support.repository import SOURCE


@pytest.fixture
def job(tmp_path):
    """A folder with what the command reads."""
    parquet.write_parquet(tmp_path / "corpus.parquet", corpus.to_table(LINES), {})
    how = Execution().record("cpu") | {"device": "cpu", "diverged_at": [None, None]}
    record = provenance.record("train", CELL.settings(), cell=CELL.name, seeds=list(SEEDS), **how)
    parquet.write_parquet(tmp_path / "history.parquet", history(4), record)
    weights.save(tmp_path / "weights.safetensors", random_networks(), CELL, SEEDS)
    return tmp_path


def evaluation_of(folder):
    """The arguments of the command for the files of a folder, which it writes to as well."""
    arguments = [CELL.name, "--seeds", "0_7", "--device", "cpu", "--output", folder]
    for name in ("corpus.parquet", "history.parquet", "weights.safetensors"):
        arguments += [f"--{name.split('.')[0]}", folder / name]
    return arguments


def evaluate(folder):
    """Run the command on the files of a folder."""
    run_command("evaluate", *evaluation_of(folder))


def test_the_command_writes_what_was_evaluated_and_how_it_was_trained(job):
    evaluate(job)
    written = json_files.read_sealed_json(job / "evaluation.json")
    kept, answers, operands = evaluations.split(random_evaluation())
    assert {key: written[key] for key in kept if key != "provenance"} == {
        key: value for key, value in kept.items() if key != "provenance"
    }
    assert read_answers(job / "answers.parquet", CELL.name, SEEDS).to_pylist() == answers.to_pylist()
    assert parquet.read_parquet(job / "operands.parquet").to_pylist() == operands.to_pylist()
    of_weights = parquet.read_parquet(job / "mechanism.parquet").to_pylist()
    assert of_weights == [{"seed": seed} | each for seed, each in zip(SEEDS, random_mechanism(), strict=True)]
    assert written["provenance"]["training"]["stage"] == "train"
    assert written["provenance"]["settings"] == CELL.settings()
    assert written["provenance"]["seeds"] == [0, 7]


def test_the_command_writes_the_same_bytes_again(job):
    evaluate(job)
    names = ("evaluation.json", *evaluations.BESIDE)
    first = [(job / name).read_bytes() for name in names]
    evaluate(job)
    assert [(job / name).read_bytes() for name in names] == first


@pytest.mark.parametrize("name", ["corpus.parquet", "history.parquet", "weights.safetensors"])
def test_the_command_refuses_a_damaged_file_by_name_and_writes_nothing(job, name):
    (job / name).write_bytes((job / name).read_bytes()[:-50])
    with pytest.raises(SystemExit, match=name):
        evaluate(job)
    assert not (job / "evaluation.json").exists()


def test_the_command_refuses_weights_that_are_not_finite_of_a_seed_that_did_not_diverge(job):
    broken = {name: value * math.nan for name, value in random_networks().items()}
    weights.save(job / "weights.safetensors", broken, CELL, SEEDS)
    with pytest.raises(SystemExit, match=r"seed 0 of .* has weights that are not finite, and no record of diverging"):
        evaluate(job)
    assert not (job / "evaluation.json").exists()


def test_the_command_loads_nothing_that_takes_long_to_load_and_is_not_needed(job):
    command = [sys.executable, "-X", "importtime", "-m", "capacity", "evaluate", *evaluation_of(job)]
    done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, check=True)
    loaded = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "pyarrow.lib" in loaded
    assert not loaded & {"pandas.core", "scipy.version", "statsmodels", "matplotlib"}  # a part shows that it was there
    assert read_answers(job / "answers.parquet", CELL.name, SEEDS).num_rows == 2 * 206
