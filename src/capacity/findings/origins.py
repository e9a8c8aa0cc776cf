"""TODO findings.origins."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from capacity.findings.arms import Sources, Values
from capacity.findings.words import _table
from capacity.tables import runs


def provenance(sources: Sources, dates: Mapping[str, str]) -> Values:
    """With which code and on what the runs were trained, and of which day the page is."""
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
        "table": _table(heading, rows),
        "jobs": len(jobs),
        "date": max(dated, default=None),
        "undated": len(commits) - len(dated),
        "modified": any(str(commit).endswith(MODIFIED) for commit in commits),
        "commit": sources.commit,
        "versions": ", ".join(f"{name} {version}" for name, version in sorted(sources.versions.items())),
    }


MODIFIED = "-modified"
"""How :func:`capacity.storage.provenance.git_commit` marks a commit whose files were changed."""


def _date(commit: str | None, dates: Mapping[str, str]) -> str:
    return dates.get((commit or "").removesuffix(MODIFIED), "-")


def commit_dates(commits: Iterable[str | None], folder: Path) -> dict[str, str]:
    """The date of each commit that the repository of a folder has, as ``2026-11-20``; nothing without git."""
    found = {}
    for commit in {(each or "").removesuffix(MODIFIED) for each in commits} - {""}:
        command = ["git", "show", "--no-patch", "--format=%cs", commit]
        try:
            said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        found[commit] = said.stdout.strip()
    return found
