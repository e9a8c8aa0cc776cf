"""A Numba that is missing or cannot be imported: torch trains, and says so; no other program evaluates its networks."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from capacity import kernel
from capacity.corpora import corpus
from capacity.storage import json_files, parquet
from capacity.training.execution import Execution
from capacity.training.path import kernel_of
from tests.support.repository import SOURCE
from tests.support.short_cells import short_cell

CELL = short_cell()

# What stands for Numba, and what is said of it.
BROKEN = {
    "not installed": ("raise ModuleNotFoundError(\"No module named 'numba'\")", "No module named 'numba'"),
    "without a library": ("raise OSError('libLLVM.so: cannot open shared object file')", "OSError: libLLVM.so"),
    "of another version": ("", "No module named 'numba.core'"),
}


@pytest.fixture
def run(tmp_path):
    """Run Python where Numba is broken in one of these ways, or whole."""

    def python(arguments, broken):
        path = [str(SOURCE)]
        if broken is not None:
            folder = tmp_path / broken / "numba"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "__init__.py").write_text(BROKEN[broken][0], encoding="utf-8")
            path.insert(0, str(folder.parent))
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return python


@pytest.fixture
def command(tmp_path, run):
    """Run a command of the job of a cell."""
    parquet.write_parquet(tmp_path / "corpus.parquet", corpus.to_table(corpus.build(CELL)), {})
    options = ["--seeds", "3", "--corpus", "corpus.parquet", "--output", "job", "--device", "cpu"]
    return lambda name, broken: run(["-m", "capacity", name, CELL.name, *options], broken)


@pytest.mark.parametrize("broken", BROKEN)
def test_the_reason_is_what_the_import_says(run, broken):
    program = "from capacity.model.networks import why_no_numba; print(why_no_numba())"
    said = run(["-c", program], broken).stdout
    assert BROKEN[broken][1] in said
    assert said.count("\n") == 1


def test_torch_trains_and_says_why_in_a_line(command, tmp_path):
    done = command("train", "without a library")
    assert done.returncode == 0, done.stdout
    (said,) = [line for line in done.stdout.splitlines() if "the compiled network cannot be used" in line]
    assert "torch trains" in said
    assert "OSError: libLLVM.so: cannot open shared object file" in said
    assert "Traceback" not in done.stdout
    assert json_files.read_json(tmp_path / "job/run.json")["kernel"] == "torch"


def test_weights_of_the_compiled_network_are_not_evaluated_without_it(command, tmp_path):
    assert "cannot be used" not in command("train", None).stdout
    assert json_files.read_json(tmp_path / "job/run.json")["kernel"] == "numba"
    done = command("evaluate", "not installed")
    assert done.returncode == 1
    assert "Traceback" not in done.stdout
    assert "the compiled network trained these weights" in done.stdout
    assert "No module named 'numba'" in done.stdout
    assert "install the packages in envs/requirements.txt, or train with kernel: torch" in done.stdout
    assert not (tmp_path / "job/evaluation.json").exists()
    assert command("evaluate", None).returncode == 0


def test_without_numba_torch_is_the_program_of_a_cell(monkeypatch):
    assert kernel_of(CELL, "cpu", Execution()) == "numba"
    monkeypatch.delattr(kernel, "network")
    monkeypatch.setitem(sys.modules, "capacity.kernel.network", None)
    assert kernel_of(CELL, "cpu", Execution()) == "torch"
