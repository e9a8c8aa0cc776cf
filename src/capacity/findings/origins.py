"""The section on provenance: with which code the runs were trained, and which day the page has."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from capacity.findings.prose import Values, table
from capacity.findings.sources import Sources
from capacity.tables import runs

MODIFIED = "-modified"
"""How :func:`capacity.storage.provenance.git_commit` marks a commit whose files were changed."""


def training_origins(sources: Sources, dates: Mapping[str, str]) -> Values:
    """Tell with which code and on what device the runs were trained, and which day the page has."""
    jobs = {(job["cell"], tuple(job["seeds"])): job for job in sources.origins}
    alike: dict[tuple[Any, ...], int] = {}
    for job in jobs.values():
        key = tuple(job[name] for name in runs.ORIGIN)
        alike[key] = alike.get(key, 0) + 1
    rows = [
        (str(count), str(commit or "not recorded"), _date(commit, dates), digest[:12], *(str(each) for each in how))
        for (commit, digest, *how), count in alike.items()
    ]
    heading = ("jobs", "commit", "dated", "source digest", *runs.ORIGIN[2:])
    commits = list(dict.fromkeys(job["git_commit"] for job in jobs.values()))
    dated = [_date(commit, dates) for commit in commits if _date(commit, dates) != "-"]
    return {
        "table": table(heading, rows),
        "jobs": len(jobs),
        "date": max(dated, default=None),
        "undated": len(commits) - len(dated),
        "modified": any(str(commit).endswith(MODIFIED) for commit in commits),
        "commit": sources.commit,
        "versions": ", ".join(f"{name} {version}" for name, version in sorted(sources.versions.items())),
    }


def _date(commit: str | None, dates: Mapping[str, str]) -> str:
    return dates.get((commit or "").removesuffix(MODIFIED), "-")


def commit_dates(commits: Iterable[str | None], folder: Path) -> dict[str, str]:
    """Return the date, such as ``2026-11-20``, of each commit that a folder's repository has; none without git."""
    dates = {}
    for commit in {(each or "").removesuffix(MODIFIED) for each in commits} - {""}:
        command = ["git", "show", "--no-patch", "--format=%cs", commit]
        try:
            shown = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        dates[commit] = shown.stdout.strip()
    return dates
