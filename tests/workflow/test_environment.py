"""One lock for every environment, and code that neither unpickles nor evaluates what it reads."""

from __future__ import annotations

import ast
import itertools
import re
import tomllib
from importlib import metadata

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from capacity.experiment import configuration, configuration_files, schema
from capacity.paper.protocol import SIZES
from capacity.training.execution import KERNELS, PRECISIONS
from tests.support.repository import REPOSITORY

PICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
LOADERS = {"torch.load", "torch.save", "numpy.load", "pandas.read_pickle", "builtins.eval", "builtins.exec"}
LOADERS |= {"numba.core.serialize"}
LOCKS = ("requirements.txt", "requirements-storage.txt", "requirements-docs.txt", "requirements-test.txt")
ALL_LOCKS = sorted(path.name for path in (REPOSITORY / "envs").glob("requirements*.txt"))
EVALUATORS = {"eval", "exec", "compile", "__import__"}


def locked_lines(path):
    """Return the packages of a lock file, without their hashes and the platforms that need them."""
    lines = [re.split("[#;\\\\]", line)[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line and not line.startswith("-")]


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


def python_of_conda(repository):
    conda = yaml.safe_load((repository / "envs/conda.yaml").read_text(encoding="utf-8"))
    (version,) = [entry.removeprefix("python=") for entry in conda["dependencies"] if str(entry).startswith("python=")]
    return version


def test_the_conda_environment_holds_a_python_and_the_lock_alone(repository):
    conda = yaml.safe_load((repository / "envs/conda.yaml").read_text(encoding="utf-8"))
    assert [entry for entry in conda["dependencies"] if isinstance(entry, str)] == [
        f"python={python_of_conda(repository)}",
        "pip",
    ]


def test_the_container_holds_a_python_and_the_lock_alone(repository):
    lines = (repository / "envs/Containerfile").read_text(encoding="utf-8").splitlines()
    install = "RUN pip install --no-cache-dir --no-deps"
    assert [line for line in lines if not line.startswith("#")] == [
        f"ARG BASE=docker.io/library/python:{python_of_conda(repository)}-slim",
        "FROM ${BASE}",
        "COPY envs/requirements-build.txt envs/requirements.txt envs/requirements-cuda.txt ./",
        f"{install} --require-hashes -r requirements-build.txt",
        f"{install} --no-build-isolation --require-hashes -r requirements-cuda.txt",
    ]


def entries(path):
    """Return the packages of a lock file, each with its hashes: the lines from one package to the next."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith(("#", "-r "))]
    return re.findall(r"^(\S+==.*\n(?: +--hash=.*\n)*)", "\n".join(lines) + "\n", re.MULTILINE)


@pytest.mark.parametrize("name", ALL_LOCKS)
def test_every_package_of_every_lock_has_hashes_that_pip_checks(repository, name):
    found = entries(repository / "envs" / name)
    assert len(found) == len(locked_lines(repository / "envs" / name)) > 0
    entry = re.compile(r"[a-z0-9-]+==[^\s\\;]+( ; [^\\\n]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n")
    assert [text for text in found if not entry.fullmatch(text)] == []


def test_make_installs_what_has_a_locked_hash_and_the_clone_alone(repository):
    """Without dependencies that no lock lists, and without what a build would fetch by itself."""
    text = (repository / "Makefile").read_text(encoding="utf-8")
    install = re.search(r"^INSTALL := (.*)$", text, re.MULTILINE)[1]
    assert {"--no-deps", "--no-build-isolation"} <= set(install.split())
    assert "INSTALL_LOCKED := $(INSTALL) --require-hashes --requirement\n" in text
    recipes = [line for line in text.splitlines() if line.startswith("\t")]
    installing = [found for line in recipes for found in re.findall(r"\$\(INSTALL\w*\) .*", line)]
    assert [line for line in recipes if "pip install" in line] == []
    assert {line.split()[1] for line in installing if line.startswith("$(INSTALL_LOCKED)")} >= {
        f"envs/{name}" for name in ALL_LOCKS if name != "requirements-storage.txt"
    }
    assert [line for line in installing if not line.startswith("$(INSTALL_LOCKED)")] == ["$(INSTALL) --editable ."]


def test_what_is_installed_before_all_else_is_that_of_the_lock(repository):
    assert set(entries(repository / "envs/requirements-build.txt")) <= set(
        entries(repository / "envs/requirements.txt")
    )


def test_the_lock_takes_torch_for_cpus_too(repository):
    """Its builds are on another index, and have other hashes, than those of the Python package index."""
    (torch,) = [text for text in entries(repository / "envs/requirements.txt") if text.startswith("torch==")]
    version = re.match(r"torch==([^\s\\]+)", torch)[1]
    listed = (repository / "envs/torch-cpu.sha256").read_text(encoding="ascii").splitlines()[1:]
    builds = dict(reversed(line.split("  ")) for line in listed)
    assert {name.split("-")[1] for name in builds} == {f"{version}+cpu"}
    assert [name for name, sha256 in builds.items() if sha256 not in torch] == []


def test_the_python_of_conda_and_container_is_one_that_the_project_allows(repository):
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = python_of_conda(repository)
    assert re.fullmatch(r"3\.\d+", version)
    assert SpecifierSet(project["requires-python"]).contains(version)


def test_every_rule_that_runs_a_command_names_the_one_environment(repository):
    texts = [path.read_text(encoding="utf-8") for path in (repository / "workflow").rglob("*.smk")]
    rules = {}
    for name, body in re.findall(r"^rule (\w+):\n((?:(?: .*)?\n)+)", "\n".join(texts), re.MULTILINE):
        rules[name] = re.findall(r"^    conda:\n        (.*)$", body, re.MULTILINE)
    assert len(rules) == sum(text.count("    shell:") for text in texts)
    assert {name: found for name, found in rules.items() if found != ['"../../envs/conda.yaml"']} == {}


@pytest.mark.parametrize("name", LOCKS)
def test_what_is_installed_is_what_is_locked(repository, name):
    """A build of torch for one kind of device says so behind a plus sign, which the lock leaves open."""
    wrong = {}
    for package, version in locked_versions(repository / "envs" / name).items():
        installed = metadata.version(package)
        if Version(installed).public != Version(version).public:
            wrong[package] = f"{installed} is installed, {version} is locked"
    assert wrong == {}


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_of_the_lock_has_one_version_and_stands_there_once(repository, name):
    lines = locked_lines(repository / "envs" / name)
    assert [line for line in lines if line.count("==") != 1] == []
    names = [canonicalize_name(line.split("==")[0]) for line in lines]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("name", "others"), [(LOCKS[1], LOCKS[:1]), (LOCKS[2], LOCKS[:1]), (LOCKS[3], LOCKS[:3])])
def test_a_lock_that_adds_to_others_repeats_nothing_of_them(repository, name, others):
    path = repository / "envs" / name
    assert {f"-r {other}" for other in others} <= set(path.read_text(encoding="utf-8").splitlines())
    for other in others:
        assert set(locked_versions(path)).isdisjoint(locked_versions(repository / "envs" / other))


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


SHELLS = {"os.system", "os.popen", "os.execvp", "pty.spawn", "subprocess.getoutput", "subprocess.getstatusoutput"}
YAML = {
    "yaml.Loader",
    "yaml.FullLoader",
    "yaml.UnsafeLoader",
    "yaml.unsafe_load",
    "yaml.full_load",
    "yaml.load_all",
    "yaml.unsafe_load_all",
    "yaml.full_load_all",
}


def what_is_unsafe(tree):
    """What a module imports or calls that unpickles, evaluates, or hands a text to a shell."""
    imported = set(imports_of(tree))
    yield from (name for name in imported if name.split(".")[0] in PICKLERS or name in LOADERS | SHELLS | YAML)
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = dotted(call.func)
        if name in LOADERS | EVALUATORS | SHELLS | YAML or name.split(".")[0] in PICKLERS:
            yield name
        options = {option.arg: option.value for option in call.keywords}
        if any(ast.unparse(options[option]) != "False" for option in ("shell", "allow_pickle") if option in options):
            yield f"{name} with shell or allow_pickle"
        loader = ast.unparse(call.args[1]) if name == "yaml.load" and len(call.args) > 1 else "none"
        if name == "yaml.load" and loader != "Loader":  # of capacity.experiment.configuration_files
            yield f"yaml.load with {loader}"


def python_of(path):
    """The Python of a file of rules: its lines outside rules, which stand at the margin or below a def."""
    kept, inside = [], False
    for line in path.read_text(encoding="utf-8").splitlines():
        if re.match(r"\S", line):
            inside = not re.match(r"(use )?rule\b|(?!try|else|finally)\w+:", line)
        kept.append(line if inside else "")
    return "\n".join(kept)


def test_nothing_is_unpickled_evaluated_or_given_to_a_shell(repository):
    folders = ("src", "benchmarks", "tests", "workflow")
    trees = {
        path: ast.parse(path.read_text(encoding="utf-8"))
        for folder in folders
        for path in sorted((repository / folder).rglob("*.py"))
    }
    rules = [*sorted((repository / "workflow").rglob("*.smk")), repository / "workflow/Snakefile"]
    trees |= {path: ast.parse(python_of(path)) for path in rules}
    assert len(trees) > 80
    found = {str(path.relative_to(repository)): sorted(what_is_unsafe(tree)) for path, tree in trees.items()}
    # Compiled functions, which are code in any form: tests/unit/kernel/test_cache.py says which files are trusted.
    assert found.pop("src/capacity/kernel/cache.py") == ["numba.core.serialize"]
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from pickle import loads",
        "from numba.core import serialize",
        "import torch\ntorch.load('x')",
        "eval('1')",
        "exec('1')",
        "import os\nos.system('ls')",
        "from os import system",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "import yaml\nyaml.load(x, yaml.Loader)",
        "from yaml import Loader, load\nload(x, Loader)",
        "import yaml\nyaml.unsafe_load(x)",
        "import numpy\nnumpy.load('x')",
        "read('x', allow_pickle=True)",
    ],
)
def test_the_search_finds_what_it_looks_for(code):
    assert list(what_is_unsafe(ast.parse(code)))


def test_the_loader_of_yaml_makes_plain_values_alone():
    assert issubclass(configuration_files.Loader, yaml.SafeLoader)


# What a command may hold without quotes, and why it cannot say anything to a shell.
UNQUOTED = {
    "{threads}": "a whole number, by Snakemake",
    "{params.execution}": "options that configuration.execution_options chooses from two lists of words",
    "{params.options}": "options and names of kinds, measures and axes, which the configuration is checked for",
    "{params.snapshots}": "options and numbers, which the schema holds to be numbers",
}


def commands_of(path):
    """The shell command of each rule in a file."""
    text = path.read_text(encoding="utf-8")
    for block in re.findall(r"^    shell:\n((?: {8,}.*\n)+)", text, re.MULTILINE):
        yield "".join(ast.literal_eval(line.strip()) for line in block.splitlines())


def test_every_value_in_a_command_is_quoted_for_the_shell(repository):
    commands = [command for path in sorted((repository / "workflow").rglob("*.smk")) for command in commands_of(path)]
    rules = sum(path.read_text().count("    shell:") for path in (repository / "workflow").rglob("*.smk"))
    assert len(commands) == rules > 8
    values = {value for command in commands for value in re.findall(r"{[^{}]*}", command)}
    assert {value for value in values if not value.endswith(":q}")} <= set(UNQUOTED)
    assert not any(re.search(r"[`$]", command) for command in commands)


def test_the_options_that_are_not_quoted_are_words_from_two_lists(repository):
    config = configuration.main_configuration(repository)
    settings = configuration_files.read_yaml(schema.SCHEMA)
    assert settings["$defs"]["precision"]["enum"] == list(PRECISIONS)
    assert settings["properties"]["kernel"]["enum"] == list(KERNELS)
    for precision, kernel in itertools.product(PRECISIONS, KERNELS):
        for switches in ({"compile": False, "cuda_graph": False}, {"compile": True, "cuda_graph": True}):
            changed = config | switches | {"precision": {"default": precision}, "kernel": kernel}
            options = configuration.execution_options(changed, SIZES["n14"])
            assert re.fullmatch(r"--precision (float32|bfloat16)( --kernel torch)?( --compile --cuda-graph)?", options)


def test_rules_run_commands_and_no_code_of_their_own(repository):
    code = re.compile(r"^    (run|script|notebook|wrapper):", re.MULTILINE)
    for path in (repository / "workflow").rglob("*.smk"):
        assert not code.search(path.read_text(encoding="utf-8")), path


def test_everything_that_a_dependency_needs_is_locked(repository):
    """From package to package, by what each says that it needs; the packages of CUDA are pinned by torch itself."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locked = {canonicalize_name(name) for name in locked_versions(repository / "envs/requirements.txt")}
    waiting = [Requirement(text) for text in project["dependencies"]]
    seen, missing = set(), set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if (name, frozenset(wanted.extras)) in seen or name.startswith(("nvidia-", "cuda-", "triton")):
            continue
        seen.add((name, frozenset(wanted.extras)))
        if name not in locked:
            missing.add(name)
            continue
        for text in metadata.requires(name) or ():
            needed = Requirement(text)
            extras = ("", *wanted.extras)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(needed)
    assert len(seen) > 40
    assert missing == set()
