"""Snapshots, from which an interrupted training job resumes.

A snapshot is a folder beside the outputs of its job, where Snakemake does not delete it with them:

``arrays.safetensors``    parameters, moments, states of generators
``history.parquet``       the evaluations made
``state.json``            number of updates done, and the fingerprint of the run
``SHA256SUMS``            checksums of the three, as ``sha256sum`` writes them

A snapshot is written under another name, and gets its own when all of it is on the disk. The newest two are kept. A job
resumes from the newest snapshot that is whole and has the fingerprint of the job.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy
import pyarrow as pa
import safetensors
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from capacity.errors import is_of_memory
from capacity.experiment import file_bounds
from capacity.experiment.cell import parse_cell
from capacity.experiment.seeds import format_seeds
from capacity.storage import files, json_files, parquet
from capacity.storage.parquet_bounds import UNKNOWN, Bounds
from capacity.training.interruptions import InterruptedTrainingError, Say

KEPT = 2
CHECKSUMS = "SHA256SUMS"
ARRAYS, HISTORY, STATE_FILE = "arrays.safetensors", "history.parquet", "state.json"
STATE = ("updates", "seconds", "interruptions")
KINDS = ((int,), (int, float), (int,))


@dataclass(frozen=True)
class Snapshot:
    """One stack of networks after some updates, before the evaluation that may follow.

    Attributes:
        updates: number of updates done so far.
        arrays: everything that training changes, by name.
        history: rows of the evaluations so far.
        seconds: time that the job has trained so far, without work that was lost.
        interruptions: number of times that the job has resumed so far.
    """

    updates: int
    arrays: Mapping[str, NDArray[Any]]
    history: Sequence[dict[str, Any]]
    seconds: float = 0.0
    interruptions: int = 0


class DamagedSnapshotError(Exception):
    """A snapshot cannot be read, or has changed since it was written."""


def write(folder: Path, snapshot: Snapshot, fingerprint: Mapping[str, Any]) -> Path:
    """Save a snapshot below ``folder`` and return its path. It is on the disk, whole, when this returns.

    Raises OSError, with a message that says what to do, if the disk is full or nothing can be written there.
    """
    target = folder / f"{snapshot.updates:09d}"
    unfinished = folder / f".{target.name}.unfinished"
    with files.explained(target):
        files.remove(unfinished)
        unfinished.mkdir(parents=True)
        try:
            arrays = {name: numpy.asarray(value, order="C") for name, value in snapshot.arrays.items()}
            save_file(arrays, unfinished / ARRAYS)
            parquet.write_parquet(unfinished / HISTORY, pa.Table.from_pylist(list(snapshot.history)), {})
            state = {name: getattr(snapshot, name) for name in STATE}
            json_files.write_json(unfinished / STATE_FILE, state | {"fingerprint": dict(fingerprint)})
            sums = "".join(f"{files.sha256(path)}  {path.name}\n" for path in sorted(unfinished.iterdir()))
            (unfinished / CHECKSUMS).write_text(sums, encoding="ascii")
            for path in unfinished.iterdir():
                _to_disk(path)
            files.remove(target)
            unfinished.rename(target)
        finally:
            files.remove(unfinished)
    _to_disk(folder)
    return target


def read(path: Path, bounds: Bounds = UNKNOWN) -> tuple[Snapshot, dict[str, Any]]:
    """Return a snapshot and its fingerprint.

    Raises :class:`DamagedSnapshotError` if it is not whole, or if its history is out of bounds.
    """
    if not path.is_dir():
        raise DamagedSnapshotError(f"{path} is not a folder")
    try:
        for name in (CHECKSUMS, ARRAYS, HISTORY, STATE_FILE):
            files.check_file(path / name)
        lines = (path / CHECKSUMS).read_text("ascii").splitlines()
        sums = {name: checksum for checksum, _, name in (line.partition("  ") for line in lines)}
        if set(sums) != {ARRAYS, HISTORY, STATE_FILE}:
            raise DamagedSnapshotError(f"{path / CHECKSUMS} does not list its files")
        for name, expected in sums.items():
            if files.sha256(path / name) != expected:
                raise DamagedSnapshotError(f"{path / name} is not what its checksum says")
        state = json_files.read_json(path / STATE_FILE)
        arrays = load_file(path / ARRAYS)
        history = parquet.read_parquet(path / HISTORY, bounds).to_pylist()
        counts = {name: state[name] for name in STATE}
        if any(type(count) not in kinds or count < 0 for kinds, count in zip(KINDS, counts.values(), strict=True)):
            raise DamagedSnapshotError(f"{path / STATE_FILE} has {counts}, which are not its numbers")
        return Snapshot(arrays=arrays, history=history, **counts), dict(state["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
        if is_of_memory(error):
            raise  # the snapshot may be whole
        raise DamagedSnapshotError(f"{path} cannot be read: {error}") from error


class Snapshots:
    """The snapshots of a job, each of its stacks in a folder of its own, and when they are due.

    Args:
        folder: for the snapshots of all stacks; it is removed when the job is done.
        fingerprint: what must be the same for a job to resume from a snapshot, as JSON values.
        seconds: between two snapshots of a stack; 0 for none by time.
        updates: between two snapshots of a stack; 0 for none by number of updates.
        asked_to_stop: returns whether the job has to save a snapshot and stop.
        say: takes lines for the log.
        clock: returns a time in seconds.
    """

    def __init__(
        self,
        folder: Path,
        fingerprint: Mapping[str, Any],
        seconds: float,
        updates: int,
        asked_to_stop: Callable[[], bool] = lambda: False,
        say: Say = lambda line: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._fingerprint = json.loads(json.dumps(fingerprint))  # as it comes back from a file
        self._seconds = seconds
        self._updates = updates
        self._asked_to_stop = asked_to_stop
        self._say = say
        self._clock = clock
        self._start = clock()
        self._before = 0.0
        self.interruptions = 0
        self._saved_at, self._saved_updates = clock(), 0

    @property
    def trained_seconds(self) -> float:
        """Time that the job has trained so far, without work that was lost in an interruption."""
        return self._before + self._clock() - self._start

    def newest(self, seeds: Sequence[int]) -> Snapshot | None:
        """Return the newest snapshot of a stack that is whole and of this run; None if there is none."""
        self._saved_at, self._saved_updates = self._clock(), 0
        folder = self._folder_of(seeds)
        for path in (self._folder, folder):
            if os.path.lexists(path) and not path.is_dir():
                self._say(f"snapshots passed over: {path} is not a folder, and is removed")
                files.remove(path)
        for path in sorted(_whole(folder), reverse=True):
            try:
                snapshot, fingerprint = read(path, self._bounds(len(seeds)))
            except DamagedSnapshotError as error:
                self._say(f"snapshot passed over: {error}")
                continue
            if fingerprint != self._fingerprint:
                names = sorted(self._fingerprint.keys() | fingerprint.keys())
                differs = [name for name in names if self._fingerprint.get(name) != fingerprint.get(name)]
                self._say(f"snapshot passed over: {path} is of another run, with other {', '.join(differs)}")
                continue
            self._say(f"seeds {format_seeds(seeds)} go on from update {snapshot.updates}, saved in {path}")
            self._before = max(self._before, snapshot.seconds)
            self.interruptions = max(self.interruptions, snapshot.interruptions + 1)
            self._saved_updates = snapshot.updates
            return snapshot
        files.remove(folder)
        return None

    def offer(self, seeds: Sequence[int], updates: int, last: bool, make: Callable[[int], Snapshot]) -> None:
        """Save a snapshot of a stack if one is due.

        Raises :class:`InterruptedTrainingError`, after saving, if the job is asked to stop.

        Args:
            seeds: those of the stack.
            updates: number of updates that the stack has done.
            last: whether these were all updates of the stack, after which a snapshot is always saved.
            make: returns the snapshot after a number of updates; its times are set here.
        """
        stop = self._asked_to_stop()
        since = updates - self._saved_updates
        timely = self._seconds > 0 and self._clock() - self._saved_at >= self._seconds
        due = timely or last or (0 < self._updates <= since)
        if since > 0 and (due or stop):
            made = replace(make(updates), seconds=round(self.trained_seconds, 2), interruptions=self.interruptions)
            folder = self._folder_of(seeds)
            write(folder, made, self._fingerprint)
            for path in sorted(_whole(folder))[:-KEPT]:
                files.remove(path)
            self._saved_at, self._saved_updates = self._clock(), updates
        if stop:
            raise InterruptedTrainingError(
                f"seeds {format_seeds(seeds)} saved at update {updates}, to go on from there next time"
            )

    def remove(self) -> None:
        """Remove all snapshots when the job is done."""
        files.remove(self._folder)

    def _bounds(self, seeds: int) -> Bounds:
        """Return the bounds of the history of some seeds, by the cell in the fingerprint, if it names one."""
        cell = self._fingerprint.get("cell")
        return UNKNOWN if cell is None else file_bounds.job_history(parse_cell(cell), seeds)

    def _folder_of(self, seeds: Sequence[int]) -> Path:
        return self._folder / f"seeds={format_seeds(seeds)}"


def _whole(folder: Path) -> list[Path]:
    """Return the snapshots in a folder that are whole, unless they were damaged since: those with their final name."""
    return list(folder.glob("[0-9]*"))


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
