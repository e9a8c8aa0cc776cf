"""Kill a training job again and again, at random moments, and count what is lost: `make faults`, or

python tests/faults/campaign.py --kills 200 --seed 1

A job is begun, killed, begun again as Snakemake would begin it (what outputs there are deleted), and so on until it is
done; then the next one is begun. Half of the kills come after a random time, by SIGKILL, SIGTERM or SIGINT; the other
half are SIGKILL just before a random one of the operations on files with which snapshots and outputs are written and
removed, and half of those among the last, where the outputs are. Every job must end in the bytes of one that nobody
disturbed, and no kill may cost more updates than lie between two snapshots; none by a signal that can be heeded.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import random
import shutil
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

from capacity.__main__ import main as run_capacity
from capacity.corpora import corpus
from capacity.experiment.cell import Cell, make_cell
from capacity.experiment.seeds import parse_seeds
from capacity.paper.protocol import Size
from capacity.storage import parquet
from capacity.training import snapshots
from capacity.training.execution import Execution
from capacity.training.kernel_training import KernelTraining
from capacity.training.path import kernel_of
from capacity.training.torch_training import TorchTraining

CELLS = [
    make_cell(
        "facts", Size(1, 1, 8, 1), facts=5, iterations=240, evaluation_interval=60, batch=20, warmup_iterations=10
    ),
    make_cell(
        "arithmetic",
        Size(2, 2, 8, 1),
        stream="reshuffled",
        dropout=0.1,
        iterations=90,
        evaluation_interval=30,
        batch=20,
        warmup_iterations=5,
    ),
]
SEEDS = "3_1337"
SNAPSHOT_UPDATES = 15
SAME = ("weights.safetensors", "history.parquet", "run.json")
OUTPUTS = (*SAME, "timing.json")
OPERATIONS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
OPERATIONS_AT_THE_END = 40  # more than it takes to write the last snapshot and the outputs
WRITING = "while writing"
KINDS = ("kills", WRITING, *(f"by {each.name}" for each in SIGNALS), "jobs finished")
ZERO = ("failed by themselves", "files half-written", "progress lost", "bytes that differ", "files left over")


def forked(work: Callable[[], None]) -> int:
    """Do something in a process of its own, which needs no imports again; gives its id."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # so that none comes before there is a process to speak of
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        return pid
    code = 0
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        work()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except KeyboardInterrupt:
        code = 130  # as Python leaves where nobody catches it
    except BaseException as error:  # printed, and the parent sees the exit code
        print(f"{type(error).__name__}: {error}", flush=True)
        code = 1
    os._exit(code)


class Watched:
    """How many updates a job made, and how many operations on files: in memory that outlives it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 16)

    def read(self) -> tuple[int, int]:
        updates, operations = struct.unpack("qq", self._memory[:])
        return updates, operations

    def write(self, updates: int, operations: int) -> None:
        self._memory[:] = struct.pack("qq", updates, operations)


def job(cell: Cell, folder: Path, watched: Watched, killed_at: int | None = None) -> None:
    """The training stage as the rule calls it; with ``killed_at`` it dies before that operation on its files."""

    def counting(update: Callable[[Any, int], None]) -> Callable[[Any, int], None]:
        def counted(self: Any, iteration: int) -> None:
            update(self, iteration)
            updates, operations = watched.read()
            watched.write(updates + 1, operations)

        return counted

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event in OPERATIONS and str(arguments[0]).startswith(str(folder)):
            updates, operations = watched.read()
            if operations == killed_at:
                os.kill(os.getpid(), signal.SIGKILL)
            watched.write(updates, operations + 1)

    KernelTraining.update = counting(KernelTraining.update)  # type: ignore[method-assign, assignment]
    TorchTraining.update = counting(TorchTraining.update)  # type: ignore[method-assign, assignment]
    sys.addaudithook(watch)
    command = ["train", cell.name, "--seeds", SEEDS, "--corpus", str(folder.parent / f"{cell.task}.parquet")]
    command += ["--output", str(folder), "--device", "cpu", "--snapshot-updates", str(SNAPSHOT_UPDATES)]
    with (folder.parent / "log").open("a", buffering=1) as log, redirect_stdout(log), redirect_stderr(log):
        run_capacity(command)


def compile_for(cell: Cell) -> None:
    """Compile here what trains a cell, so that no job, which is forked from here, spends its time on that."""
    if kernel_of(cell, "cpu", Execution()) == "numba":
        training = KernelTraining(cell, corpus.build(cell), parse_seeds(SEEDS)[0])
        training.update(0)
        training.measure()


def newest(folder: Path) -> int:
    """The updates of the newest whole snapshots of a job, of all its stacks."""
    found = 0
    for stack in sorted(folder.glob("snapshots/seeds=*")):
        whole = []
        for path in stack.glob("[0-9]*"):
            try:
                whole.append(snapshots.read(path)[0].updates)
            except snapshots.DamagedSnapshotError:
                continue
        found += max(whole, default=0)
    return found


def campaign(kills: int, seed: int, folder: Path) -> dict[str, int]:
    """Counts of what happened: :data:`KINDS` of kills and jobs finished, and :data:`ZERO`, which should all be 0."""
    drawn = random.Random(seed)
    counts: Counter[str] = Counter()
    watched = Watched()
    expected: dict[str, dict[str, bytes]] = {}
    seconds: dict[str, float] = {}
    operations: dict[str, int] = {}
    for cell in CELLS:
        parquet.write_parquet(folder / f"{cell.task}.parquet", corpus.to_table(corpus.build(cell)), {})
        compile_for(cell)
        start = time.monotonic()
        watched.write(0, 0)
        undisturbed = folder / f"undisturbed {cell.task}"
        if os.waitpid(forked(partial(job, cell, undisturbed, watched)), 0)[1]:
            raise RuntimeError(f"the undisturbed job failed: {(folder / 'log').read_text()}")
        seconds[cell.name] = time.monotonic() - start
        operations[cell.name] = watched.read()[1]
        expected[cell.name] = {name: (undisturbed / name).read_bytes() for name in SAME}

    number = sent = 0
    while counts["kills"] < kills:
        cell, target = CELLS[number % len(CELLS)], folder / f"job {number}"
        number += 1
        done = False
        while not done:
            for name in OUTPUTS:
                (target / name).unlink(missing_ok=True)
            before = newest(target)
            left = 1 - before / (cell.iterations * len(parse_seeds(SEEDS)))
            heeded = False
            watched.write(0, 0)
            if counts["kills"] >= kills:
                status = os.waitpid(forked(partial(job, cell, target, watched)), 0)[1]
            elif drawn.random() < 0.5:
                most = round(operations[cell.name] * left) + OPERATIONS_AT_THE_END
                at = (
                    drawn.randrange(most) if drawn.random() < 0.5 else most - drawn.randrange(2 * OPERATIONS_AT_THE_END)
                )
                status = os.waitpid(forked(partial(job, cell, target, watched, at)), 0)[1]
                counts[WRITING] += os.WIFSIGNALED(status)
            else:
                pid = forked(partial(job, cell, target, watched))
                chosen = SIGNALS[sent % len(SIGNALS)]
                time.sleep(drawn.random() * seconds[cell.name] * left)
                os.kill(pid, chosen)
                status = os.waitpid(pid, 0)[1]
                counts[f"by {chosen.name}"] += status != 0
                sent += status != 0  # a job that was done before it came is no kill: the same again next time
                heeded = os.WIFEXITED(status)
            done = status == 0
            counts["kills"] += not done
            counts["failed by themselves"] += os.WIFEXITED(status) and os.WEXITSTATUS(status) not in (0, 130, 143)
            # What is there under an output's own name is whole, always.
            there = [name for name in SAME if (target / name).exists()]
            half = sum((target / name).read_bytes() != expected[cell.name][name] for name in there)
            counts["files half-written"] += half
            if not done and len(there) < len(SAME):
                lost = before + watched.read()[0] - newest(target)
                counts["progress lost"] += lost > (0 if heeded else SNAPSHOT_UPDATES)
        counts["jobs finished"] += 1
        ended = {name: (target / name).read_bytes() for name in SAME}
        counts["bytes that differ"] += ended != expected[cell.name]
        counts["files left over"] += len({path.name for path in target.iterdir()} - set(OUTPUTS))
        shutil.rmtree(target)
    return {name: counts[name] for name in (*KINDS, *ZERO)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the random moments")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(campaign(arguments.kills, arguments.seed, Path(folder)), indent=1))


if __name__ == "__main__":
    main()
