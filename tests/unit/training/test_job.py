from __future__ import annotations

import json

import numpy
import pytest
from safetensors import safe_open

from capacity.corpora import corpus
from capacity.experiment.cell import Cell, parse_cell
from capacity.storage import files, json_files, parquet, provenance
from capacity.training import job, kernel_training, loop, torch_training
from capacity.training.execution import KERNELS
from capacity.training.snapshots import Snapshots
from tests.support.commands import run_command
from tests.support.short_cells import nothing, short_cell


def train(cell: Cell, folder, *more: str) -> None:
    parquet.write_parquet(folder / "corpus.parquet", corpus.to_table(corpus.build(cell)), {})
    arguments = ["--seeds", "3-4", "--corpus", str(folder / "corpus.parquet"), "--device", "cpu"]
    run_command("train", cell.name, *arguments, "--output", folder / "job", *more)


def test_the_command_leaves_weights_history_and_record_with_the_same_contents_every_time(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "git_commit", lambda: "abc")
    cell = short_cell(task="joint", evaluation_interval=6)
    for name in ("a", "b"):
        train(cell, tmp_path / name)
    first, second = tmp_path / "a" / "job", tmp_path / "b" / "job"
    produced = {path.name for path in first.iterdir()}
    assert produced == {"weights.safetensors", "history.parquet", "run.json", "timing.json"}
    for name in ("history.parquet", "run.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    trained = loop.train(cell, corpus.build(cell), [3, 4], "cpu", nothing)
    for folder in (first, second):
        with safe_open(folder / "weights.safetensors", framework="numpy") as stored:
            assert json.loads(stored.metadata()["about"])["runs"] == f"{cell.name}/seeds=3-4"
            weights = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        assert set(weights) == set(trained.parameters)
        assert all(numpy.array_equal(weights[name], value) for name, value in trained.parameters.items())
    table = parquet.read_parquet(first / "history.parquet")
    assert table.to_pylist() == trained.history
    record = json_files.read_sealed_json(first / "run.json")
    checksums = record.pop("files")
    assert checksums.pop("corpus") == files.sha256(tmp_path / "a" / "corpus.parquet")
    assert checksums == {name: files.sha256(first / name) for name in ("weights.safetensors", "history.parquet")}
    assert parquet.provenance_of(table) == record
    assert (record["stage"], record["seeds"], record["device"], record["threads"]) == ("train", [3, 4], "cpu", 1)
    assert (record["precision"], record["compile"], record["graph"]) == ("float32", False, False)
    assert record["kernel"] == "numba"
    assert parse_cell(record["cell"]) == cell
    assert record["settings"] == json.loads(json.dumps(cell.settings()))


@pytest.mark.parametrize(
    ("more", "dropout", "expected"), [([], 0.0, "numba"), (["--kernel", "torch"], 0.0, "torch"), ([], 0.2, "torch")]
)
def test_the_record_names_the_program_that_trained(tmp_path, more, dropout, expected):
    train(short_cell(dropout=dropout), tmp_path, *more)
    assert json_files.read_json(tmp_path / "job" / "run.json")["kernel"] == expected


@pytest.mark.parametrize(("first", "second"), [("auto", "torch"), ("torch", "auto")])
def test_a_snapshot_by_another_program_is_passed_over_with_a_line(tmp_path, first, second, monkeypatch, capsys):
    cell = short_cell()
    with monkeypatch.context() as patch:
        patch.setattr(Snapshots, "remove", lambda self: None)
        train(cell, tmp_path, "--kernel", first, "--snapshot-updates", "5")
    assert list((tmp_path / "job" / "snapshots").rglob("arrays.safetensors"))
    for name in ("weights.safetensors", "history.parquet", "run.json", "timing.json"):
        (tmp_path / "job" / name).unlink()
    capsys.readouterr()
    train(cell, tmp_path, "--kernel", second)
    said = [line for line in capsys.readouterr().out.splitlines() if "snapshot passed over" in line]
    assert len(said) == 4  # the newest two of both seeds
    assert all(line.endswith("with other kernel") for line in said)


def test_the_fingerprint_is_all_that_decides_the_numbers_and_not_the_commit(tmp_path):
    (tmp_path / "corpus").write_bytes(b"lines")
    record = provenance.record("train", short_cell().settings(), seeds=[1], device="cpu", threads=1)
    found = job.fingerprint(record, tmp_path / "corpus")
    assert found["corpus"] == files.sha256(tmp_path / "corpus")
    assert set(record) - set(found) == {"git_commit"}
    assert json.loads(json.dumps(found)) == found
    (tmp_path / "corpus").write_bytes(b"other lines")
    assert job.fingerprint(record, tmp_path / "corpus") != found


def test_a_seed_that_diverges_is_said_and_recorded_alike_by_both_programs(tmp_path, capsys, monkeypatch):
    """Its job ends well, and so does its evaluation, which counts it as a failure."""
    cell = short_cell()
    for program in (kernel_training, torch_training):
        monkeypatch.setattr(program, "learning_rate", lambda *_: 1e20)
    said, found = [], []
    for kernel in KERNELS:
        folder = tmp_path / kernel
        train(cell, folder, "--kernel", kernel)
        said.append([line.split("] ")[-1] for line in capsys.readouterr().out.splitlines() if "diverged" in line])
        options = ["--seeds", "3-4", "--corpus", folder / "corpus.parquet", "--device", "cpu"]
        run_command("evaluate", cell.name, *options, "--output", folder / "job")
        runs = json_files.read_json(folder / "job" / "evaluation.json")["runs"]
        found.append([(run["seed"], run["diverged"], run["diverged_at"]) for run in runs])
    assert said[0] == said[1]
    assert found[0] == found[1]
    assert [(seed, diverged) for seed, diverged, _ in found[0]] == [(3, True), (4, True)]
    assert all(
        f"seed {seed} diverged: after {updates} updates" in line
        for (seed, _, updates), line in zip(found[0], said[0], strict=True)
    )


SAME = ("weights.safetensors", "history.parquet", "run.json")


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


DAMAGES = {
    "a bit turned over": lambda newest: flip(newest / "arrays.safetensors"),
    "cut short": lambda newest: (newest / "state.json").write_bytes((newest / "state.json").read_bytes()[:20]),
    "a part removed": lambda newest: (newest / "history.parquet").unlink(),
    "emptied": lambda newest: [path.unlink() for path in newest.iterdir()],
}


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("kind", DAMAGES)
def test_a_job_goes_on_from_the_snapshot_before_a_damaged_one_or_anew_and_ends_in_the_same_bytes(
    tmp_path, monkeypatch, capsys, kind, both
):
    cell = short_cell()
    with monkeypatch.context() as patch:
        patch.setattr(Snapshots, "remove", lambda self: None)
        train(cell, tmp_path, "--snapshot-updates", "5")
    before = {name: (tmp_path / "job" / name).read_bytes() for name in SAME}
    for name in (*SAME, "timing.json"):
        (tmp_path / "job" / name).unlink()
    for stack in (tmp_path / "job/snapshots").iterdir():
        for snapshot in sorted(stack.iterdir())[None if both else -1 :]:
            DAMAGES[kind](snapshot)
    capsys.readouterr()
    train(cell, tmp_path)
    said = capsys.readouterr().out
    assert said.count("snapshot passed over") == (4 if both else 2)  # of two seeds
    assert said.count("go on from update 5") == (0 if both else 2)
    assert {name: (tmp_path / "job" / name).read_bytes() for name in SAME} == before
    assert not (tmp_path / "job/snapshots").exists()
