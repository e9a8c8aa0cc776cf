"""The import contracts of pyproject.toml: the package keeps them, and each of them sees an import that breaks it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.repository import PACKAGE, REPOSITORY

# For each contract, imports that break it: the module that gets the import, and what it imports.
FORBIDDEN = {
    "Layers": [
        ("errors", "capacity.versions"),
        ("storage/files", "capacity.experiment.cell"),
        ("tables/runs", "capacity.training.schedule"),
        ("training/loop", "capacity.tables.frames"),
        ("figures/style", "capacity.claims.judge"),
        ("claims/judge", "capacity.commands.claims"),
    ],
    "torch only in the modules that compute with it": [
        ("training/loop", "torch"),
        ("training/path", "torch"),
        ("model/weights", "torch.nn"),
        ("kernel/update", "torch"),
    ],
    "torch only where networks are trained, evaluated or loaded": [
        ("tables/frames", "torch"),
        ("tables/summary", "capacity.model.transformer"),
        ("evaluation/margins", "torch"),
        ("evaluation/questions", "capacity.model.transformer"),
        ("experiment/cell", "torch"),
        ("commands/claims", "capacity.model.devices"),
        ("corpora/streams", "torch"),
        ("training/loop", "capacity.training.batches"),
        ("training/snapshots", "capacity.model.transformer"),
    ],
    "Numba only in kernel": [
        ("training/kernel_training", "numba"),
        ("exact/elementary", "numba.core"),
        ("model/kernel_networks", "llvmlite.ir"),
    ],
    "kernel imports nothing else of the package": [
        ("kernel/steps", "capacity.exact.elementary"),
        ("kernel/cache", "capacity.errors"),
    ],
    "matplotlib only in figures": [
        ("tables/markdown", "matplotlib"),
        ("findings/page", "capacity.figures.style"),
    ],
    "statsmodels only in statistics": [("claims/judge", "statsmodels.api")],
    "argparse only in commands": [("training/job", "argparse")],
    "What saves and reports holds no arithmetic": [
        ("training/snapshots", "capacity.training.optimizer"),
        ("training/progress", "capacity.training.schedule"),
        ("storage/parquet", "capacity.statistics.intervals"),
    ],
}


def verdicts(source: Path) -> dict[str, str]:
    """``KEPT`` or ``BROKEN`` for each contract, of the package in a folder."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    done = subprocess.run(
        [*command, "--no-cache", "--config", str(REPOSITORY / "pyproject.toml")],
        cwd=source,
        env=os.environ | {"PYTHONPATH": str(source), "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    lines = [line.rsplit(" (", 1)[0] for line in done.stdout.splitlines()]
    found = {line.rpartition(" ")[0]: line.rpartition(" ")[2] for line in lines if line.endswith((" KEPT", " BROKEN"))}
    assert found, done.stdout + done.stderr
    return found


def test_the_package_keeps_every_contract():
    assert verdicts(PACKAGE.parent) == dict.fromkeys(FORBIDDEN, "KEPT")


def contract(name: str) -> dict:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    (chosen,) = [each for each in settings["tool"]["importlinter"]["contracts"] if each["name"] == name]
    return chosen


def test_kernel_may_import_no_package_at_all():
    packages = {f"capacity.{name.strip()}" for layer in contract("Layers")["layers"] for name in layer.split("|")}
    forbidden = contract("kernel imports nothing else of the package")["forbidden_modules"]
    assert set(forbidden) == packages - {"capacity.kernel"}


def test_every_contract_is_tried():
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert [contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]] == list(FORBIDDEN)


@pytest.mark.parametrize(
    ("contract", "module", "imported"),
    [(contract, *pair) for contract, pairs in FORBIDDEN.items() for pair in pairs],
    ids=[f"{module}-{imported}" for pairs in FORBIDDEN.values() for module, imported in pairs],
)
def test_a_forbidden_import_breaks_its_contract(tmp_path, contract, module, imported):
    shutil.copytree(PACKAGE, tmp_path / "capacity", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / f"capacity/{module}.py").open("a", encoding="utf-8") as source:
        source.write(f"\n\ndef later():\n    import {imported}\n")
    assert verdicts(tmp_path)[contract] == "BROKEN"


def test_a_package_without_a_layer_breaks_the_layers(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "capacity", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "capacity/unplaced").mkdir()
    (tmp_path / "capacity/unplaced/__init__.py").touch()
    assert verdicts(tmp_path)["Layers"] == "BROKEN"
