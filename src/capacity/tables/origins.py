"""Which runs a table holds, so that no stage takes a table of another study, budget or run for its own.

The provenance of a table names the table, the digest of its plan, and for each job where its runs come from, with the
checksum of their weights. The command ``tabulate`` writes the same into the record ``runs.json`` of a study, together
with the cells and seeds that were planned. Whatever reads a table of the study compares the two, and the rules of the
workflow give the digest of the plan that the configuration makes.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from capacity.errors import ForeignFileError, InputError
from capacity.experiment.cell import parse_cell
from capacity.experiment.seeds import format_seeds, parse_seeds
from capacity.experiment.table_plan import DIGEST_LENGTH, TablePlan
from capacity.storage import files, parquet, records
from capacity.storage.parquet_bounds import UNKNOWN, Bounds
from capacity.tables import table_bounds

JOBS = "jobs"
OF_EXPRESSIONS = ("expressions", "expression_histories")


@dataclass(frozen=True, eq=False)
class Origin:
    """The runs that the tables of a study, or of one of its tasks, hold.

    Attributes:
        path: the file that says so.
        table: name of the table, such as ``base/arithmetic``; None if the file does not say.
        plan: digest of the plan of the table; None if the file does not say.
        runs: for each job where its runs come from.
        cells: the seeds of each cell that the tables have rows of; None if they are not known.
    """

    path: Path
    table: str | None
    plan: str | None
    runs: Sequence[Mapping[str, Any]]
    cells: Mapping[str, frozenset[int]] | None

    @property
    def identity(self) -> str:
        """A short text that differs when the table, the plan or any run does."""
        whole = json.dumps([self.table, self.plan, list(self.runs)], sort_keys=True)
        return hashlib.sha256(whole.encode()).hexdigest()[:DIGEST_LENGTH]

    def bounds(self, kind: str) -> Bounds:
        """Return the bounds of a table, one of :data:`capacity.tables.table_bounds.OF_STUDIES`."""
        if self.cells is None:
            return UNKNOWN
        cells = ((parse_cell(name), len(seeds)) for name, seeds in self.cells.items())
        return table_bounds.study_table(kind, cells, len(self.runs))

    def read(self, kind: str, path: Path) -> pd.DataFrame:
        """Read a table of these runs.

        Raises InputError naming the file if it is damaged, out of bounds, of other runs, or lacks a column.
        """
        table = parquet.read_parquet(path, self.bounds(kind))
        self.check(path, parquet.provenance_of(table))
        parquet.check_columns(path, table, table_bounds.OF_STUDIES[kind])
        frame = pd.DataFrame(table.to_pandas())
        self.check_rows(kind, path, frame)
        return frame

    def check(self, path: Path, provenance: Mapping[str, Any]) -> None:
        """Raise InputError naming the file if the provenance of a table is that of another study, plan or run."""
        other = _origin(path, provenance)
        if (other.table, other.plan) != (self.table, self.plan):
            raise ForeignFileError(
                f"{path} is of {other.described()}, and has to be of {self.described()}, as {self.path} is; {_REMEDY}"
            )
        for mine, found in itertools.zip_longest(self.runs, other.runs):
            if mine != found:
                raise ForeignFileError(
                    f"{path} is of another run of {self.described()}: it holds {_run(found)}, and has to hold "
                    f"{_run(mine)}, as {self.path} does; {_REMEDY}"
                )

    def check_rows(self, kind: str, path: Path, rows: pd.DataFrame) -> None:
        """Raise InputError naming the file if a table has rows of other cells or seeds than planned, or lacks some."""
        if self.cells is None:
            return
        names = ["cell", "seed"] if "seed" in rows else ["cell"]
        found = set(rows[names].drop_duplicates().itertuples(index=False, name=None))
        planned = {
            (cell, seed)[: len(names)] for cell, seeds in self.cells.items() for seed in (seeds if seeds else (None,))
        }
        missing = planned - found if kind not in OF_EXPRESSIONS else set()  # tasks without them have no rows
        for which, wrong in (("has rows of", found - planned), ("has no rows of", missing)):
            if wrong:
                first = ", seed ".join(map(str, min(wrong)))
                raise ForeignFileError(f"{path} {which} {first}, unlike the plan of {self.described()}; {_REMEDY}")

    def described(self) -> str:
        """Name the table and its plan, for a message."""
        return f"{self.table or 'no study'} (plan {self.plan or 'unknown'})"


_REMEDY = f"put the right file there, or {files.REMEDY}"


def content(plan: TablePlan) -> list[dict[str, str]]:
    """Return the cells and seeds of a plan as JSON values, for the record of its runs."""
    return [{"cell": job.cell, "seeds": format_seeds(job.seeds)} for job in plan.jobs]


def read_origin(path: Path, digest: str | None = None) -> Origin:
    """Read from the record of the runs of a table which they are.

    Args:
        path: the record that ``tabulate`` wrote.
        digest: of the plan that it has to be of; None for any.

    Raises InputError naming the file if it is damaged, is no such record, or is of another plan.
    """
    record = records.read_record(path)
    try:
        cells: dict[str, frozenset[int]] = {}
        for job in record[JOBS]:
            parse_cell(job["cell"])
            cells[job["cell"]] = cells.get(job["cell"], frozenset()).union(parse_seeds(job["seeds"]))
        origin = _origin(path, record, cells)
    except (KeyError, TypeError, AttributeError, InputError) as error:
        raise InputError(f"{path} is not the record of the runs of a study ({error}); {files.REMEDY}") from error
    if digest is not None and origin.plan != digest:
        raise ForeignFileError(
            f"{path} is of {origin.described()}, and has to be of plan {digest}, which the configuration makes; "
            f"{_REMEDY}"
        )
    return origin


def _origin(path: Path, record: Mapping[str, Any], cells: Mapping[str, frozenset[int]] | None = None) -> Origin:
    settings, runs = record.get("settings", {}), record.get("runs", [])
    if not isinstance(settings, Mapping) or not isinstance(runs, list) or not all(map(_is_origin, runs)):
        raise InputError(f"{path} does not say which runs it is of; {files.REMEDY}")
    return Origin(path, settings.get("table"), settings.get("plan"), runs, cells)


def _is_origin(job: Any) -> bool:
    """Return whether a value says where the runs of a job come from."""
    return isinstance(job, Mapping) and {"cell", "seeds", "source_digest"} <= job.keys() and type(job["seeds"]) is list


def read_tables(
    paths: Mapping[str, Sequence[Path]], record_files: Sequence[Path] = (), digests: Sequence[str] = ()
) -> tuple[list[Origin], dict[str, list[pd.DataFrame]]]:
    """Read tables of one study or of several, each group of them of the same runs.

    Args:
        paths: by the name of a table, its file for each study or task, all in one order.
        record_files: the record of the runs for each study or task. If there are none, the first table of a group says
            which runs all of its tables have to be of.
        digests: the digest of the plan of each; none if any plan is right.

    Raises InputError naming the file that is damaged, out of bounds, of other runs, or lacks a column.
    """
    numbers = {len(of_kind) for of_kind in paths.values()}
    if len(numbers | {len(each) for each in (record_files, digests) if each}) != 1:
        raise InputError("give as many files of each table, and as many records and digests, as there are studies")
    origins = []
    found: dict[str, list[pd.DataFrame]] = {kind: [] for kind in paths}
    for number in range(numbers.pop()):
        if record_files:
            origin = read_origin(record_files[number], digests[number] if digests else None)
        else:
            first = next(iter(paths.values()))[number]
            origin = _origin(first, parquet.read_provenance(first))
        for kind, of_kind in paths.items():
            found[kind].append(origin.read(kind, of_kind[number]))
        origins.append(origin)
    return origins, found


def identities(origins: Iterable[Origin]) -> dict[str, str]:
    """Return the identity of each table, by its name, for the provenance of what is made of them."""
    return {origin.table or origin.path.parent.name: origin.identity for origin in origins}


def on_page(page: str, runs: Iterable[Mapping[str, Any]]) -> str:
    """Return a page, with a last paragraph if several versions of the code have trained the runs of a task.

    Snakemake trains anew what other code has trained, unless it is told not to.

    Args:
        page: as Markdown.
        runs: for each job where its runs come from.
    """
    jobs: dict[str, Counter[str]] = {}
    for job in runs:
        jobs.setdefault(parse_cell(job["cell"]).task, Counter())[str(job["source_digest"])[:12]] += 1
    mixed = [
        f"{task} ({', '.join(f'{count} by {code}' for code, count in sorted(codes.items()))})"
        for task, codes in jobs.items()
        if len(codes) > 1
    ]
    if not mixed:
        return page
    by_task = "; ".join(mixed)
    return (
        f"{page}\n**Not all runs were trained by the same code**, by the number of jobs: {by_task}. "
        "`python -m capacity verify` names those that are not of the code of today.\n"
    )


def by_study(origins: Iterable[Origin], paths: Iterable[Path]) -> dict[str, Origin]:
    """Return the origins by the folders of their tables, which are named like their studies.

    Raises InputError naming a file that lies in the folder of another study.
    """
    studies = {}
    for origin, path in zip(origins, paths, strict=True):
        name = path.parent.name
        if origin.table not in (None, name):
            raise ForeignFileError(f"{path} is of {origin.described()}, and lies in the folder of {name}; {_REMEDY}")
        studies[name] = origin
    return studies


def _run(origin: Mapping[str, Any] | None) -> str:
    """Name the runs of a job, for a message."""
    if origin is None:
        return "no further runs"
    weights, code = (str(origin.get(name))[:DIGEST_LENGTH] for name in ("weights", "source_digest"))
    seeds = " ".join(map(str, origin.get("seeds", ())))[:100]
    return f"{origin.get('cell')}, seeds {seeds}, weights {weights}, trained by code {code} on {origin.get('device')}"
