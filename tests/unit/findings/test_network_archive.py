from __future__ import annotations

import json
import zipfile

import pytest

from capacity.errors import InputError
from capacity.experiment.grid import Study
from capacity.experiment.seeds import runs_name
from capacity.findings import network_archive
from capacity.findings.network_archive import write_archive
from capacity.storage import json_files
from tests.support.untrained_results import CELL, LINES, SEEDS, stack_of, write_job

STUDY = Study("base", "A title", {CELL.name: CELL}, {CELL.name: (7,)})
JOB = f"results/cells/{runs_name(CELL, SEEDS)}"


@pytest.fixture
def root(tmp_path):
    """Results of one evaluated job of two seeds, of which the study takes one."""
    corpus = tmp_path / f"results/corpora/{CELL.corpus_name}.parquet"
    write_job(tmp_path / JOB, corpus, CELL, LINES, stack_of(CELL, SEEDS))
    (tmp_path / JOB / "snapshots").mkdir()
    (tmp_path / JOB / "snapshots/state.json").write_text("{}")
    (tmp_path / JOB / ".evaluation.json.x").write_text("unfinished")
    return tmp_path


def members(path):
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_the_archive_puts_every_file_back_in_its_place(root, tmp_path):
    number = write_archive(tmp_path / "networks.zip", STUDY, root)
    with zipfile.ZipFile(tmp_path / "networks.zip") as archive:
        archive.extractall(tmp_path / "other")
    unpacked = sorted(path for path in (tmp_path / "other").rglob("*") if path.is_file())
    assert len(unpacked) == number > 5
    assert {path.name for path in unpacked} >= {"weights.safetensors", "history.parquet", "run.json", "evaluation.json"}
    for path in unpacked:
        assert path.read_bytes() == (root / path.relative_to(tmp_path / "other")).read_bytes()
    assert not [path for path in unpacked if "snapshots" in path.parts or path.name.startswith(".")]


def test_a_file_follows_those_that_it_is_made_from(root, tmp_path):
    write_archive(tmp_path / "networks.zip", STUDY, root)
    names = members(tmp_path / "networks.zip")
    order = [names.index(f"{JOB}/{name}") for name in ("weights.safetensors", "evaluation.json")]
    assert names[0] == f"results/corpora/{CELL.corpus_name}.parquet"
    assert order == sorted(order)
    assert max(names.index(f"{JOB}/{name}") for name in ("history.parquet", "run.json")) < order[1]


def test_the_same_runs_make_the_same_archive(root, tmp_path):
    for name in ("one.zip", "two.zip"):
        (root / JOB / "run.json").touch()
        write_archive(tmp_path / name, STUDY, root)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_jobs_of_other_seeds_and_large_networks_are_left_out(root, tmp_path, monkeypatch):
    others = Study("base", "A title", {CELL.name: CELL}, {CELL.name: (1,)})
    with pytest.raises(InputError, match="no evaluated networks of the study base"):
        write_archive(tmp_path / "networks.zip", others, root)
    parameters = json_files.read_sealed_json(root / JOB / "evaluation.json")["parameters"]
    monkeypatch.setattr(network_archive, "MOST_PARAMETERS", parameters - 1)
    with pytest.raises(InputError, match=f"at most {parameters - 1:,} parameters"):
        write_archive(tmp_path / "networks.zip", STUDY, root)
    assert not (tmp_path / "networks.zip").exists()


def test_a_damaged_evaluation_is_not_archived(root, tmp_path):
    path = root / JOB / "evaluation.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"parameters": 1}))
    with pytest.raises(InputError, match=r"evaluation\.json"):
        write_archive(tmp_path / "networks.zip", STUDY, root)
