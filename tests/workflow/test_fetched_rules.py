"""Rules that Snakemake fetches by ``github(...)`` run the installed package, in a folder as snakedeploy lays it out.

A repository on the disk stands for the one at GitHub: git is told so by its configuration.
"""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import threading
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

import capacity
from tests.support.clones import STUDIES

OWNER = "someone/too-big-to-think"
VERSION = capacity.__version__
# What `snakedeploy deploy-workflow https://github.com/OWNER . --tag VERSION` (0.17.1) writes to workflow/Snakefile.
SNAKEFILE = """
from snakemake.utils import min_version


min_version("6.10.0")


configfile: "config/config.yaml"


# declare https://github.com/{owner} as a module
module too_big_to_think:
    snakefile: 
        {place}
    config:
        config


# use all rules from https://github.com/{owner}
use rule * from too_big_to_think
"""
# What the targets need is enough: tests/workflow/test_module.py makes everything that a module can.
TARGETS = ("results/figures/base/facts.pdf", "results/tables/base/facts/dynamics.md")
RUN = (*TARGETS, "--cores", "2")
ON_GITHUB = f'github("{OWNER}", path="workflow/Snakefile", tag="v{VERSION}")'


@pytest.fixture(scope="module")
def published(make_clone):
    """A repository with a tag for its version, and the variables that lead git to it instead of to GitHub."""
    clone = make_clone("published", STUDIES)
    for command in (
        ["init", "--quiet"],
        ["add", "--all"],
        ["-c", "user.name=Tests", "-c", "user.email=tests@localhost", "commit", "--quiet", "--message", "All of it"],
        ["tag", f"v{VERSION}"],
    ):
        subprocess.run(["git", *command], cwd=clone.folder, env=clone.environment, check=True)
    variables = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{clone.folder.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": f"https://github.com/{OWNER}",
    }
    return replace(clone, variables=variables)


@pytest.fixture(scope="module")
def deploy(published):
    """Makes a folder as snakedeploy does, with rules from some place: it copies the configuration and the profiles."""

    def make(name, place=ON_GITHUB, **variables):
        folder = published.folder.parent / name
        for copied in ("config", "profiles"):
            shutil.copytree(published.folder / copied, folder / copied)
        (folder / "workflow").mkdir()
        snakefile = SNAKEFILE.format(owner=OWNER, place=place)
        (folder / "workflow/Snakefile").write_text(snakefile, encoding="utf-8")
        return replace(published, folder=folder, variables={**published.variables, **variables})

    return make


@pytest.fixture(scope="module")
def deployed(deploy, installed_python, tiny):
    """A deployed workflow beside the installed package, with a configuration of one cell and results from it."""
    made = replace(deploy("deployed"), python=installed_python)
    config = yaml.safe_load((made.folder / "config/config.yaml").read_text(encoding="utf-8"))
    facts = {
        "base": {"title": "One cell, in seconds", "grids": [{"task": ["facts"], "size": ["n14"]}], "figures": None}
    }
    made.configure("config/config.yaml", config | tiny | {"studies": facts})
    made.snakemake(*RUN)
    return made


def test_a_deployed_workflow_makes_its_targets_with_the_installed_package(deployed):
    for path in TARGETS:
        assert (deployed.folder / path).is_file()
    (record,) = deployed.folder.glob("results/cells/**/run.json")
    assert json.loads(record.read_text(encoding="utf-8"))["versions"]["capacity"] == VERSION
    assert not (deployed.folder / "src").exists()


def test_a_second_run_of_a_deployed_workflow_has_nothing_to_do(deployed):
    assert deployed.planned(*RUN) == []


def test_a_deployed_workflow_makes_all_without_a_target(deployed):
    planned = {path for job in deployed.planned("--cores", "2") for path in job.outputs}
    assert {"results/findings.md", "results/figures/base/tradeoff.pdf", "results/tables/claims.md"} <= planned


def test_a_deployed_workflow_has_its_report(deployed):
    deployed.snakemake(*TARGETS, "--report", "report.html")
    assert "One cell, in seconds" in (deployed.folder / "report.html").read_text(encoding="utf-8")


def test_the_configuration_that_snakedeploy_copies_is_the_whole_one(published, deploy):
    copied = deploy("copied").folder / "config/config.yaml"
    assert not copied.is_symlink()
    assert copied.read_bytes() == (published.folder / "config.yaml").read_bytes()


def package(folder, text):
    """A folder for PYTHONPATH in which a package stands for the installed one."""
    (folder / "capacity").mkdir()
    (folder / "capacity/__init__.py").write_text(text, encoding="utf-8")
    return str(folder)


def test_a_missing_package_is_named_with_the_command_that_installs_it(deploy, tmp_path):
    hidden = package(tmp_path, "raise ImportError\n")
    said = deploy("without package", PYTHONPATH=hidden).snakemake("--dry-run", succeeds=False)
    assert f"These rules run the Python package capacity {VERSION}, and none is installed" in said
    assert f" -m pip install git+https://github.com/{OWNER}@v{VERSION}\n" in said
    assert "Traceback" not in said


def test_a_package_of_another_version_is_refused_with_both_versions(deploy, tmp_path):
    other = package(tmp_path, '__version__ = "0.0.9"\n')
    said = deploy("other version", PYTHONPATH=other).snakemake("--dry-run", succeeds=False)
    assert f"These rules run the Python package capacity {VERSION}, and 0.0.9 is installed" in said
    assert f" -m pip install git+https://github.com/{OWNER}@v{VERSION}\n" in said
    assert "Traceback" not in said


def test_rules_from_a_web_server_run_the_installed_package_too(deploy, published, installed_python, tmp_path):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=published.folder)) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            place = f'"http://127.0.0.1:{server.server_port}/workflow/Snakefile"'
            installed = replace(deploy("from a server", place), python=installed_python)
            assert installed.counts("results/corpora/facts.parquet") == {"corpus": 1}
            hidden = package(tmp_path, "raise ImportError\n")
            said = deploy("from a server alone", place, PYTHONPATH=hidden).snakemake("--dry-run", succeeds=False)
        finally:
            server.shutdown()
    assert " -m pip install FOLDER_OF_A_CLONE_OF_THAT_VERSION" in said
    assert "Traceback" not in said


def test_rules_without_code_beside_them_are_as_good_as_fetched_ones(make_clone, installed_python):
    """Someone copied ``workflow`` alone."""
    clone = make_clone("rules alone", STUDIES)
    shutil.rmtree(clone.folder / "src")
    assert replace(clone, python=installed_python).counts("results/corpora/facts.parquet") == {"corpus": 1}


def test_the_rules_name_the_version_of_the_package(repository):
    rules = (repository / "workflow/rules/package.smk").read_text(encoding="utf-8")
    assert f'\nVERSION = "{VERSION}"\n' in rules


def test_the_catalog_finds_what_it_looks_for_and_is_promised_what_tests_do(repository):
    """The report is tested above, and conda without a clone in test_deployment.py; an image is not deployed."""
    usage = yaml.safe_load((repository / ".snakemake-workflow-catalog.yml").read_text(encoding="utf-8"))["usage"]
    assert usage["software-stack-deployment"] == {"conda": True, "apptainer": False}
    assert usage["report"] is True
    assert usage["mandatory-flags"]["flags"] is None
    for path in ("workflow/Snakefile", "config/README.md", "config/config.yaml", "README.md", "LICENSE"):
        assert (repository / path).is_file()
