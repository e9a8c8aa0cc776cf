"""A wheel of the repository holds the whole package: its commands run, and find their data, without the repository."""

from __future__ import annotations

import subprocess
import zipfile

import pytest

from tests.support.repository import SOURCE


@pytest.fixture
def run_installed(installed_python, clone, tmp_path):
    """Runs the Python with the wheel, in an empty folder, and gives what it prints."""

    def run(*arguments):
        command = [installed_python, *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=clone.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    files = {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*") if path.is_file()}
    assert packed == {name for name in files if "__pycache__" not in name and ".egg-info/" not in name}
    assert "capacity/py.typed" in packed


def test_a_command_of_the_installed_package_runs(run_installed, tmp_path):
    run_installed("-m", "capacity", "corpus", "task=facts/size=n14/variant=paper", "--output", "corpus.parquet")
    assert (tmp_path / "corpus.parquet").stat().st_size > 1000


def test_the_installed_package_is_the_one_that_runs(run_installed, installed_python):
    where = run_installed("-c", "import capacity; print(capacity.__file__)")
    assert where.startswith(str(installed_python.parents[1]))


def test_the_installed_package_checks_a_configuration_and_an_evaluation_by_its_schemas(run_installed, repository):
    code = """
import sys
from pathlib import Path
from capacity.errors import InputError
from capacity.experiment import configuration, configuration_files
from capacity.storage import evaluations
config = configuration_files.read_configuration(Path(sys.argv[1]))
print(sorted(configuration.validate(config)))
try:
    configuration.validate({**config, "devise": "cpu"})
except InputError as error:
    print(error)
print(evaluations.SCHEMA.is_file())
"""
    studies, error, schema = run_installed("-c", code, str(repository / "config.yaml")).splitlines()
    assert "base" in studies
    assert error.startswith("devise: unknown key")
    assert schema == "True"


@pytest.mark.parametrize(("module", "template"), [("page", "findings.md.j2"), ("methods", "methods.md.j2")])
def test_the_installed_package_has_the_templates_of_pages(run_installed, repository, module, template):
    program = f"from capacity.findings import {module}; print({module}.TEMPLATE.read_text('utf-8'), end='')"
    shown = run_installed("-c", program)
    assert shown == (repository / "src/capacity/findings" / template).read_text(encoding="utf-8")


def test_the_installed_package_has_the_templates_of_the_report(run_installed):
    program = (
        "from capacity.report import answer, pages; print(all(each.TEMPLATE.is_file() for each in (answer, pages)))"
    )
    assert run_installed("-c", program) == "True\n"


def test_the_installed_package_has_the_styles_and_scripts_of_the_explorer(run_installed):
    program = "from capacity.explorer import page; print(all(path.is_file() for path in (page.STYLE, *page.SCRIPTS)))"
    assert run_installed("-c", program) == "True\n"
