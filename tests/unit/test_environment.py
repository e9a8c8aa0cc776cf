"""Jobs reach the Python and the package of Snakemake through paths that need no quotes and hold nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from capacity import environment, errors
from tests.support.repository import SOURCE


@pytest.fixture
def spaced_python(tmp_path, monkeypatch):
    """The Python of a virtual environment in a folder whose name has a space."""
    home = tmp_path / "with a space" / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    monkeypatch.setattr(sys, "executable", str(home / "bin/python"))
    return home / "bin/python"


def prefix_of(python, folder):
    """The environment of a Python that a shell starts in a folder, and how that Python calls itself."""
    command = f"{python} -c 'import sys; print(sys.prefix); print(sys.executable)'"
    done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_a_python_without_special_characters_is_taken_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3.11")
    assert environment.unquoted_python(tmp_path / ".snakemake", tmp_path) == "/usr/bin/python3.11"
    assert not (tmp_path / ".snakemake").exists()


def test_a_python_in_a_folder_with_a_space_is_started_through_a_link_in_its_environment(spaced_python, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    python = environment.unquoted_python(work / ".snakemake", work)
    assert not environment.needs_quotes(python)
    prefix, _ = prefix_of(python, work)
    assert Path(prefix).samefile(spaced_python.parents[1])


def test_a_job_that_was_started_through_the_link_keeps_it(spaced_python, tmp_path, monkeypatch):
    """It runs in the same folder, and its own ``sys.executable`` leads through the link and needs quotes again."""
    work = spaced_python.parents[2]
    python = environment.unquoted_python(work / ".snakemake", work)
    target = (work / ".snakemake/environment").readlink()
    _, executable = prefix_of(python, work)
    assert environment.needs_quotes(executable)
    monkeypatch.setattr(sys, "executable", executable)
    assert environment.unquoted_python(work / ".snakemake", work) == python
    assert (work / ".snakemake/environment").readlink() == target == spaced_python.parents[1]


def test_the_link_follows_an_environment_that_moved(spaced_python, tmp_path, monkeypatch):
    environment.unquoted_python(tmp_path / ".snakemake", tmp_path)
    moved = spaced_python.parents[1].rename(tmp_path / "with two  spaces")
    monkeypatch.setattr(sys, "executable", str(moved / "bin/python"))
    python = environment.unquoted_python(tmp_path / ".snakemake", tmp_path)
    assert Path(prefix_of(python, tmp_path)[0]).samefile(moved)


def test_without_a_better_path_the_python_stays_and_submitting_jobs_is_refused_by_its_path(spaced_python, tmp_path):
    """Seen from where jobs are started, the working folder lies behind a name with a space."""
    python = environment.unquoted_python(tmp_path / "far away/.snakemake", tmp_path)
    assert python == str(spaced_python)
    assert not (tmp_path / "far away").exists()
    with pytest.raises(errors.InputError, match="use a Python environment in a folder without spaces") as caught:
        environment.check_python(python)
    assert str(spaced_python) in str(caught.value)


def test_where_no_link_can_be_made_the_python_stays(spaced_python, tmp_path):
    (tmp_path / ".snakemake").write_text("a file where the folder would be", encoding="utf-8")
    assert environment.unquoted_python(tmp_path / ".snakemake", tmp_path) == str(spaced_python)


def test_a_path_that_needs_no_quotes_is_not_refused():
    environment.check_python(".snakemake/environment/bin/python")


def test_the_package_of_a_clone_is_imported_from_its_source(tmp_path):
    assert environment.import_folder(tmp_path) == SOURCE
    assert list(tmp_path.iterdir()) == []


def test_an_installed_package_is_imported_through_a_folder_of_its_own(tmp_path, monkeypatch):
    installed = tmp_path / "site-packages"
    for name in ("capacity", "numpy", "capacity-1.0.dist-info"):
        (installed / name).mkdir(parents=True)
    monkeypatch.setattr(environment, "PACKAGE", installed / "capacity")
    for _ in range(2):
        folder = environment.import_folder(tmp_path / ".snakemake")
        assert [path.name for path in folder.iterdir()] == ["capacity"]
        assert (folder / "capacity").samefile(installed / "capacity")


def test_jobs_keep_what_numba_compiles_beside_snakemakes_files_or_in_the_folder_that_the_environment_names(
    tmp_path, monkeypatch
):
    def chosen():
        code = environment.job_prelude(tmp_path / "a folder", None, None) + 'echo "$NUMBA_CACHE_DIR"'
        return subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    assert chosen() == str(tmp_path / "a folder/numba")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/another folder")
    assert chosen() == "/another folder"
