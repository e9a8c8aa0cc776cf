"""The files of cells: corpora, trained networks and their evaluations, each made of the one before."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from capacity.corpora import corpus
from capacity.errors import ForeignFileError
from capacity.experiment import file_bounds
from capacity.experiment.assignment import RECORD, WEIGHTS
from capacity.experiment.cell import Cell, corpus_cell, parse_cell
from capacity.experiment.seeds import parse_seeds, runs_name
from capacity.model import weights
from capacity.storage import evaluations, files, json_files, parquet, records
from capacity.storage.parquet_bounds import Bounds
from capacity.verification.checks import attempt, check_code
from capacity.verification.findings import DAMAGED, FOREIGN, MISSING, Finding

HISTORY, TIMING = "history.parquet", "timing.json"
EVALUATION, ANSWERS, OPERANDS, MECHANISM = "evaluation.json", *evaluations.BESIDE
STAGES = ((WEIGHTS, HISTORY, RECORD, TIMING), (EVALUATION, ANSWERS, OPERANDS, MECHANISM))
"""The files that training and evaluation leave, which are there together."""


def check_corpus(root: Path, path: str) -> list[Finding]:
    """Return what is wrong with a corpus: damaged, of other lines than its name says, or made by other code."""
    found: list[Finding] = []
    try:
        cell = corpus_cell(Path(path).stem)
    except ValueError as error:
        return [Finding(FOREIGN, path, str(error))]
    bounds = file_bounds.corpus(cell)
    record = attempt(lambda: parquet.provenance_of(parquet.read_parquet(root / path, bounds)), path, found)
    if record is None:
        return found

    def read() -> None:
        try:
            corpus.read(root / path, cell)
        except ValueError as error:  # it is whole, as was just seen
            raise ForeignFileError(str(error)) from error

    attempt(read, path, found)
    check_code(path, record, "corpus", found, cell.task)
    return found


def check_job(root: Path, folder: str, names: Collection[str]) -> list[Finding]:
    """Return what is wrong with the files of a job.

    Args:
        root: the folder of results.
        folder: of the job, from there.
        names: the files that are in it.
    """
    name, _, text = folder.removeprefix("cells/").rpartition("/seeds=")
    try:
        cell, seeds = parse_cell(name), parse_seeds(text)
    except ValueError as error:
        return [Finding(FOREIGN, f"{folder}/{each}", str(error)) for each in sorted(names)]
    found = _missing(root, cell, folder, names)
    job = _Job(root, folder, cell, seeds, found)
    origins = {each: origin for each in (RECORD, HISTORY, EVALUATION) if each in names and (origin := job.origin(each))}
    whole = [each for each in origins.values() if (each.get("cell"), each.get("seeds")) == (cell.name, list(seeds))]
    training = max(whole, key=whole.count, default=None)  # what most of the files say
    for each, origin in origins.items():
        if origin not in whole:
            held = f"{origin.get('cell')}, seeds {origin.get('seeds')}"
            found.append(Finding(FOREIGN, f"{folder}/{each}", f"it is of {held}", f"{folder}/{each}"))
        elif origin != training:
            why = "it is of another run of the same cell and seeds than the files beside it"
            found.append(Finding(FOREIGN, f"{folder}/{each}", why, f"{folder}/{each}"))
    if RECORD in origins and training is not None:
        check_code(f"{folder}/{RECORD}", training, "train", found, cell.task)
    if WEIGHTS in names:
        job.check_weights((training or {}).get("weights"))
    if TIMING in names:
        job.check_timing()
    for each in evaluations.BESIDE:
        if each in names:
            job.check_beside(each)
    job.check_bytes(names)
    return found


def _missing(root: Path, cell: Cell, folder: str, names: Collection[str]) -> list[Finding]:
    """Return the files that training and evaluation must have left, and the corpus, if they are not there."""
    known = [name for stage in STAGES for name in stage if name in names]
    absent = [f"{folder}/{name}" for stage in STAGES if set(stage) & set(known) for name in stage if name not in names]
    if set(STAGES[1]) & set(known) and not set(STAGES[0]) & set(known):
        absent += [f"{folder}/{name}" for name in STAGES[0]]
    made_of = f"corpora/{cell.corpus_name}.parquet"
    if known and not (root / made_of).exists():
        absent.append(made_of)
    return [Finding(MISSING, path, f"the files in {folder} were made with it or of it", path) for path in absent]


class _Job:
    """Reads the files of a job, and adds what is wrong with them to the findings."""

    def __init__(self, root: Path, folder: str, cell: Cell, seeds: tuple[int, ...], found: list[Finding]) -> None:
        self._root = root
        self._folder = folder
        self._cell = cell
        self._seeds = seeds
        self._found = found
        self._evaluation: dict[str, Any] | None = None
        self.checksums: dict[str, str] = {}

    def origin(self, name: str) -> dict[str, Any] | None:
        """Return the record of the training that a file is of; None if the file is damaged."""
        path = self._root / self._folder / name
        if name == HISTORY:
            bounds = file_bounds.job_history(self._cell, len(self._seeds))
            return self._table(name, bounds)
        content = attempt(lambda: json_files.read_sealed_json(path), f"{self._folder}/{name}", self._found)
        if name == RECORD and content is not None:
            self._note_checksums(name, content)
        if name == RECORD or content is None:
            return content
        found = len(self._found)
        attempt(lambda: evaluations.check(content, path), f"{self._folder}/{name}", self._found)
        if len(self._found) > found:
            return None
        self._note_checksums(name, content["provenance"])
        self._evaluation = content
        check_code(f"{self._folder}/{name}", content["provenance"], "evaluate", self._found)
        training: dict[str, Any] = content["provenance"]["training"]
        return training

    def _note_checksums(self, name: str, record: dict[str, Any]) -> None:
        """Take the checksums of files out of a record."""
        sums = record.pop(records.FILES, {})
        if isinstance(sums, dict) and all(isinstance(checksum, str) for checksum in sums.values()):
            self.checksums |= sums
        else:
            path = f"{self._folder}/{name}"
            self._found.append(Finding(DAMAGED, path, f"its {records.FILES} are not checksums", path))

    def check_weights(self, expected: str | None) -> None:
        """Check that weights are whole, of this job, and those of the run that the other files are of."""
        path = f"{self._folder}/{WEIGHTS}"
        read = attempt(lambda: weights.load(self._root / path, self._cell, self._seeds), path, self._found)
        if read is not None and expected not in (None, weights.checksum(read)):
            why = "its checksum is not that of the run that the files beside it are of"
            self._found.append(Finding(FOREIGN, path, why, path))

    def check_bytes(self, names: Collection[str]) -> None:
        """Check the bytes of the files, and of the corpus, of which checksums were written down when they were used.

        A bit on which no value depends is found by this alone.
        """
        wrong = {finding.path for finding in self._found}
        for name, checksum in self.checksums.items():
            path = f"corpora/{self._cell.corpus_name}.parquet" if name == "corpus" else f"{self._folder}/{name}"
            is_there = (self._root / path).is_file() if name == "corpus" else name in names
            if is_there and path not in wrong and files.sha256(self._root / path) != checksum:
                why = f"its bytes do not fit the checksum in {RECORD} or {EVALUATION} in {self._folder}"
                self._found.append(Finding(DAMAGED, path, why, path))

    def check_timing(self) -> None:
        """Check that the times are whole, and those of this job."""
        path = f"{self._folder}/{TIMING}"
        timing = attempt(lambda: json_files.read_sealed_json(self._root / path), path, self._found)
        runs = runs_name(self._cell, self._seeds)
        if timing is not None and timing.get("runs") != runs:
            self._found.append(Finding(FOREIGN, path, f"it is of {timing.get('runs')}", path))

    def check_beside(self, name: str) -> None:
        """Check that a table of the evaluation is whole, and of the evaluation beside it."""
        seeds = len(self._seeds)
        bounds = {
            ANSWERS: file_bounds.answers(self._cell, seeds),
            OPERANDS: file_bounds.operands(seeds),
            MECHANISM: file_bounds.mechanism(seeds),
        }
        record = self._table(name, bounds[name])
        if record is None or self._evaluation is None:
            return
        expected = {"cell": self._cell.name, **self._evaluation["provenance"]}
        if record != expected:
            same = runs_name(self._cell, self._seeds) == f"{record.get('cell')}/{self._folder.rpartition('/')[2]}"
            why = "it is of another evaluation than that beside it" if same else f"it is of {record.get('cell')}"
            self._found.append(Finding(FOREIGN, f"{self._folder}/{name}", why, f"{self._folder}/{name}"))

    def _table(self, name: str, bounds: Bounds) -> dict[str, Any] | None:
        path = self._root / self._folder / name
        return attempt(
            lambda: parquet.provenance_of(parquet.read_parquet(path, bounds)), f"{self._folder}/{name}", self._found
        )
