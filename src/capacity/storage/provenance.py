"""Where a file comes from: the code, versions and settings that made it."""

from __future__ import annotations

import functools
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import capacity
from capacity.storage.code import source_digest

Provenance = dict[str, Any]
"""The record of where a file comes from, as JSON values."""


def record(stage: str, settings: Mapping[str, Any], **more: Any) -> Provenance:
    """Return where a file comes from: stage, resolved settings, versions, git commit and digest of the code.

    It is the same in two runs of the same code on the same machine: dates and times are kept elsewhere.

    Args:
        stage: name of the command that writes the file.
        settings: what decides its content, as JSON values.
        more: further keys.
    """
    return {
        "stage": stage,
        "settings": dict(settings),
        **more,
        "versions": dict(_versions()),
        "platform": f"{platform.system()} {platform.machine()}",
        "git_commit": _loaded_commit(),
        "source_digest": _loaded_digest(stage, settings.get("task")),
    }


@functools.cache
def _versions() -> Mapping[str, str]:
    return {
        "capacity": capacity.__version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("numpy", "pyarrow", "torch")},
    }


@functools.cache
def _loaded_commit() -> str | None:
    """Return :func:`git_commit`, asked for once: what a process runs is the code that it has loaded."""
    return git_commit()


@functools.cache
def _loaded_digest(stage: str, task: str | None) -> str:
    """Return the digest of the code of a stage, likewise."""
    return source_digest(stage, task)


def git_commit() -> str | None:
    """Return the commit of the source, with ``-modified`` if tracked source files differ from it.

    It is None outside git, and where git does not track the source: an installed package may lie in the repository
    of something else.
    """
    package = Path(__file__).parents[1]

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=package, capture_output=True, text=True, check=True).stdout

    try:
        if not git("ls-files", "--", "."):
            return None
        commit = git("rev-parse", "HEAD").strip()
        return f"{commit}-modified" if git("status", "--porcelain", "--untracked-files=no", "--", ".") else commit
    except (OSError, subprocess.CalledProcessError):
        return None
