"""A training job: it reads a corpus, trains seeds, resuming from snapshots, and writes weights, history and record."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from capacity.corpora import corpus
from capacity.dictionary.column import describe
from capacity.dictionary.histories import JOB_HISTORY
from capacity.experiment import file_bounds
from capacity.experiment.cell import Cell
from capacity.experiment.seeds import runs_name
from capacity.model import devices, weights
from capacity.model.networks import why_no_numba
from capacity.storage import files, json_files, parquet, provenance, records
from capacity.training.execution import Execution
from capacity.training.history import history_table
from capacity.training.interruptions import InterruptedTrainingError, Signals, only_one
from capacity.training.loop import Trained, train
from capacity.training.path import is_for_kernel, kernel_of
from capacity.training.progress import Progress
from capacity.training.snapshots import Snapshots


def run_job(
    cell: Cell,
    seeds: Sequence[int],
    corpus_file: Path,
    folder: Path,
    device: str,
    execution: Execution,
    snapshot_seconds: float = 0,
    snapshot_updates: int = 0,
) -> None:
    """Train the seeds of a cell and write the outputs, resuming where an interrupted run of the job stopped.

    Args:
        cell: the cell.
        seeds: those of the job.
        corpus_file: Parquet file of the corpus of the cell.
        folder: where weights, history, timing and record are written; snapshots are kept there meanwhile.
        device: ``cpu`` or ``cuda``.
        execution: how updates are executed.
        snapshot_seconds: between two snapshots of a stack; 0 for none by time.
        snapshot_updates: between two snapshots of a stack; 0 for none by number of updates.

    Raises InputError if the corpus is damaged or of another cell, or if another machine trains the job, and SystemExit
    if a signal asks the job to stop.
    """
    kernel = kernel_of(cell, device, execution)
    record = provenance.record(
        "train",
        cell.settings(),
        cell=cell.name,
        seeds=list(seeds),
        device=devices.name(device),
        **execution.record(device) | {"kernel": kernel},
    )
    parquet.check_bounds(corpus_file, file_bounds.corpus(cell))
    lines = corpus.read(corpus_file, cell)
    progress = Progress(cell, seeds, folder / "progress.json", sys.stdout)
    if kernel == "torch" and is_for_kernel(cell, device, execution):
        progress.say(f"torch trains, because the compiled network cannot be used: {why_no_numba()}")
    with Signals() as signals:
        try:
            with only_one(folder / "training.lock", progress.say, signals.asked_to_stop) as took_over:
                if took_over and is_done(folder, record):
                    progress.say("the earlier run of this job has just finished it")
                    return
                files.remove_unfinished(folder)
                snapshots = Snapshots(
                    folder / "snapshots",
                    fingerprint(record, corpus_file),
                    snapshot_seconds,
                    snapshot_updates,
                    signals.asked_to_stop,
                    progress.say,
                )
                trained = train(cell, lines, seeds, device, progress, execution, snapshots)
                for seed, updates in zip(seeds, trained.diverged_at, strict=True):
                    if updates is not None:
                        progress.say(f"seed {seed} diverged: after {updates} updates its loss is not finite")
                write_outputs(folder, trained, cell, seeds, record, snapshots, corpus_file)
                progress.remove()
                snapshots.remove()
        except InterruptedTrainingError as interruption:
            progress.say(f"asked to stop by signal {signals.received}: {interruption}")
            sys.exit(signals.exit_code)


def fingerprint(record: Mapping[str, Any], corpus_file: Path) -> dict[str, Any]:
    """Return what decides the numbers of a run, so that it resumes from none of another run's snapshots.

    It is the record of the run without the commit, which covers more files than those that decide, and with the
    SHA-256 of the corpus.
    """
    return {name: value for name, value in record.items() if name != "git_commit"} | {
        "corpus": files.sha256(corpus_file)
    }


def is_done(folder: Path, record: Mapping[str, Any]) -> bool:
    """Return whether all outputs of a run exist: whether its record does, which is written last."""
    path = folder / "run.json"
    written = json_files.read_json(path) if path.exists() else None
    return isinstance(written, dict) and written.items() >= record.items()


def write_outputs(
    folder: Path,
    trained: Trained,
    cell: Cell,
    seeds: Sequence[int],
    record: provenance.Provenance,
    snapshots: Snapshots,
    corpus_file: Path,
) -> None:
    """Write weights, history and timing, and then the record, which says that all of them exist.

    The record in the file has the checksums of the files too, and that of the corpus.
    """
    record = record | {"diverged_at": trained.diverged_at, "weights": weights.checksum(trained.parameters)}
    weights.save(folder / "weights.safetensors", trained.parameters, cell, seeds)
    history = describe(history_table(trained.history), JOB_HISTORY)
    parquet.write_parquet(folder / "history.parquet", history, record)
    seconds = snapshots.trained_seconds
    timing = {
        "runs": runs_name(cell, seeds),
        "wall_seconds": round(seconds, 2),
        "updates_per_second": round(cell.iterations * len(seeds) / seconds, 2),
        "interruptions": snapshots.interruptions,
    }
    json_files.write_sealed_json(folder / "timing.json", timing)
    checksums = {name: files.sha256(folder / name) for name in ("weights.safetensors", "history.parquet")}
    checksums |= {"corpus": files.sha256(corpus_file)}
    json_files.write_sealed_json(folder / "run.json", record | {records.FILES: checksums})
