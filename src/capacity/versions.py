"""The oldest versions of Python and torch that the package runs with."""

from __future__ import annotations

import sys
from importlib import metadata

OLDEST_PYTHON = (3, 11)
OLDEST_TORCH = (2, 13)


def check_versions() -> None:
    """Raise ImportError if Python or torch is older than pyproject.toml requires.

    A missing torch is no error here: the Python that runs Snakemake does not need it where rules have environments of
    their own.
    """
    _check_version("Python", sys.version.split()[0], OLDEST_PYTHON)
    try:
        torch = metadata.version("torch")
    except metadata.PackageNotFoundError:
        return
    _check_version("torch", torch, OLDEST_TORCH)


def _check_version(name: str, installed: str, oldest: tuple[int, int]) -> None:
    if tuple(int(part) for part in installed.split(".")[:2]) < oldest:
        needed = ".".join(map(str, oldest))
        raise ImportError(
            f"{name} {installed} is too old: {needed} or newer is needed; envs/requirements.txt names one"
        )
