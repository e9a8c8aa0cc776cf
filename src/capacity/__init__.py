"""Capacity, memorization and generalization of small Transformers: the stages of the workflow."""

from __future__ import annotations

import sys
from importlib import metadata

__version__ = "0.1.0"

OLDEST_PYTHON = (3, 11)
OLDEST_TORCH = (2, 13)


def check_versions() -> None:
    """Raises ImportError if Python or torch is older than pyproject.toml asks for.

    No torch is no error here: the Python that runs Snakemake does without it where rules have environments of their
    own.
    """
    _check_version("Python", sys.version.split()[0], OLDEST_PYTHON)
    try:
        torch = metadata.version("torch")
    except metadata.PackageNotFoundError:
        return
    _check_version("torch", torch, OLDEST_TORCH)


def _check_version(name: str, found: str, oldest: tuple[int, int]) -> None:
    if tuple(int(part) for part in found.split(".")[:2]) < oldest:
        needed = ".".join(map(str, oldest))
        raise ImportError(f"{name} {found} is too old: {needed} or newer is needed; envs/requirements.txt names one")


check_versions()
