"""An old Python or torch is named before anything runs, by the package and so by Snakemake and by every stage."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest

from capacity import versions
from tests.support.repository import REPOSITORY


def version(number):
    return ".".join(map(str, number))


def test_the_oldest_versions_are_those_of_the_project():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == f">={version(versions.OLDEST_PYTHON)}"
    assert f"torch>={version(versions.OLDEST_TORCH)}" in project["dependencies"]
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert f"sys.version_info >= {versions.OLDEST_PYTHON}" in makefile


def test_what_is_installed_will_do():
    versions.check_versions()


@pytest.mark.parametrize("old", ["3.10.14 (main, Jan 1 2024)", "3.9.1", "2.7.18"])
def test_an_old_python_is_refused_by_its_version(monkeypatch, old):
    monkeypatch.setattr(sys, "version", old)
    with pytest.raises(ImportError, match=rf"Python {old.split()[0]} is too old: 3\.11 or newer is needed"):
        versions.check_versions()


@pytest.mark.parametrize(
    ("installed", "is_too_old"),
    [("2.12.1", True), ("1.13.0+cu117", True), ("2.9.0", True), ("2.13.0+cpu", False), ("2.14.0a0+git", False),
     ("3.0.0", False)],
)  # fmt: skip
def test_an_old_torch_is_refused_by_its_version(monkeypatch, installed, is_too_old):
    monkeypatch.setattr(metadata, "version", {"torch": installed}.__getitem__)
    if not is_too_old:
        versions.check_versions()
        return
    with pytest.raises(ImportError) as caught:
        versions.check_versions()
    assert str(caught.value).startswith(f"torch {installed} is too old: 2.13 or newer is needed; envs/requirements.txt")


def test_no_torch_is_left_to_the_environment_of_each_rule(monkeypatch):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", absent)
    versions.check_versions()


def test_a_stage_under_an_old_torch_ends_with_its_version_before_it_reads_anything(tmp_path):
    """The metadata of an old torch lie before those of the true one."""
    (tmp_path / "torch-2.1.0.dist-info").mkdir()
    (tmp_path / "torch-2.1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.1.0\n")
    path = os.pathsep.join([str(tmp_path), str(REPOSITORY / "src")])
    command = [sys.executable, "-m", "capacity", "corpus", "task=facts/size=n14/variant=paper", "--output", "x.parquet"]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True)
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].startswith("ImportError: torch 2.1.0 is too old: 2.13 or newer is needed")
    assert not (tmp_path / "x.parquet").exists()
