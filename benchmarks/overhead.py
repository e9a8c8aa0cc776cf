"""What a cell costs beside its training, from an empty folder to the table, by each way of running jobs.

``python -m benchmarks.overhead`` from the root of the repository. Cells of n14 arithmetic are trained for one update:
what they take is overhead, processes that start, Snakemake's own work, the evaluation. Each study is run with few cells
and with more: what the others add, by their number, is the cost of a cell; what is left is paid once. Batch jobs go to
a SLURM of one node on loopback, the one of the tests, where its programs are installed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import report, scale
from benchmarks.goals import Goal
from benchmarks.measure import processor_name
from benchmarks.scale import ROOT, StepError
from capacity.experiment import configuration
from capacity.experiment.configuration_files import read_yaml
from capacity.experiment.grid import MOST_CELLS
from capacity.storage import json_files, provenance
from tests.support.loopback_slurm import Slurm, loopback_slurm, missing_programs

STUDY = "overhead"
TARGET = f"results/tables/{STUDY}/summary.md"
FIRST = 2  # cells of the smaller study
LOCAL_FURTHER = 4  # cells that the larger one has more; on a cluster whole groups of evaluations
LONGEST_SECONDS = 1_200.0  # of one run: a batch system may wait for ever
SHARE = 0.1  # that the overhead is to stay below
CPU_SECONDS = 24.0  # to train one seed of n14 arithmetic for 30,000 updates: docs/performance.md
PAPER_SEEDS = 20  # of a job, in the paper budget

STARTS = {
    "Python": "pass",
    "import torch": "import torch",
    "import capacity.commands.train": "import capacity.commands.train",
    "import capacity.commands.evaluate": "import capacity.commands.evaluate",
    "import snakemake.cli": "import snakemake.cli",
}


@dataclass(frozen=True)
class Way:
    """How jobs are run: a profile and what is left to say, and whether there has to be a batch system."""

    profile: str
    options: tuple[str, ...]
    is_batch: bool

    @property
    def cores(self) -> int:
        """That jobs can use side by side: the SLURM on loopback offers more than there are."""
        return os.cpu_count() or 1 if self.is_batch else int(self.options[-1])

    @property
    def further(self) -> int:
        """Cells that the larger study has more: enough groups of evaluations, whole ones, to keep every core busy."""
        if not self.is_batch:
            return LOCAL_FURTHER
        profile = read_yaml(ROOT / f"profiles/{self.profile}/config.yaml")
        group, width = profile["group-components"]["evaluations"], profile["cores"]
        return int(group) * math.ceil(self.cores / int(width))


WAYS = {
    "local, 1 core": Way("default", ("--cores", "1"), False),
    "local, 2 cores": Way("default", ("--cores", "2"), False),
    "slurm": Way("slurm", ("--slurm-status-command", "squeue"), True),
    "cluster-generic": Way("cluster-generic", (), True),
}


@dataclass(frozen=True)
class Run:
    """What one study took.

    Attributes:
        way, seeds, cells: how it was run; seeds are those of a cell, all in one job.
        seconds: by the clock.
        parts: processor seconds of every process, by what it is.
        training_seconds: the clock of the training loops, which is in the above: one update, and two evaluations.
        others: processor seconds of everything else on this machine meanwhile, the daemons of SLURM included; None
            where that cannot be seen.
    """

    way: str
    seeds: int
    cells: int
    seconds: float
    parts: dict[str, float]
    training_seconds: float
    others: float | None


@dataclass(frozen=True)
class Overhead:
    """What one cell more takes, from two runs; every number but ``once`` is seconds of a cell.

    Attributes:
        processor: seconds of a processor.
        clock: by which the run gets longer.
        cores: core-seconds, busy or not: the clock, times the cores that were there.
        once: by the clock, what a run takes however many cells it has.
        parts: ``processor`` taken apart.
        training: the clock of the training loop for one update, which is in all the others.
    """

    way: str
    seeds: int
    processor: float
    clock: float
    cores: float
    once: float
    parts: dict[str, float] = field(default_factory=dict)
    training: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), help="how jobs are run")
    parser.add_argument("--seeds", nargs="+", type=int, default=[PAPER_SEEDS], help="of a cell, all in one job")
    parser.add_argument("--first", type=int, default=FIRST, help="cells of the smaller study")
    parser.add_argument("--times", type=int, default=1, help="so many times more further cells: longer, less noise")
    parser.add_argument(
        "--latency", action="store_true", help="run the smaller study also with the plugins' own pauses between askings"
    )
    parser.add_argument(
        "--training-seconds", type=float, default=CPU_SECONDS, help="of one core, for one seed at the paper's length"
    )
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks/overhead.json"), help="JSON file")
    arguments = parser.parse_args()

    missing = missing_programs()
    starts = measure_starts()
    print(starts_table(starts), flush=True)
    runs: list[Run] = []
    patient: list[Run] = []
    for name in arguments.ways:
        if WAYS[name].is_batch and missing:
            print(f"\n{name} is not measured: no {', '.join(missing)} here", flush=True)
            continue
        for seeds in arguments.seeds:
            for cells in (arguments.first, arguments.first + arguments.times * WAYS[name].further):
                try:
                    runs.append(measure(name, seeds, cells))
                except StepError as error:
                    sys.exit(str(error))
            print(f"\n{runs_table(runs[-2:])}", flush=True)
        if WAYS[name].is_batch and arguments.latency:
            patient.append(measure(name, arguments.seeds[-1], arguments.first, is_patient=True))
            print(
                f"\nThe smaller study, asked about as rarely as by the plugin:\n{runs_table(patient[-1:])}", flush=True
            )
        measured = overheads(runs)
        verdicts = goals(measured, arguments.ways, arguments.seeds, arguments.training_seconds)
        json_files.write_json(
            arguments.output,
            {
                "provenance": provenance.record(
                    "train", {"ways": arguments.ways, "seeds": arguments.seeds, "first": arguments.first}
                ),
                "machine": {"processor": processor_name(), "processors": os.cpu_count()},
                "training_seconds": arguments.training_seconds,
                "missing": missing,
                "starts": starts,
                "runs": [asdict(run) for run in runs],
                "patient": [asdict(run) for run in patient],
                "overheads": [asdict(each) for each in measured],
                "goals": [asdict(goal) for goal in verdicts],
            },
        )
    print(f"\n{overheads_table(measured)}\n\n{parts_table(measured)}\n\n{report.goals_table(verdicts)}")
    print(f"\nEvery number: {arguments.output}")


def make_configuration(root: Path, cells: int, seeds: int) -> dict[str, Any]:
    """``config.yaml`` in ``root`` with one study of so many cells of n14 arithmetic, learning rates, each with so many
    seeds in one job of one update. Raises ValueError for a number that the workflow would refuse."""
    if not 1 <= cells <= MOST_CELLS:
        raise ValueError(f"cells: {cells} is not a number from 1 to {MOST_CELLS}")
    config = configuration.main_configuration(root)
    rates = [round(0.001 + 0.000001 * number, 6) for number in range(cells)]
    grid = {"task": ["arithmetic"], "size": ["n14"], "learning_rate": rates, "seeds": [f"0-{seeds - 1}"]}
    return config | {
        "budget": STUDY,
        "device": "cpu",
        "studies": {STUDY: {"title": f"{cells} cells", "grids": [grid]}},
        "budgets": {STUDY: {"run": [STUDY], "seeds_per_job": seeds, "cells": [{"set": {"iterations": 1}}]}},
    }


def measure_starts() -> dict[str, float]:
    """Processor seconds that a Python takes to start and to import what its command needs."""
    with tempfile.TemporaryDirectory(prefix="overhead-") as folder:
        return {
            name: scale.run("start", 1, Path(folder), ["-c", code]).processor_seconds for name, code in STARTS.items()
        }


def measure(name: str, seeds: int, cells: int, is_patient: bool = False) -> Run:
    """One study from an empty folder to its table. Raises StepError if it does not get there.

    The batch system is asked about jobs every second: pauses of ten seconds and more between two askings, which are the
    same for any number of jobs, would hide what a job adds. ``is_patient`` keeps them.
    """
    with (
        tempfile.TemporaryDirectory(prefix="overhead-") as folder,
        tempfile.TemporaryDirectory(prefix="slurm-") as short,  # the path of a socket is
        loopback_slurm(Path(short)) if WAYS[name].is_batch else nullcontext() as slurm,
    ):
        return run(name, seeds, cells, Path(folder), slurm, is_patient)


def run(name: str, seeds: int, cells: int, folder: Path, slurm: Slurm | None, is_patient: bool) -> Run:
    """The same in a folder, with a SLURM that runs where jobs go to one."""
    way = WAYS[name]
    meters = folder / "meters"
    meters.mkdir()
    path = folder / "overhead.json"
    path.write_text(json.dumps(make_configuration(ROOT, cells, seeds)), encoding="utf-8")
    is_impatient = way.is_batch and not is_patient
    program = [str(ROOT / "tests/cluster/impatient.py")] if is_impatient else ["-m", "snakemake"]
    command = [sys.executable, *program, "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    command += ["--workflow-profile", str(ROOT / f"profiles/{way.profile}"), "--configfile", str(path), *way.options]
    paths = (ROOT / "benchmarks/meter", ROOT / "src", ROOT)
    environment = dict(os.environ) | {"PYTHONPATH": os.pathsep.join(map(str, paths)), "METER_FOLDER": str(meters)}
    if slurm is not None:
        of_slurm = slurm.environment
        environment |= of_slurm | {"PATH": f"{of_slurm['PATH']}{os.pathsep}{os.environ['PATH']}"}

    log = folder / "said"
    busy = busy_seconds()
    started = time.perf_counter()
    with log.open("wb") as said:
        child = subprocess.Popen(
            [*command, "--", TARGET], cwd=folder, env=environment, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            code = child.wait(LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            code = child.wait()
    seconds = time.perf_counter() - started
    if code:
        text = log.read_text(encoding="utf-8", errors="replace")
        raise StepError(f"{name}: {cells} cells ended with {code} after {seconds:.0f} s:\n{text[-2000:]}")

    parts = parts_of([json_files.read_json(record) for record in sorted(meters.iterdir())], way.is_batch)
    timings = [json_files.read_json(timing)["wall_seconds"] for timing in folder.glob("results/cells/**/timing.json")]
    now = busy_seconds()
    others = None if now is None or busy is None else now - busy - sum(parts.values())
    return Run(name, seeds, cells, seconds, parts, sum(timings), others)


def parts_of(records: Sequence[Mapping[str, Any]], is_batch: bool) -> dict[str, float]:
    """Processor seconds of the processes that the meter saw, by what they are."""
    parts: dict[str, float] = {}
    for record in records:
        for name, kind in zip(names_of(record["command"], is_batch), ("own_seconds", "waited_seconds"), strict=True):
            parts[name] = parts.get(name, 0.0) + record[kind]
    return parts


def names_of(command: Sequence[str], is_batch: bool) -> tuple[str, str]:
    """What a Snakemake is, and what it waits for, by its command: that of a job has the rules which it is for."""
    if "--allowed-rules" not in command:
        return ("Snakemake that submits", "submitting, asking") if is_batch else ("Snakemake", "all stages")
    rule = command[command.index("--allowed-rules") + 1]
    if "slurm-jobstep" in command:
        return f"{rule}: Snakemake that starts the step", f"{rule}: srun"
    return f"{rule}: Snakemake that starts the stage", f"{rule}: stage"


def busy_seconds() -> float | None:
    """Processor seconds of all programs since this machine was started; None where there is no /proc/stat."""
    path = Path("/proc/stat")
    if not path.exists():
        return None
    user, nice, system, _idle, _iowait, interrupts, soft, *_ = map(int, path.read_text().split("\n")[0].split()[1:])
    return (user + nice + system + interrupts + soft) / os.sysconf("SC_CLK_TCK")


def overheads(runs: Sequence[Run]) -> list[Overhead]:
    """What a cell costs, by way and number of seeds, from the two runs of each."""
    by_way = []
    for small, large in zip(runs[::2], runs[1::2], strict=True):
        further = large.cells - small.cells
        clock = (large.seconds - small.seconds) / further
        parts = {
            name: (large.parts.get(name, 0.0) - small.parts.get(name, 0.0)) / further
            for name in {**small.parts, **large.parts}
        }
        by_way.append(
            Overhead(
                way=large.way,
                seeds=large.seeds,
                processor=sum(parts.values()),
                clock=clock,
                cores=clock * WAYS[large.way].cores,
                once=small.seconds - small.cells * clock,
                parts=parts,
                training=(large.training_seconds - small.training_seconds) / further,
            )
        )
    return by_way


def starts_table(starts: Mapping[str, float]) -> str:
    rows = [(name, f"{seconds:.2f}") for name, seconds in starts.items()]
    return report.aligned([("to start", "processor seconds"), *rows], words=1)


def runs_table(runs: Sequence[Run]) -> str:
    """One line per study."""
    rows = [
        (
            run.way,
            str(run.seeds),
            str(run.cells),
            f"{run.seconds:.1f}",
            f"{sum(run.parts.values()):.1f}",
            f"{run.training_seconds:.1f}",
            "" if run.others is None else f"{run.others:.1f}",
        )
        for run in runs
    ]
    heading = ("way", "seeds", "cells", "seconds", "processor seconds", "training loops", "of other programs")
    return report.aligned([heading, *rows], words=1)


def overheads_table(overheads: Sequence[Overhead]) -> str:
    """One line per way and number of seeds: what a cell takes, and how long it must train for that to be a tenth."""
    rows = [
        (
            each.way,
            str(each.seeds),
            f"{each.processor:.1f}",
            f"{each.training:.1f}",
            f"{each.clock:.1f}",
            f"{each.cores:.1f}",
            f"{each.once:.0f}",
            f"{worst(each) / SHARE:.0f}",
        )
        for each in overheads
    ]
    heading = (
        *("way", "seeds", "processor seconds of a cell", "its training loop", "clock", "core-seconds"),
        *("once", "a tenth of"),
    )
    return report.aligned([heading, *rows], words=1)


def parts_table(overheads: Sequence[Overhead]) -> str:
    """What the processor seconds of a cell are made of."""
    rows = [
        (each.way, str(each.seeds), name, f"{seconds:.2f}")
        for each in overheads
        for name, seconds in sorted(each.parts.items(), key=lambda pair: -pair[1])
        if seconds >= 0.005
    ]
    return report.aligned([("way", "seeds", "part", "processor seconds of a cell"), *rows], words=1)


def worst(overhead: Overhead) -> float:
    """Seconds of one core that a cell costs: used, or only kept from other cells."""
    return max(overhead.processor, overhead.cores)


def goals(
    overheads: Sequence[Overhead], ways: Sequence[str], seeds: Sequence[int], training_seconds: float
) -> list[Goal]:
    """For each way and number of seeds whether a cell costs less than a tenth of its training on one core."""
    measured = {(each.way, each.seeds): each for each in overheads}
    verdicts = []
    for way in ways:
        for number in seeds:
            text = f"{way}, seeds to a job: {number}"
            wanted = f"under a tenth of {number * training_seconds:.0f} s"
            each = measured.get((way, number))
            if each is None:
                verdicts.append(Goal(text, wanted, "", None))
                continue
            share = worst(each) / (number * training_seconds)
            verdicts.append(Goal(text, wanted, f"{worst(each):.1f} s, {share:.1%}", share < SHARE))
    return verdicts


if __name__ == "__main__":
    main()
