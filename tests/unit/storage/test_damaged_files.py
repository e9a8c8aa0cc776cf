"""Files cut, emptied, exchanged and with bits turned over: found out by name where they are read, or nothing changed.

"Nothing changed" is taken literally: what is read is compared, value by value, with what was written.
"""

from __future__ import annotations

import json
import math
import struct
import tracemalloc
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from capacity import errors
from capacity.claims import judge, replication
from capacity.corpora import corpus
from capacity.errors import InputError
from capacity.evaluation import endpoints
from capacity.evaluation.questions import Examination
from capacity.experiment.cell import make_cell
from capacity.experiment.seeds import runs_name
from capacity.figures import answers, curves, dynamics
from capacity.model import transformer, weights
from capacity.paper.protocol import Size
from capacity.storage import evaluations, json_files, parquet, provenance
from capacity.tables import dynamics, expressions, histories, runs
from capacity.training import loop
from capacity.training.job import history_table
from capacity.training.randomness import initialisation_generator

CELL = make_cell("facts", Size(1, 1, 2, 1), facts=3, block=9, iterations=600, evaluation_interval=200)
SEEDS = (0, 7)
LINES = corpus.build(CELL)
REMEDY = "delete it and run the same command again"


def flips(whole: bytes, places):
    """The same bytes with one bit turned over, at each of some places; which bit is drawn, the same in every run."""
    random = Random(0)
    for place in places:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << random.randrange(8)
        yield place, bytes(flipped)


def cuts(whole: bytes):
    """The same bytes cut short: at every place of the first and the last 16, and at 20 places between."""
    for length in sorted({*range(16), *range(len(whole) - 16, len(whole)), *range(0, len(whole), len(whole) // 20)}):
        yield length, whole[:length]


def history_of(cell, seeds, lines=LINES):
    """A history as training writes it, of a seed that went well and others that diverged at iteration 400."""
    totals = Examination(lines, corpus.vocabulary(lines), cell.block).totals()
    rows = []
    for seed in seeds:
        for iteration in range(0, 601, 200):
            loss = math.nan if seed and iteration >= 400 else 2.5
            row = {"seed": seed, "iteration": iteration, "learning_rate": 0.01, "training_loss": None}
            rows.append(row | {"stream_loss": loss} | dict.fromkeys(totals, 0.5))
    return history_table(rows)


def stack_of(cell, seeds):
    parameters = transformer.initialise(
        cell.size, len(corpus.vocabulary(LINES)), cell.block, [initialisation_generator(seed) for seed in seeds]
    )
    for value in parameters.values():
        value[1] = math.nan  # a seed that diverged
    return parameters


def as_text(table: pa.Table) -> str:
    return repr((table.schema.to_string(), table.to_pydict()))


def parameters_as_bytes(parameters):
    return {name: (tuple(value.shape), value.numpy().tobytes()) for name, value in parameters.items()}


@pytest.fixture
def job(tmp_path):
    """The folder of a job: its corpus, history, weights and evaluation."""
    folder = tmp_path / f"results/cells/{CELL.name}/seeds=0_7"
    parquet.write_parquet(folder / "corpus.parquet", corpus.to_table(LINES), {"stage": "corpus"})
    record = provenance.record("train", CELL.settings(), cell=CELL.name, seeds=list(SEEDS))
    how = {"device": "cpu", "threads": 1, "precision": "float32", "compile": False, "graph": False}
    how |= {"diverged_at": [None, 400]}
    history, parameters = history_of(CELL, SEEDS), stack_of(CELL, SEEDS)
    parquet.write_parquet(folder / "history.parquet", history, record | how)
    weights.save(folder / "weights.safetensors", parameters, CELL, SEEDS)
    json_files.write_json(folder / "run.json", record | how)
    found = endpoints.evaluate(CELL, LINES, SEEDS, parameters, history, (None, 400))
    record = provenance.record("evaluate", CELL.settings(), seeds=list(SEEDS), training=record | how)
    evaluations.write(folder, found | {"provenance": record})
    return folder


READERS = {
    "corpus.parquet": lambda path: as_text(parquet.read_parquet(path)),
    "history.parquet": lambda path: as_text(evaluations.read_history(path, CELL, SEEDS)),
    "weights.safetensors": lambda path: parameters_as_bytes(weights.load(path, CELL, SEEDS)),
    "evaluation.json": json_files.read_sealed_json,
    "items.parquet": lambda path: as_text(evaluations.read_items(path, CELL, SEEDS)),
}


@pytest.mark.parametrize("name", READERS)
def test_a_bit_turned_over_is_found_out_or_changes_nothing(job, name):
    path, read = job / name, READERS[name]
    whole, before = path.read_bytes(), read(path)
    places = Random(1).sample(range(len(whole)), min(len(whole), 700))
    said, wrong = [], []
    for place, flipped in flips(whole, places):
        path.write_bytes(flipped)
        try:
            if read(path) != before:
                wrong.append(place)
        except InputError as error:
            said.append(str(error))
    assert wrong == []
    assert len(said) > 0.6 * len(places)
    assert [words for words in said if path.name not in words or REMEDY not in words] == []


@pytest.mark.parametrize("name", READERS)
def test_a_file_cut_anywhere_is_refused_by_name(job, name):
    path, read = job / name, READERS[name]
    whole = path.read_bytes()
    for length, cut in cuts(whole):
        if whole[length:].strip():
            path.write_bytes(cut)
            with pytest.raises(InputError, match=rf"{path.name}.*{REMEDY}"):
                read(path)


SUM = make_cell("arithmetic", Size(1, 1, 2, 1), iterations=600, evaluation_interval=200)
CONFIG = {
    "budget": "hand",
    "sizes": {"n2": {"layers": 1, "heads": 1, "width": 2, "mlp_factor": 1}},
    "studies": {"base": {"title": "By hand", "grids": [{"task": ["arithmetic"], "size": ["n2"], "seeds": [0, 7]}]}},
    "budgets": {
        "hand": {"seeds_per_job": 2, "cells": [{"set": {"iterations": 600, "evaluation_interval": 200}}]},
    },
}
FOLDER = f"results/cells/{SUM.name}/seeds=0_7"
TABLES = "results/tables/base"
TITLE = ["--title", "By hand"]
DRAWN = ["--pdf", "out/figure.pdf", "--png", "out/figure.png"]
# Each stage that reads files: its command line, and those that it reads.
STAGES = {
    "train": (
        loop,
        [SUM.name, "--seeds", "0_7", "--device", "cpu", "--output", "out", "--corpus", "corpus.parquet"],
        ["corpus.parquet"],
    ),
    "evaluate": (
        endpoints,
        [
            *(SUM.name, "--seeds", "0_7", "--device", "cpu", "--corpus", "corpus.parquet"),
            *("--weights", f"{FOLDER}/weights.safetensors", "--history", f"{FOLDER}/history.parquet"),
            *("--output", "out"),
        ],
        ["corpus.parquet", f"{FOLDER}/weights.safetensors", f"{FOLDER}/history.parquet"],
    ),
    "tables": (
        runs,
        ["base", "--config", json.dumps(CONFIG), "--output", "out"],
        [f"{FOLDER}/evaluation.json"],
    ),
    "histories": (
        histories,
        ["base", "--config", json.dumps(CONFIG), "--output", "out/history.parquet"],
        [f"{FOLDER}/history.parquet"],
    ),
    "items": (
        expressions,
        ["base", "--config", json.dumps(CONFIG), "--output", "out/items.parquet"],
        [f"{FOLDER}/items.parquet"],
    ),
    "dynamics": (
        dynamics,
        ["--history", f"{TABLES}/history.parquet", "--summary", f"{TABLES}/summary.parquet", *TITLE, "--output", "out"],
        [f"{TABLES}/history.parquet", f"{TABLES}/summary.parquet"],
    ),
    "replication": (replication, ["--runs", f"{TABLES}/runs.parquet", "--output", "out"], [f"{TABLES}/runs.parquet"]),
    "claims": (
        judge,
        ["--runs", f"{TABLES}/runs.parquet", "--budget", "laptop", "--output", "out"],
        [f"{TABLES}/runs.parquet"],
    ),
    "figures": (
        curves,
        [
            *("arithmetic", "--runs", f"{TABLES}/runs.parquet", "--history", f"{TABLES}/history.parquet"),
            *("--summary", f"{TABLES}/summary.parquet", *TITLE, *DRAWN),
        ],
        [f"{TABLES}/{name}.parquet" for name in ("runs", "history", "summary")],
    ),
    "figures_dynamics": (
        dynamics,
        [
            *("--history", f"{TABLES}/history.parquet", "--runs", f"{TABLES}/dynamics.parquet"),
            *("--summary", f"{TABLES}/summary.parquet", *TITLE, *DRAWN),
        ],
        [f"{TABLES}/{name}.parquet" for name in ("history", "dynamics", "summary")],
    ),
    "figures_answers": (
        answers,
        ["--items", f"{TABLES}/items.parquet", "--summary", f"{TABLES}/summary.parquet", *TITLE, *DRAWN],
        [f"{TABLES}/items.parquet", f"{TABLES}/summary.parquet"],
    ),
}
READ = [(stage, path) for stage, (_, _, paths) in STAGES.items() for path in paths]
DAMAGES = ("empty", "cut", "text", "other", "folder", "without checksum")
COLUMN_DAMAGES = ("column missing", "column of another type")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A folder with what every stage reads, for one cell of arithmetic, whose second seed diverged."""
    folder = tmp_path_factory.mktemp("whole")
    lines = corpus.build(SUM)
    parquet.write_parquet(folder / "corpus.parquet", corpus.to_table(lines), {"stage": "corpus"})
    how = {"device": "cpu", "threads": 1, "precision": "float32", "compile": False, "graph": False}
    how |= {"diverged_at": [None, 400]}
    record = provenance.record("train", SUM.settings(), cell=SUM.name, seeds=list(SEEDS)) | how
    history = history_of(SUM, SEEDS, lines)
    starts = [initialisation_generator(seed) for seed in SEEDS]
    parameters = transformer.initialise(SUM.size, len(corpus.vocabulary(lines)), SUM.block, starts)
    parquet.write_parquet(folder / FOLDER / "history.parquet", history, record)
    weights.save(folder / FOLDER / "weights.safetensors", parameters, SUM, SEEDS)
    json_files.write_json(folder / FOLDER / "run.json", record)
    found = endpoints.evaluate(SUM, lines, SEEDS, parameters, history, (None, 400))
    record = provenance.record("evaluate", SUM.settings(), seeds=list(SEEDS), training=record)
    evaluations.write(folder / FOLDER, found | {"provenance": record})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in ("tables", "histories", "items", "dynamics"):
            module, arguments, _ = STAGES[stage]
            patch.setattr("sys.argv", [stage, *arguments[:-1], arguments[-1].replace("out", TABLES)])
            module.main()
    return folder


@pytest.fixture
def said(results, monkeypatch):
    """Runs a stage with one of the files it reads exchanged; what it says at its end, after which nothing is written.

    The files of the fixture are put back afterwards, as they were.
    """

    def run(stage, path, damage):
        monkeypatch.chdir(results)
        module, arguments, _ = STAGES[stage]
        monkeypatch.setattr("sys.argv", [stage, *arguments])
        kept = Path(path).rename("kept")
        try:
            damage(kept, Path(path))
            with pytest.raises(SystemExit) as caught:
                errors.run(module.main)
        finally:
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
@pytest.mark.parametrize(("stage", "path"), READ, ids=[f"{stage}-{Path(path).name}" for stage, path in READ])
def test_a_stage_ends_with_one_line_that_names_the_file_and_writes_nothing(said, stage, path, damage):
    found = said(stage, path, lambda kept, place: damaged(damage, kept, place))
    assert found.startswith("error: ")
    assert "\n" not in found
    assert path in found
    assert REMEDY in found or damage == "folder" or "evaluation.json: $" in found


@pytest.mark.parametrize("damage", COLUMN_DAMAGES)
@pytest.mark.parametrize(
    ("stage", "path"),
    [(stage, path) for stage, path in READ if path.endswith(".parquet")],
    ids=[f"{stage}-{Path(path).name}" for stage, path in READ if path.endswith(".parquet")],
)
def test_a_table_of_another_schema_is_refused_by_file_and_column(said, stage, path, damage):
    """The checksum is right: the file is whole, and not what the stage counts on."""

    def rewrite(kept, place):
        table = parquet.read_parquet(kept)
        name = next(name for name in ("seed", "parameters", "left", "text") if name in table.column_names)
        number = table.column_names.index(name)
        record = parquet.provenance_of(table)
        if damage == "column missing":
            table = table.remove_column(number)
        else:
            other = pa.array(["x"] * len(table)) if name != "text" else pa.array(range(len(table)))
            table = table.set_column(number, name, other)
        parquet.write_parquet(place, table, record)

    found = said(stage, path, rewrite)
    assert path in found
    assert REMEDY in found
    assert any(f"{quote}{name}" in found for name in ("seed", "parameters", "left", "text") for quote in ("'", " "))


@pytest.mark.parametrize(("stage", "path"), [("histories", f"{FOLDER}/history.parquet")])
def test_a_history_without_a_wanted_seed_is_refused(said, stage, path):
    def rewrite(kept, place):
        table = parquet.read_parquet(kept)
        parquet.write_parquet(place, table.filter(pa.compute.equal(table["seed"], 0)), parquet.provenance_of(table))

    assert f"{path} has no rows of seed 7" in said(stage, path, rewrite)


@pytest.mark.parametrize("change", [{"cell": CELL.name}, {"runs": []}])
def test_an_evaluation_of_other_runs_is_refused(said, change):
    path = f"{FOLDER}/evaluation.json"

    def rewrite(kept, place):
        found = json_files.read_sealed_json(kept)
        json_files.write_sealed_json(place, found | (change if change.get("cell") else {"runs": found["runs"][:1]}))

    assert f"{path} holds runs of " in said("tables", path, rewrite)


def test_a_corpus_of_another_cell_is_refused(said):
    def rewrite(_, place):
        parquet.write_parquet(place, corpus.to_table(LINES), {})

    assert "corpus.parquet is another corpus than that of" in said("evaluate", "corpus.parquet", rewrite)


def forged(path, header, size=64):
    """A safetensors file that claims what is in a header, whatever it holds; ``size`` bytes, which a disk need not
    have."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + size)


HUGE = 2**36  # 64 GiB
TENSOR = {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, 64]}
FORGED = {
    "header longer than the file": lambda path: path.write_bytes(struct.pack("<Q", 2**40) + b"{}"),
    "header of the largest length": lambda path: path.write_bytes(struct.pack("<Q", 2**64 - 1) + b"{}"),
    "header that is no JSON": lambda path: forged(path, b"\x80\x04\x95" + b"x" * 20),
    "header nested deeply": lambda path: forged(path, b"[" * 100_000),
    "tensor larger than the file": lambda path: forged(path, {"x": TENSOR | {"data_offsets": [0, HUGE]}}),
    "tensor of more than all memory": lambda path: forged(path, {"x": TENSOR | {"shape": [2**40, 2**40]}}),
    "tensors that overlap": lambda path: forged(path, {"x": TENSOR, "y": TENSOR}),
    "offsets that go backwards": lambda path: forged(path, {"x": TENSOR | {"data_offsets": [64, 0]}}),
    "type of objects": lambda path: forged(path, {"x": TENSOR | {"dtype": "OBJECT"}}),
    "pickle": lambda path: path.write_bytes(b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94."),
    "zip of torch.save": lambda path: path.write_bytes(b"PK\x03\x04" + bytes(100)),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_weights_of_a_stranger_are_refused_before_they_cost_memory(tmp_path, name):
    path = tmp_path / "weights.safetensors"
    FORGED[name](path)
    tracemalloc.start()
    with pytest.raises(InputError, match=r"weights\.safetensors"):
        weights.load(path, CELL, SEEDS)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


@pytest.mark.parametrize("size", [2**21, HUGE])
def test_a_whole_file_that_is_larger_than_its_cell_is_refused_before_it_is_opened(tmp_path, size):
    """The file is a hole on the disk, and the larger one would not fit memory."""
    path = tmp_path / "weights.safetensors"
    about = json.dumps({"runs": runs_name(CELL, SEEDS)})
    tensor = {"dtype": "F32", "shape": [2, size // 8], "data_offsets": [0, size]}
    forged(path, {"__metadata__": {"about": about}, "token_embedding": tensor}, size)
    with pytest.raises(InputError, match=rf"weights\.safetensors has {path.stat().st_size} bytes, too many for"):
        weights.load(path, CELL, SEEDS)


@pytest.mark.parametrize("change", ["missing", "extra", "shape", "type"])
def test_whole_weights_that_do_not_fit_the_cell_are_refused_by_tensor(tmp_path, change):
    path = tmp_path / "weights.safetensors"
    stack = stack_of(CELL, SEEDS)
    if change == "missing":
        del stack["final_norm"]
    elif change == "extra":
        stack["other"] = torch.zeros(2, 1)
    elif change == "shape":
        stack["final_norm"] = torch.ones(2, 3)
    else:
        stack["final_norm"] = stack["final_norm"].to(torch.float64)
    weights.save(path, stack, CELL, SEEDS)
    words = {"missing": "no tensor 'final_norm'", "extra": "a tensor 'other'", "shape": r"\[2, 3\]", "type": "F64"}
    with pytest.raises(InputError, match=rf"weights\.safetensors.*{words[change]}.*{REMEDY}"):
        weights.load(path, CELL, SEEDS)


@pytest.mark.parametrize("about", ["{}", "[]", "text", '{"runs": null}'])
def test_weights_that_do_not_say_whose_they_are_are_refused(tmp_path, about):
    save_file(stack_of(CELL, SEEDS), tmp_path / "weights.safetensors", metadata={"about": about})
    with pytest.raises(InputError, match=r"weights\.safetensors"):
        weights.load(tmp_path / "weights.safetensors", CELL, SEEDS)


def test_weights_are_the_same_bytes_every_time_and_come_back_with_what_is_not_finite(tmp_path):
    stack = stack_of(CELL, SEEDS)
    for name in ("a", "b"):
        weights.save(tmp_path / name, stack, CELL, SEEDS)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert parameters_as_bytes(weights.load(tmp_path / "a", CELL, SEEDS)) == parameters_as_bytes(stack)


@pytest.mark.parametrize("exponent", [-300, -5, 0, 5, 300])
def test_the_checksum_of_a_table_sees_the_last_bit_of_a_number(tmp_path, exponent):
    number = 1.1 * 10.0**exponent
    sums = {
        parquet._checksum_of_table(pa.table({"x": [value]})) for value in (number, math.nextafter(number, math.inf))
    }
    assert len(sums) == 2


def test_the_checksum_of_a_table_tells_nothing_from_empty_from_nan(tmp_path):
    made = [pa.table({"x": pa.array(values, kind)}) for values, kind in (
        ([None, "a"], pa.string()), (["", "a"], pa.string()), (["nan", "a"], pa.string()),
        (["", "a"], pa.large_string()),
        ([None, 1.0], pa.float64()), ([math.nan, 1.0], pa.float64()), ([0.0, 1.0], pa.float64()),
        ([-0.0, 1.0], pa.float64()), ([0, 1], pa.int64()), ([None, None], pa.float64()), ([None, None], pa.null()),
    )]  # fmt: skip
    assert len({parquet._checksum_of_table(table) for table in made}) == len(made)


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a": 1' + b"0" * 5000 + b"}", b"\xff\xfe", b'"\xc3'])
def test_json_of_a_stranger_is_refused_by_name(tmp_path, text):
    (tmp_path / "value.json").write_bytes(text)
    with pytest.raises(InputError, match=r"value\.json is not a whole JSON file"):
        json_files.read_json(tmp_path / "value.json")
