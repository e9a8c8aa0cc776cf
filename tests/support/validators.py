"""The validators of the archive's metadata, which are installed apart (envs/requirements-validators.txt)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import rocrate

FOLDER = Path(sys.prefix) / "validators"
CONTEXT = Path(rocrate.__file__).parent / "data/ro-crate.jsonld"
"""The context of RO-Crate 1.1, as the library has it."""


def installed(package: str) -> Path:
    """Return the folder of the validators. Skips the test if they are not there."""
    if not (FOLDER / package).is_dir():
        pytest.skip(f"{package} is missing in {FOLDER}: make .venv/installed-test installs it")
    return FOLDER


def run(package: str, script: str, *arguments: str | Path) -> Any:
    """Run a script of this folder with the validators, and return the JSON that it prints."""
    command = [sys.executable, Path(__file__).with_name(script), *arguments]
    environment = os.environ | {"PYTHONPATH": str(installed(package))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def crate_issues(folder: Path, least_checks: int = 150) -> dict[str, list[list[str]]]:
    """What roc-validator finds wrong with an unpacked Provenance Run Crate: check and message by severity.

    It has to carry out some number of checks, so that nothing passes because nothing was looked at.
    """
    found = run("rocrate_validator", "validate_crate.py", folder, CONTEXT)
    assert found["checks"] > least_checks
    issues: dict[str, list[list[str]]] = {"REQUIRED": [], "RECOMMENDED": []}
    for severity, *issue in found["issues"]:
        issues[severity].append(issue)
    return issues
