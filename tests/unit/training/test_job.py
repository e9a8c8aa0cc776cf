from __future__ import annotations

import json

import torch
from safetensors import safe_open

from capacity.corpora import corpus
from capacity.experiment.cell import Cell, parse_cell
from capacity.storage import files, json_files, parquet, provenance
from capacity.training import job, loop
from tests.support.commands import run_command
from tests.support.short_cells import nothing, short_cell


def train(cell: Cell, folder) -> None:
    parquet.write_parquet(folder / "corpus.parquet", corpus.to_table(corpus.build(cell)), {})
    arguments = ["--seeds", "3-4", "--corpus", str(folder / "corpus.parquet"), "--device", "cpu"]
    run_command("train", cell.name, *arguments, "--output", folder / "job")


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
        with safe_open(folder / "weights.safetensors", framework="pt") as stored:
            assert json.loads(stored.metadata()["about"])["runs"] == f"{cell.name}/seeds=3-4"
            weights = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        assert set(weights) == set(trained.parameters)
        assert all(torch.equal(weights[name], value) for name, value in trained.parameters.items())
    table = parquet.read_parquet(first / "history.parquet")
    assert table.to_pylist() == trained.history
    record = json_files.read_json(first / "run.json")
    assert parquet.provenance_of(table) == record
    assert (record["stage"], record["seeds"], record["device"], record["threads"]) == ("train", [3, 4], "cpu", 1)
    assert (record["precision"], record["compile"], record["graph"]) == ("float32", False, False)
    assert parse_cell(record["cell"]) == cell
    assert record["settings"] == json.loads(json.dumps(cell.settings()))


def test_the_fingerprint_is_all_that_decides_the_numbers_and_not_the_commit(tmp_path):
    (tmp_path / "corpus").write_bytes(b"lines")
    record = provenance.record("train", short_cell().settings(), seeds=[1], device="cpu", threads=1)
    found = job.fingerprint(record, tmp_path / "corpus")
    assert found["corpus"] == files.sha256(tmp_path / "corpus")
    assert set(record) - set(found) == {"git_commit"}
    assert json.loads(json.dumps(found)) == found
    (tmp_path / "corpus").write_bytes(b"other lines")
    assert job.fingerprint(record, tmp_path / "corpus") != found
