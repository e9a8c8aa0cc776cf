"""One lock for every environment, and code that neither unpickles nor evaluates what it reads."""

from __future__ import annotations

import ast
import tomllib
from importlib import metadata

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
LOADERS = {"torch.load", "torch.save", "numpy.load", "pandas.read_pickle", "builtins.eval", "builtins.exec"}
EVALUATORS = {"eval", "exec", "compile", "__import__"}


def locked_lines(path):
    lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line and not line.startswith("-r")]


def locked_versions(path):
    return dict(line.split("==") for line in locked_lines(path))


@pytest.fixture(scope="module")
def modules(repository):
    paths = sorted((repository / "src").rglob("*.py"))
    assert len(paths) > 10
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def test_the_conda_environment_repeats_the_lock(repository):
    conda = yaml.safe_load((repository / "envs/conda.yaml").read_text(encoding="utf-8"))
    (pip,) = [entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict)]
    assert pip == locked_lines(repository / "envs/requirements.txt")


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt"])
def test_what_is_installed_is_what_is_locked(repository, name):
    """A build of torch for one kind of device says so behind a plus sign, which the lock leaves open."""
    wrong = {}
    for package, version in locked_versions(repository / "envs" / name).items():
        installed = metadata.version(package)
        if Version(installed).public != Version(version).public:
            wrong[package] = f"{installed} is installed, {version} is locked"
    assert wrong == {}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt"])
def test_every_package_of_the_lock_has_one_version_and_stands_there_once(repository, name):
    lines = locked_lines(repository / "envs" / name)
    assert [line for line in lines if line.count("==") != 1] == []
    names = [canonicalize_name(line.split("==")[0]) for line in lines]
    assert len(names) == len(set(names))


def test_the_lock_of_the_tests_adds_to_the_other_and_repeats_nothing(repository):
    path = repository / "envs/requirements-test.txt"
    assert "-r requirements.txt" in path.read_text(encoding="utf-8").splitlines()
    assert set(locked_versions(path)).isdisjoint(locked_versions(repository / "envs/requirements.txt"))


def test_every_direct_dependency_is_locked_at_a_version_it_allows(repository):
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locked = {
        canonicalize_name(name): version
        for name, version in locked_versions(repository / "envs/requirements.txt").items()
    }
    for text in project["dependencies"]:
        wanted = Requirement(text)
        assert wanted.specifier.contains(locked[canonicalize_name(wanted.name)]), text


def test_every_third_party_import_is_a_direct_dependency(repository, modules):
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    direct = {canonicalize_name(Requirement(text).name) for text in project["dependencies"]}
    providers = metadata.packages_distributions()
    imported = {name.split(".")[0] for tree in modules.values() for name in imports_of(tree)}
    third_party = {name for name in imported if name in providers and name != "capacity"}
    missing = {name for name in third_party if direct.isdisjoint(map(canonicalize_name, providers[name]))}
    assert third_party
    assert missing == set()


def imports_of(tree):
    """Every module that is imported, and every name that is imported from one, in full."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def dotted(node):
    """``torch.load`` for the expression of that form, an empty text for any other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (front := dotted(node.value)):
        return f"{front}.{node.attr}"
    return ""


def test_nothing_is_unpickled_or_evaluated(modules):
    found = []
    for path, tree in modules.items():
        imported = set(imports_of(tree))
        found += [f"{path.name}: {name}" for name in imported if name.split(".")[0] in PICKLERS or name in LOADERS]
        called = {dotted(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        found += [f"{path.name}: {name}" for name in called & (LOADERS | EVALUATORS)]
        found += [f"{path.name}: {name}" for name in called if name.split(".")[0] in PICKLERS]
    assert found == []
