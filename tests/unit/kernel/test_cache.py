"""Where compiled functions are kept, and that every clone of the same code finds them there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import numba
import pytest
from numba.core import config

from capacity.kernel import cache
from tests.support.repository import SOURCE

PROGRAM = """
import sys
import numpy
from capacity.kernel.streams import reshuffle
text, original = numpy.zeros(4, numpy.int64), numpy.array([7, 7, 8, 8])
starts, lengths, parts, raw = (numpy.array(each) for each in ([0, 2], [2, 2], [2], [1]))
reshuffle(text, original, starts, lengths, parts, raw)
print(text.tolist(), "compiled" if reshuffle.stats.cache_misses else "kept")
"""


@pytest.fixture
def chosen(tmp_path, monkeypatch):
    """Choose a folder for what is compiled, and return that in which it is kept."""

    def choose(variable, folder):
        for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(variable, str(folder))
        return cache.kept_in.__wrapped__()

    return choose


def run(folder, source, **environment):
    given = os.environ | {"NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": str(source)} | environment
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=given, capture_output=True, text=True, check=True)
    return done.stdout.strip(), done.stderr


def test_another_clone_of_the_same_code_compiles_nothing_and_one_of_other_code_does(tmp_path):
    other = tmp_path / "other clone"
    shutil.copytree(SOURCE / "capacity", other / "capacity", ignore=shutil.ignore_patterns("__pycache__"))
    cached = tmp_path / "compiled"
    assert run(cached, SOURCE) == ("[8, 8, 7, 7] compiled", "")
    assert run(cached, other) == ("[8, 8, 7, 7] kept", "")
    with (other / "capacity/kernel/lanes.py").open("a", encoding="utf-8") as file:
        file.write("# Another line of a file that others import.\n")
    assert run(cached, other) == ("[8, 8, 7, 7] compiled", "")
    assert run(cached, SOURCE) == ("[8, 8, 7, 7] kept", "")
    assert run(cached, SOURCE, NUMBA_CPU_NAME="haswell", NUMBA_CPU_FEATURES="") == ("[8, 8, 7, 7] compiled", "")
    assert len(list(cached.iterdir())) == 3


def test_where_nothing_can_be_kept_it_is_said_once_and_functions_are_compiled_all_the_same(tmp_path):
    (tmp_path / "a file").touch()
    printed, said = run(tmp_path / "a file", SOURCE)
    assert printed == "[8, 8, 7, 7] compiled"
    assert said.count("compiled kernels cannot be kept") == said.count("\n") == 1
    assert "set NUMBA_CACHE_DIR to a folder that can be written" in said


@pytest.mark.parametrize(("variable", "below"), [("NUMBA_CACHE_DIR", ""), ("XDG_CACHE_HOME", ""), ("HOME", ".cache")])
def test_the_environment_chooses_the_folder(chosen, tmp_path, variable, below):
    folder = chosen(variable, tmp_path)
    assert folder.parent == tmp_path / below
    assert folder.is_dir()


def test_a_folder_in_which_nothing_may_be_written_is_not_used(chosen, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    assert chosen("NUMBA_CACHE_DIR", tmp_path) is None
    assert f"no permission to write in {tmp_path}" in capsys.readouterr().err


def test_other_users_of_numba_in_the_process_keep_their_settings():
    before = vars(config).copy()
    cache.compiled(lambda: 0)
    assert vars(config) == before

    @numba.njit(cache=True)
    def other():
        return 1

    assert str(cache.kept_in()) not in other.stats.cache_path
