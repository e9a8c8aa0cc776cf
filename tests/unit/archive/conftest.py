"""Results of a few updates with everything in them, and their archive."""

from __future__ import annotations

import json
import shutil
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from tests.support.commands import run_command
from tests.support.whole_results import configure, copy_of, made_once

CONFIG = configure()
SECONDS = 2.5
"""That every job took, as the metadata say."""


def write_metadata(folder: Path) -> None:
    """Write what Snakemake writes down of each file when its job has ended."""
    for path in sorted((folder / "results").rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != "results/configuration.json":
            coded = urlsafe_b64encode(name.encode()).decode()
            parts = [coded[start : start + 254] for start in range(0, len(coded), 254)]
            record = folder.joinpath(".snakemake/metadata", *(f"@{part}" for part in parts[:-1]), parts[-1])
            record.parent.mkdir(parents=True, exist_ok=True)
            ended = path.stat().st_mtime
            record.write_text(json.dumps({"rule": "any", "starttime": ended - SECONDS, "endtime": ended}), "utf-8")


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder with results, their metadata and their archive. The processes of a run share what is slow to make."""

    def fill(folder: Path) -> None:
        shutil.copytree(copy_of(tmp_path_factory, CONFIG), folder, dirs_exist_ok=True)
        write_metadata(folder)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            run_command("archive", "--output", "results/archive.zip")

    original = made_once(tmp_path_factory, "archived results", fill)
    return Path(shutil.copytree(original, tmp_path_factory.mktemp("archive") / "own copy"))


@pytest.fixture
def results(made, monkeypatch):
    """The folder of results, in the current folder."""
    monkeypatch.chdir(made)
    return Path("results")


@pytest.fixture(scope="session")
def unpacked(made, tmp_path_factory):
    """The archive, unpacked."""
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(made / "results/archive.zip") as archive:
        archive.extractall(folder)
    return folder
