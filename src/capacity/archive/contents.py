"""What is archived: the files of results, checked as ``verify`` checks them, and the code that made them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import capacity
from capacity.errors import InputError, some_of
from capacity.experiment.assignment import RECORD
from capacity.experiment.configuration import validate
from capacity.experiment.configuration_files import read_configuration
from capacity.experiment.plan import Plan, make_plan
from capacity.experiment.result_files import result_files
from capacity.verification.findings import EXIT_CODES, STALE, Finding
from capacity.verification.results import verify

CONFIGURATION = "results/configuration.json"
CODE = "code"
"""The folder of the archive with the code."""
WORKFLOW = f"{CODE}/workflow/Snakefile"
README = "README.md"
AUTHORS = "The too-big-to-think workflow authors"
LICENSE = "https://spdx.org/licenses/MIT"
SOURCES = (
    *("CHANGELOG.md", "CITATION.cff", "LICENSE", "Makefile", "README.md", "Snakefile", "config.yaml", "pyproject.toml"),
    *("config", "envs", "profiles", "src", "workflow"),
)
"""What is archived of a clone: what runs the workflow again, and nothing that only tests or documents it."""


@dataclass(frozen=True)
class Contents:
    """The results of a budget, all of them there and as they were made.

    Attributes:
        root: the folder of results.
        config: the configuration that they were made with.
        plan: of that configuration.
        files: each file of results by its path in the archive, which begins with ``results/``.
    """

    root: Path
    config: Mapping[str, Any]
    plan: Plan
    files: Mapping[str, Path]

    @property
    def budget(self) -> str:
        """The name of the budget."""
        return str(self.config["budget"])

    @property
    def studies(self) -> list[str]:
        """The studies that the budget runs."""
        return list(self.config["budgets"][self.budget]["run"])


def read_contents(root: Path, configuration: Path, digests: Sequence[str] = ()) -> Contents:
    """Return what is archived of a folder of results.

    What another version of the code has trained is taken, as Snakemake takes it where it was unpacked. Anything else
    that ``verify`` would find in these files is refused.

    Args:
        root: the folder of results.
        configuration: the configuration that they were made with, as a JSON file.
        digests: of the plans of the studies that its budget runs; none if any are right.

    Raises InputError naming what is missing, damaged, or of another study, run or version.
    """
    if not configuration.exists():
        raise InputError(
            f"{configuration} is missing, which has the configuration of the newest run: {root} holds no results of "
            "the workflow; run `snakemake all` first"
        )
    config = read_configuration(configuration)
    validate(config)
    plan = make_plan(config, root / "cells")
    studies = config["budgets"][config["budget"]]["run"]
    for study, digest in zip(studies, digests, strict=False):
        if plan.table(study).digest != digest:
            raise InputError(
                f"{configuration} makes the plan {plan.table(study).digest} of the study {study}, and has to make "
                f"{digest}: it is of another run; run the same command again"
            )
    paths = result_files(plan, studies)
    archived = {path: root / path.removeprefix("results/") for path in paths}
    _check_presence(archived, studies, config["budget"])
    _check_findings(archived, verify(root, config=config).findings)
    return Contents(root, config, plan, {CONFIGURATION: configuration, **archived})


def check_version(path: str | Path, record: Mapping[str, Any]) -> None:
    """Raise InputError naming a file if its provenance says that another version of the package wrote it."""
    version = record.get("versions", {}).get("capacity")
    if version != capacity.__version__:
        raise InputError(
            f"{path} was written by version {version} of this package, and this is {capacity.__version__}: archive it "
            "with that version, or delete it and run the workflow again"
        )


def code_files(snakefile: Path | None = None) -> dict[str, Path]:
    """Return the files of the code by their paths in the archive: those of the clone, or of the installed package.

    Args:
        snakefile: the main file of the workflow, where there is no clone.

    Raises InputError if there is neither a clone nor such a file.
    """
    package = Path(capacity.__file__).parent
    clone = package.parents[1]
    if not (clone / "workflow/Snakefile").is_file():
        if snakefile is None:
            raise InputError(
                "--snakefile: is missing; the installed package does not contain the rules of the workflow"
            )
        installed = {f"{CODE}/src/{path.relative_to(package.parent).as_posix()}": path for path in _below(package)}
        return installed | {WORKFLOW: snakefile}
    places = (clone / name for name in SOURCES)
    paths = [path for place in places for path in (_below(place) if place.is_dir() else [place]) if path.is_file()]
    return {f"{CODE}/{path.relative_to(clone).as_posix()}": path for path in paths}


def _below(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder, without what Python, pip and editors leave there."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith((".", "__pycache__")) or ".egg-info" in part for part in parts):
            yield path


def _check_presence(archived: Mapping[str, Path], studies: Sequence[str], budget: str) -> None:
    missing = {path: place for path, place in archived.items() if not place.is_file()}
    if not missing:
        return
    lacking = [study for study in studies if any(f"/{study}/" in path for path in missing)]
    what = f"what the study {lacking[0]} needs" if lacking else "files"
    raise InputError(
        f"there is nothing to archive yet: {what} is missing ({some_of(list(missing.values()))}); "
        f"`snakemake all --config budget={budget}` makes it"
    )


def _check_findings(archived: Mapping[str, Path], findings: Iterable[Finding]) -> None:
    wrong: dict[Path, str] = {}
    for finding in sorted(findings, key=lambda each: -EXIT_CODES[each.kind]):
        place = archived.get(f"results/{finding.path}")
        if place is not None and not _is_trained_by_other_code(finding):
            wrong.setdefault(place, f"{place} cannot be archived: it is {finding.kind} ({finding.why})")
    if wrong:
        first, *others = wrong
        too = f"; wrong, too: {some_of(others)}" if others else ""
        raise InputError(f"{wrong[first]}{too}; python -m capacity verify says more")


def _is_trained_by_other_code(finding: Finding) -> bool:
    """Return whether all that is found of a file is that other code trained it, or wrote the lines of a corpus.

    ``verify`` compares the lines of a corpus with those that the code of today makes.
    """
    return finding.kind == STALE and (finding.path.endswith(f"/{RECORD}") or finding.path.startswith("corpora/"))
