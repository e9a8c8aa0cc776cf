"""Kill a training job again and again, at random moments, and count what is lost: `make faults`, or

python tests/faults/campaign.py --kills 200 --seed 1

A job is begun, killed, begun again as Snakemake would begin it (what outputs there are deleted), and so on until it is
done; then the next one is begun. Half of the kills come after a random time, by SIGKILL, SIGTERM or SIGINT; the other
half are SIGKILL just before a random one of the operations on files with which snapshots and outputs are written and
removed. Every job must end in the bytes of one that nobody disturbed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from capacity import corpus, files, snapshots, train
from capacity.cells import Cell, make_cell
from capacity.protocol import Size

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
WRITING = "while writing"


def forked(work: Callable[[], None]) -> int:
    """Do something in a process of its own, which needs no imports again; gives its id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    except SystemExit as leaving:
        os._exit(leaving.code if isinstance(leaving.code, int) else 1)
    except BaseException as error:  # printed, and the parent sees the exit code
        print(f"{type(error).__name__}: {error}", flush=True)
        os._exit(1)
    os._exit(0)


def job(cell: Cell, folder: Path, killed_at: int | None = None) -> None:
    """The training stage as the rule calls it; with ``killed_at`` it dies before that operation on its files."""
    left = [killed_at]

    def count(event: str, arguments: tuple[object, ...]) -> None:
        if left[0] is None or event not in OPERATIONS or not str(arguments[0]).startswith(str(folder)):
            return
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if killed_at is not None:
        sys.addaudithook(count)
    sys.argv = ["train", cell.name, "--seeds", SEEDS, "--corpus", str(folder.parent / f"{cell.task}.parquet")]
    sys.argv += ["--output", str(folder), "--device", "cpu", "--snapshot-updates", str(SNAPSHOT_UPDATES)]
    with (folder.parent / "log").open("a", buffering=1) as log, redirect_stdout(log), redirect_stderr(log):
        train.main()


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
    """Counts of what happened; all but the kills, by kind, and the jobs finished should be zero."""
    drawn = random.Random(seed)
    counts: Counter[str] = Counter()
    expected: dict[str, dict[str, bytes]] = {}
    seconds: dict[str, float] = {}
    for cell in CELLS:
        files.write_parquet(folder / f"{cell.task}.parquet", corpus.to_table(corpus.build(cell)), {})
        start = time.monotonic()
        undisturbed = folder / f"undisturbed {cell.task}"
        if os.waitpid(forked(lambda cell=cell, path=undisturbed: job(cell, path)), 0)[1]:
            raise RuntimeError(f"the undisturbed job failed: {(folder / 'log').read_text()}")
        seconds[cell.name] = time.monotonic() - start
        expected[cell.name] = {name: (undisturbed / name).read_bytes() for name in SAME}

    number = 0
    while counts["kills"] < kills:
        cell, target = CELLS[number % len(CELLS)], folder / f"job {number}"
        number += 1
        done = False
        while not done:
            for name in OUTPUTS:
                (target / name).unlink(missing_ok=True)
            before = newest(target)
            if counts["kills"] >= kills:
                status = os.waitpid(forked(lambda cell=cell, path=target: job(cell, path)), 0)[1]
            elif drawn.random() < 0.5:
                at = drawn.randrange(120)
                status = os.waitpid(forked(lambda cell=cell, path=target, at=at: job(cell, path, at)), 0)[1]
                counts[WRITING] += os.WIFSIGNALED(status)
            else:
                pid = forked(lambda cell=cell, path=target: job(cell, path))
                chosen = drawn.choice(SIGNALS)
                time.sleep(drawn.random() * seconds[cell.name])
                os.kill(pid, chosen)
                status = os.waitpid(pid, 0)[1]
                counts[f"by {chosen.name}"] += status != 0
            done = status == 0
            counts["kills"] += not done
            counts["failed by themselves"] += os.WIFEXITED(status) and os.WEXITSTATUS(status) not in (0, 130, 143)
            # What is there under an output's own name is whole, always.
            there = [name for name in SAME if (target / name).exists()]
            counts["files half-written"] += sum(
                (target / name).read_bytes() != expected[cell.name][name] for name in there
            )
            if not done and len(there) < len(SAME):
                counts["progress lost"] += newest(target) < before
        counts["jobs finished"] += 1
        counts["bytes that differ"] += any(
            (target / name).read_bytes() != content for name, content in expected[cell.name].items()
        )
        counts["files left over"] += len({path.name for path in target.iterdir()} - set(OUTPUTS))
        shutil.rmtree(target)
    zero = ("failed by themselves", "files half-written", "progress lost", "bytes that differ", "files left over")
    return {
        name: counts[name]
        for name in ("kills", WRITING, *(f"by {each.name}" for each in SIGNALS), "jobs finished", *zero)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the random moments")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(campaign(arguments.kills, arguments.seed, Path(folder)), indent=1))


if __name__ == "__main__":
    main()
