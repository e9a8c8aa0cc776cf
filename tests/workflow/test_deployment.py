"""Jobs in an environment of their own, by ``--sdm conda`` and ``--sdm apptainer``.

Neither conda nor apptainer is needed: what stands for them here says what it was asked to do, and does it with the
Python of the tests. So the wiring is tested, and not whether conda or the image can be made.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from dataclasses import replace

import pytest

from tests.support.clones import STUDIES

TARGET = "results/corpora/facts.parquet"
COMPILED = ("TORCHINDUCTOR_CACHE_DIR", "TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS", "NUMBA_CACHE_DIR")
ENVIRONMENT = ("PYTHONPATH", *COMPILED)

# The Python of an environment: it adds what it is called with to a file.
PYTHON = """#!/bin/sh
{python} -c 'import json, os, sys
settings = {{name: os.environ.get(name) for name in sys.argv[1].split()}}
print(json.dumps([sys.argv[2:], settings]))' "{names}" "$@" >> {calls}
exec {python} "$@"
"""

CONDA = """#!/bin/sh
case "$1 $2" in
    "info --json") echo '{{"conda_prefix": "{base}", "platform": "linux-64"}}' ;;
    "--version ") echo "conda 24.11.3" ;;
    "clean -y") ;;
    "config --get") echo '{{"get": {{"channel_priority": "strict"}}}}' ;;
    "env create")
        printf '%s\\n' "$*" >> {base}/created
        while [ "$1" != --file ]; do shift; done
        cp "$2" {base}/environment.yaml
        while [ "$1" != --prefix ]; do shift; done
        mkdir -p "$2/bin"
        cp {base}/python "$2/bin/python" ;;
    *) echo "conda $*" >&2; exit 98 ;;
esac
"""

# An image holds a Python and no folder of the machine, except those that are bound to it.
APPTAINER = """
import json, os, re, sys
from pathlib import Path

arguments = sys.argv[1:]
if arguments == ["--version"]:
    sys.exit(print("apptainer version 1.3.6"))
assert arguments.pop(0) == "exec"
bound = []
while arguments[0].startswith("--"):
    option, value = arguments.pop(0), arguments.pop(0)
    assert option in ("--home", "--bind"), option
    bound.append(Path(value))
image, shell, option, command = arguments
assert (shell, option) == ("bash", "-c")
(source,) = map(Path, re.findall(r"PYTHONPATH='?([^';]*)", command))
with Path({calls!r}).open("a") as file:
    print(json.dumps({{"image": image, "bound": [str(place) for place in bound]}}), file=file)
if not any(source.is_relative_to(place) for place in bound):
    sys.exit(f"{{source}} is not in the container")
os.environ["PATH"] = f"{base}:/usr/bin:/bin"
os.execv("/bin/bash", ["bash", "-c", command])
"""


def executable(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def calls_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def base(tmp_path_factory):
    """A folder with a Python in it that notes its calls."""
    folder = tmp_path_factory.mktemp("base")
    names = {"python": shlex.quote(sys.executable), "calls": folder / "calls", "names": " ".join(ENVIRONMENT)}
    executable(folder / "python", PYTHON.format(**names))
    return folder


@pytest.fixture
def tooled(make_clone, base, request):
    """A clone, on whose path a tool comes first that runs a program, with no folder chosen for what Numba compiles."""

    def make(tool, program):
        clone = make_clone(f"{tool} of {request.node.name}", STUDIES)
        executable(base / "tools" / tool, program)
        path = os.pathsep.join((str(base / "tools"), str(clone.home / "bin"), "/usr/bin", "/bin"))
        return replace(clone, variables={"PATH": path, "NUMBA_CACHE_DIR": ""})

    return make


@pytest.fixture
def contained(tooled, base):
    """A clone with what stands for apptainer, and an image."""
    (base / "apptainer.py").write_text(APPTAINER.format(base=base, calls=str(base / "started")), encoding="utf-8")
    clone = tooled("apptainer", f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "{base}/apptainer.py" "$@"\n')
    (base / "image.sif").touch()
    return clone


def check_python(base, source, folder):
    """Check that one job ran in the Python of the environment, with code from ``source``."""
    ((arguments, environment),) = calls_of(base / "calls")
    assert arguments[:3] == ["-m", "capacity", "corpus"]
    assert environment == {
        "PYTHONPATH": str(source),
        "TORCHINDUCTOR_CACHE_DIR": str(folder / ".snakemake/torchinductor"),
        "TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS": "0",
        "NUMBA_CACHE_DIR": str(folder / ".snakemake/numba"),
    }
    assert (folder / TARGET).is_file()


def test_with_conda_the_one_environment_is_made_once_and_jobs_run_in_it(tooled, base):
    clone = tooled("conda", CONDA.format(base=base))
    executable(base / "bin/activate", 'PATH="$1/bin:$PATH"\n')
    clone.snakemake(TARGET, "--sdm", "conda", "--cores", "1")
    assert len((base / "created").read_text(encoding="utf-8").splitlines()) == 1
    assert (base / "environment.yaml").read_bytes() == (clone.folder / "envs/conda.yaml").read_bytes()
    check_python(base, clone.folder / "src", clone.folder)


def test_with_conda_jobs_import_the_installed_package_where_rules_lie_alone(tooled, base, installed_python):
    """The environment that conda makes does not hold the package, and its Python need not fit what lies beside that."""
    clone = replace(tooled("conda", CONDA.format(base=base)), python=installed_python)
    shutil.rmtree(clone.folder / "src")
    executable(base / "bin/activate", 'PATH="$1/bin:$PATH"\n')
    clone.snakemake(TARGET, "--sdm", "conda", "--cores", "1")
    check_python(base, clone.folder / ".snakemake/import", clone.folder)
    assert [path.name for path in (clone.folder / ".snakemake/import").iterdir()] == ["capacity"]


def test_with_apptainer_jobs_run_in_the_image_with_the_code_of_the_clone(contained, base):
    (contained.folder / "envs/too-big-to-think.sif").touch()
    contained.snakemake(TARGET, "--sdm", "apptainer", "--cores", "1")
    (call,) = calls_of(base / "started")
    assert call["image"].endswith("envs/too-big-to-think.sif")
    check_python(base, contained.folder / "src", contained.folder)


def test_with_apptainer_in_another_folder_the_clone_has_to_be_bound(contained, base):
    elsewhere = base / "elsewhere"
    options = ["--sdm", "apptainer", "--cores", "1", "--directory", str(elsewhere)]
    options += ["--configfile", "config.yaml", "--config", f"container={base}/image.sif"]
    said = contained.snakemake(TARGET, *options, succeeds=False)
    assert f"{contained.folder}/src is not in the container" in said
    contained.snakemake(TARGET, *options, "--apptainer-args", f"--bind '{contained.folder}'")
    assert {call["image"] for call in calls_of(base / "started")} == {f"{base}/image.sif"}
    check_python(base, contained.folder / "src", elsewhere)


def test_an_image_that_is_not_there_is_said_to_be_missing_and_how_to_build_it(contained):
    said = contained.snakemake("--dry-run", TARGET, "--sdm", "apptainer", succeeds=False)
    assert "container: there is no image envs/too-big-to-think.sif, seen from " in said
    assert "docs/environments.md" in said
    assert "Traceback" not in said
