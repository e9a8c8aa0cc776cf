from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import capacity
from capacity.storage import code, files

PACKAGE = Path(capacity.__file__).parent
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")
STAGES = [
    module
    for module in MODULES
    if any(
        isinstance(node, ast.FunctionDef) and node.name == "main"
        for node in ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8")).body
    )
]
# Imports each stage in turn with no module of the package loaded, and lists those that are loaded then.
CLOSURES = """
import importlib, json, sys
def ours():
    return [name for name in sys.modules if name == "capacity" or name.startswith("capacity.")]
found = {}
for stage in sys.argv[1:]:
    for name in ours():
        del sys.modules[name]
    importlib.import_module("capacity." + stage)
    found[stage] = sorted(name.removeprefix("capacity.") for name in ours())
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def closures() -> dict[str, list[str]]:
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    command = [sys.executable, "-c", CLOSURES, *STAGES]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture
def copied_package(tmp_path, monkeypatch) -> Path:
    """A copy of the package whose sources :mod:`capacity.storage.files` reads instead of its own."""
    copied = tmp_path / "capacity"
    shutil.copytree(PACKAGE, copied, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(files, "__file__", str(copied / "files.py"))
    return copied


def test_there_are_stages():
    assert {"corpus", "train", "evaluate"} <= set(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_the_modules_of_a_stage_are_those_that_its_import_loads(stage, closures):
    assert code.stage_modules(stage) == closures[stage]


@pytest.mark.parametrize("stage", sorted({*STAGES} - {"train", "evaluate"}))
def test_a_stage_without_networks_does_without_torch(stage):
    """To import it takes longer than to make most tables."""
    sources = {name: PACKAGE / f"{name}.py" for name in code.stage_modules(stage) if name != "capacity"}
    assert [
        name for name, path in sources.items() if re.search(r"^(import|from) .*torch", path.read_text(), re.M)
    ] == []


@pytest.mark.parametrize("stage", ["corpus", "train"])
def test_the_digest_follows_the_modules_of_the_stage_and_no_others(stage, closures, copied_package):
    before = code.source_digest(stage)
    assert before == code.source_digest(stage)
    for module in [*MODULES, "capacity"]:
        path = copied_package / ("__init__.py" if module == "capacity" else f"{module}.py")
        whole = path.read_bytes()
        path.write_bytes(whole + b"# changed\n")
        assert (code.source_digest(stage) != before) == (module in closures[stage]), module
        path.write_bytes(whole)
    assert code.source_digest(stage) == before


def test_the_digest_of_a_copy_is_that_of_the_original(copied_package, monkeypatch):
    copied = {stage: code.source_digest(stage) for stage in STAGES}
    monkeypatch.undo()
    assert {stage: code.source_digest(stage) for stage in STAGES} == copied


def test_an_import_inside_a_function_counts(copied_package):
    before = code.stage_modules("vocabulary")
    with (copied_package / "vocabulary.py").open("a") as source:
        source.write("\ndef later():\n    from capacity.tasks import CAPITALS\n    import capacity.model\n")
    assert set(code.stage_modules("vocabulary")) >= {*before, "tasks", "model", "protocol"}
