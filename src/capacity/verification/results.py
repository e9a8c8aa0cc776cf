"""Everything in a folder of results, checked in the order in which it was made."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from capacity.errors import InputError
from capacity.experiment.configuration import NEWEST, validate
from capacity.experiment.configuration_files import read_configuration
from capacity.experiment.plan import Plan, make_plan
from capacity.storage.files import describe_link
from capacity.verification.findings import DAMAGED, FOREIGN, MISSING, Finding
from capacity.verification.jobs import STAGES, check_corpus, check_job
from capacity.verification.studies import MANIFEST, MANIFESTS, Studies, record_of

CONFIGURATION = NEWEST.name
PASSED_OVER = ("logs", "benchmarks", "report.html")
"""What is in the folder and no result of a stage: logs, measurements, and the report that ``make`` writes last."""
PAGES = ("findings.md", "laboratory.md", "methods.md", "explorer.html", "archive.zip")
"""What is about all studies: pages, and the archive."""
SNAPSHOTS = "snapshots"
"""Folders in those of jobs: snapshots have checksums of their own, and are read with them."""
WHILE_RUNNING = ("progress.json", "training.lock", ".gitkeep")
OF_A_JOB = {name for stage in STAGES for name in stage}


@dataclass(frozen=True)
class Report:
    """What was found in a folder of results.

    Attributes:
        files: how many files were looked at.
        findings: what is wrong, in the order of the paths.
    """

    files: int
    findings: tuple[Finding, ...]


def verify(
    root: Path,
    told: Callable[[int, int], None] = lambda done, total: None,
    config: Mapping[str, Any] | None = None,
) -> Report:
    """Check every file in a folder of results. Nothing is changed.

    Args:
        root: the folder.
        told: is called with the number of files that are done, and of all.
        config: the checked configuration of the newest run; that in the folder if it is None.

    Raises InputError if there is no such folder, or nothing in it.
    """
    if not root.is_dir():
        raise InputError(f"{root} is not a folder; name the folder of results")
    found: list[Finding] = []
    paths, no_files = {}, set()
    for path, mode in _walk(root):
        if stat.S_ISREG(mode):
            paths[path] = path
            continue
        no_files.add(path)
        why = "it is not a plain file" if mode else f"it is {describe_link(root / path)}"
        found.append(Finding(FOREIGN, path, why, "" if _group(path) in ("other", "configuration") else path))
    if not paths:
        raise InputError(f"{root} holds no results; name the folder of results")
    done = 0

    def each(some: list[str]) -> Iterator[str]:
        nonlocal done
        for path in some:
            yield path
            done += 1
            told(done, len(paths))

    groups = _groups(paths)
    config = _configuration(root, paths, found) if config is None else config
    plan = _plan(root, config, found)
    run = tuple(config["budgets"][config["budget"]]["run"]) if plan and config else ()
    studies = Studies(root, paths, plan, run, found)
    for path in each(groups["corpora"]):
        found += check_corpus(root, path)
    jobs: dict[str, list[str]] = defaultdict(list)
    for path in groups["cells"]:
        jobs[path.rpartition("/")[0]].append(path.rpartition("/")[2])
    for folder, names in jobs.items():
        found += check_job(root, folder, names)
        list(each(names))
    for path in each(groups["plans"]):
        studies.check_plan(path)
    studies.read_records(groups["records"])
    for path in groups["records"]:
        studies.check_record(path)
    for path in each(groups["of studies"]):
        studies.check_file(path)
    for path in each(groups["records"]):
        studies.check_read(path)
    for path in each(groups["manifests"]):
        studies.check_manifest(path)
    studies.check_absent()
    for path in each(groups["other"]):
        found.append(Finding(FOREIGN, path, "no stage of this workflow writes such a file"))
    found = [finding for finding in found if finding.kind != MISSING or finding.path not in no_files]
    unique = {(finding.kind, finding.path): finding for finding in reversed(found)}
    return Report(len(paths), tuple(unique[key] for key in sorted(unique, key=lambda key: key[::-1])))


def _walk(root: Path) -> Iterator[tuple[str, int]]:
    """Yield every file below a folder, from there, with its mode; links to folders are followed, each folder once."""
    seen = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        place = Path(folder).stat()
        if (place.st_dev, place.st_ino) in seen:
            folders.clear()
            continue
        seen.add((place.st_dev, place.st_ino))
        is_top, is_of_cells = Path(folder) == root, Path(folder).relative_to(root).parts[:1] == ("cells",)
        passed_over = PASSED_OVER if is_top else (SNAPSHOTS,) if is_of_cells else ()
        folders[:] = sorted(name for name in folders if name not in passed_over)
        for name in sorted(names):
            if name not in (*WHILE_RUNNING, *passed_over):
                path = Path(folder, name)
                mode = path.stat().st_mode if path.exists() else 0
                yield path.relative_to(root).as_posix(), mode


def _groups(paths: dict[str, str]) -> dict[str, list[str]]:
    """Divide paths by what checks them."""
    groups: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        groups[_group(path)].append(path)
    return groups


def _group(path: str) -> str:
    top, _, rest = path.partition("/")
    name = path.rpartition("/")[2]
    if top == "corpora" and path.endswith(".parquet") and "/" not in rest:
        return "corpora"
    if top == "cells" and name in OF_A_JOB:
        return "cells"
    if top == "plans" and path.endswith(".json"):
        return "plans"
    if record_of(path) == path:
        return "records"
    if path == MANIFEST or (top == MANIFESTS and path.endswith(".sha256")):
        return "manifests"
    if top in ("tables", "figures", "studies", "report") or path in PAGES:
        return "of studies"
    return "configuration" if path == CONFIGURATION else "other"


def _configuration(root: Path, paths: dict[str, str], found: list[Finding]) -> dict[str, Any] | None:
    """Return the configuration of the newest run; None if it is missing or damaged."""
    again = "it holds the configuration of the newest run; the same snakemake command writes it again"
    if CONFIGURATION not in paths:
        found.append(Finding(MISSING, CONFIGURATION, again))
        return None
    try:
        config: dict[str, Any] = read_configuration(root / CONFIGURATION)
        validate(config)
        return config
    except (InputError, OSError) as error:
        found.append(Finding(DAMAGED, CONFIGURATION, f"{error}; {again}"))
        return None


def _plan(root: Path, config: Mapping[str, Any] | None, found: list[Finding]) -> Plan | None:
    """Return the plan that the configuration makes of the jobs in the folder; None if it makes none."""
    try:
        return None if config is None else make_plan(config, root / "cells")
    except InputError as error:
        found.append(Finding(FOREIGN, "cells", str(error)))
        return None
