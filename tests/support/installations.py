"""The package as users install it: a wheel, in a virtual environment that has the packages of the tests beside it."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.support.clones import Clone


def build_wheel(clone: Clone) -> Path:
    """Build the wheel of a clone, without an index of packages, and return its path."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", clone.folder / "dist", clone.folder], cwd=clone.home, check=True)
    (wheel,) = (clone.folder / "dist").glob("*.whl")
    return wheel


def install_wheel(wheel: Path, folder: Path) -> Path:
    """Install a wheel into a new virtual environment and return its Python.

    What the wheel depends on comes from the environment of the tests, after the packages of the new one.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin/python"
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps", wheel]
    subprocess.run(command, cwd=folder, check=True)
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip())
    (packages / "of_the_tests.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return python


@pytest.fixture(scope="session")
def wheel(make_clone) -> Path:
    """The wheel of the repository."""
    return build_wheel(make_clone("clone that is built"))


@pytest.fixture(scope="session")
def installed_python(wheel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python in whose environment the wheel of the repository is installed."""
    return install_wheel(wheel, tmp_path_factory.mktemp("an environment") / "of a user")
