"""A copy of the repository as a clone would have it, in a folder whose name has a space, and Snakemake run in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.repository import REPOSITORY
from tests.support.shipped_configuration import of_studies
from tests.support.snakemake_server import SnakemakeServer

TRACKED = (
    ".snakemake-workflow-catalog.yml",
    "Makefile",
    "README.md",
    "Snakefile",
    "config",
    "config.yaml",
    "docs",
    "envs",
    "profiles",
    "pyproject.toml",
    "src",
    "workflow",
)
TITLE = (
    "--pdf of </script><script>owned=1</script><!--<script><b id=owned>4 &lt; cells_ "
    "[a](javascript:owned=1) Tables_ in s"
)
"""A title that is markup wherever it is not taken as text: an option, scripts, elements, links, references."""
STUDIES = ("base", "weight-decay", "grokking")
"""Those that the paper's claims are about: enough for a clone whose own configuration says what is run."""
JOB = re.compile(r"^(?:local)?rule (\w+):\n((?: +\S.*\n)*)", re.MULTILINE)


@dataclass(frozen=True)
class Job:
    """A job that a dry run announces."""

    rule: str
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Clone:
    """A folder with the workflow in it."""

    folder: Path
    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    python: str | Path = sys.executable
    server: SnakemakeServer | None = None

    @property
    def environment(self) -> dict[str, str]:
        """No virtual environment is active, and a ``python`` on the path does nothing but fail; and what was set.

        What Numba compiles is kept where all tests keep it.
        """
        path = f"{self.home / 'bin'}:/usr/bin:/bin"
        given = {"PATH": path, "HOME": str(self.home), "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}
        return {**given, "NUMBA_CACHE_DIR": os.environ["NUMBA_CACHE_DIR"], **self.variables}

    def snakemake(self, *arguments: str, succeeds: bool = True) -> str:
        """Run Snakemake, check whether it succeeds, and return what it prints."""
        if self.server and self._is_plain():
            code, printed = self.server.run(arguments, self.folder, self.environment)
        else:
            done = subprocess.run(
                [self.python, "-m", "snakemake", *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            code, printed = done.returncode, done.stdout
        assert (code == 0) == succeeds, printed
        return printed

    def _is_plain(self) -> bool:
        """Return whether the Python of the tests runs Snakemake, with no packages but its own."""
        return self.python == sys.executable and "PYTHONPATH" not in self.variables

    def planned(self, *arguments: str) -> list[Job]:
        """The jobs that a dry run of these targets and options announces, those that only collect left out."""
        jobs = []
        for rule, body in JOB.findall(self.snakemake("--dry-run", *arguments)):
            outputs = re.search(r"^ +output: (.*)$", body, re.MULTILINE)
            if outputs:
                jobs.append(Job(rule, tuple(outputs[1].split(", "))))
        return jobs

    def counts(self, *arguments: str) -> Counter[str]:
        """How many jobs of each rule a dry run announces."""
        return Counter(job.rule for job in self.planned(*arguments))

    def configure(self, name: str, config: dict[str, Any]) -> str:
        """A file for ``--configfile``, by its path from the clone."""
        (self.folder / name).write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        return name


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository that the tests stand in."""
    return REPOSITORY


@pytest.fixture(scope="session")
def snakemake_server() -> Iterator[SnakemakeServer]:
    """The process in which clones run Snakemake."""
    server = SnakemakeServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def make_clone(tmp_path_factory: pytest.TempPathFactory, snakemake_server: SnakemakeServer) -> Callable[..., Clone]:
    """Makes a clone of that name, without results, with all studies of config.yaml or with some of them."""
    home = tmp_path_factory.mktemp("home")
    (home / "bin").mkdir()
    for name in ("python", "python3"):
        trap = home / "bin" / name
        trap.write_text("#!/bin/sh\necho 'this is not the Python that runs Snakemake' >&2\nexit 97\n")
        trap.chmod(0o755)
    parent = tmp_path_factory.mktemp("with a space")

    def make(name: str, studies: Sequence[str] | None = None) -> Clone:
        folder = parent / name
        folder.mkdir()
        for entry in TRACKED:
            source = REPOSITORY / entry
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(source, folder / entry, symlinks=True, ignore=ignored)
            elif source.exists():
                shutil.copy2(source, folder / entry)
        clone = Clone(folder, home, server=snakemake_server)
        if studies is not None:
            clone.configure("config.yaml", of_studies(*studies))
        return clone

    return make


@pytest.fixture(scope="session")
def clone(make_clone: Callable[[str], Clone]) -> Clone:
    """A clone for dry runs: nothing is ever trained in it, and its files stay as they are."""
    return make_clone("fresh clone")


@pytest.fixture(scope="session")
def tiny() -> dict[str, Any]:
    """What turns config.yaml into a study of seconds: four cells of six updates, two seeds to a job."""
    return {
        "device": "cpu",
        "sizes": {"tiny": {"layers": 2, "heads": 2, "width": 8, "mlp_factor": 2}},
        "studies": {
            "base": {
                "title": TITLE,
                "grids": [
                    {"task": ["arithmetic", "facts", "joint"], "size": ["n14"]},
                    {"task": ["facts"], "size": ["tiny"]},
                ],
                "figures": None,  # those of the paper's base cells are about sizes that these are not
            }
        },
        "budgets": {
            "laptop": {
                "seeds_per_job": 2,
                "cells": [{"set": {"iterations": 6, "batch": 8, "evaluation_interval": 3}, "seeds": [1337, 0]}],
            }
        },
    }
