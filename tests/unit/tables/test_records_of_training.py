"""Stages compare the files of a job with the record of its training, whatever lies in its place."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from capacity.storage import json_files
from tests.support.commands import run_command
from tests.support.whole_results import configure, copy_of, stages

CONFIG = configure()
STAGES = {
    stage.command: stage
    for stage in stages(CONFIG)
    if stage.command in ("tabulate", "histories", "expressions") and "/base/" not in stage.reads[0]
}
RECORD = STAGES["tabulate"].reads[1].replace("evaluation.json", "run.json")
OTHER = next(path for stage in stages(CONFIG) for path in stage.writes if path.endswith("run.json") and path != RECORD)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return copy_of(tmp_path_factory, CONFIG)


def flip(path: Path, content: bytes) -> None:
    path.write_bytes(content.replace(b"numba", b"mumba"))


DAMAGES = {
    "a bit turned over": (flip, "is damaged: its content does not fit its checksum"),
    "cut short": (lambda path, content: path.write_bytes(content[:99]), "is not a whole JSON file"),
    "emptied": (lambda path, content: path.write_bytes(b""), "is not a whole JSON file"),
    "a list": (lambda path, content: json_files.write_json(path, []), "is not the record of a run"),
    "pipe": (lambda path, content: os.mkfifo(path), "is a pipe, and has to be a file"),
    "folder": (lambda path, content: path.mkdir(), "Is a directory"),
    "link to nowhere": (lambda path, content: path.symlink_to("/nowhere"), "No such file or directory"),
    "link to itself": (lambda path, content: path.symlink_to(path.name), "Too many levels of symbolic links"),
}


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("command", STAGES)
def test_a_damaged_record_is_refused_by_its_name_with_the_command_that_trains_anew(whole, monkeypatch, command, kind):
    monkeypatch.chdir(whole)
    damage, words = DAMAGES[kind]
    kept = Path(RECORD).rename("kept")
    try:
        damage(Path(RECORD), kept.read_bytes())
        with pytest.raises(SystemExit) as caught:
            STAGES[command].run()
    finally:
        if Path(RECORD).is_dir():
            Path(RECORD).rmdir()
        kept.replace(RECORD)
    said = str(caught.value)
    assert said.startswith("error: ")
    assert words in said
    assert said.endswith(f"; train it anew: rm {RECORD} && snakemake --cores all {RECORD}")


@pytest.mark.parametrize("command", STAGES)
def test_the_record_of_another_cell_is_refused(whole, monkeypatch, command):
    monkeypatch.chdir(whole)
    kept = Path(RECORD).rename("kept")
    try:
        shutil.copyfile(OTHER, RECORD)
        with pytest.raises(SystemExit, match=r"is of another run than .*run\.json"):
            STAGES[command].run()
    finally:
        kept.replace(RECORD)


def test_the_publication_of_a_study_refuses_a_damaged_record(whole, monkeypatch, tmp_path):
    monkeypatch.chdir(whole)
    kept = Path(RECORD).read_bytes()
    try:
        Path(RECORD).write_bytes(b"{")
        with pytest.raises(SystemExit, match=r"run\.json is not a whole JSON file"):
            run_command("publish", "weight-decay", tmp_path / "published")
    finally:
        Path(RECORD).write_bytes(kept)
