"""What planning, confirming and tabulating a study cost, and how that grows with its number of cells.

``python -m benchmarks.scale`` from the root of the repository. The results are synthetic (:mod:`benchmarks.synthetic`)
and lie in a temporary folder, which takes some 300 kB for each cell and is removed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.goals import Goal
from benchmarks.measure import processor_name
from capacity.experiment import configuration
from capacity.experiment.grid import MOST_CELLS
from capacity.storage import json_files, provenance

STUDY = "scale"
SEEDS = tuple(range(20))
TASKS = ("arithmetic", "joint")
SIZES = ("n14", "n28")
ROOT = Path(__file__).parents[1]
MOST_SECONDS = 120.0
MOST_BYTES = 2_000_000_000
GOAL_CELLS = 10_000
TABLES = f"results/tables/{STUDY}"
TARGETS = [
    f"{TABLES}/{name}" for name in ("summary.md", "dynamics.md", "expressions.parquet", "expression_histories.parquet")
]
TOUCH = (
    "from snakemake.executors import touch; touch.time.sleep = lambda _: None; from snakemake.cli import main; main()"
)
"""``snakemake --touch``, for the records of finished jobs, without the tenth of a second that it sleeps at each."""

JOB = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "4294967296", "OMP_NUM_THREADS": "1"}
"""What a job of one thread finds in its environment: the prefix in ``workflow/rules/common.smk``, and Snakemake's."""

STEPS = {
    "dry-run": "snakemake -n, nothing trained",
    "plan": "capacity plan",
    "tabulate": "capacity tabulate",
    "histories": "capacity histories",
    "dynamics": "capacity dynamics",
    "expressions": "capacity expressions",
    "expression-histories": "capacity expression-histories",
    "confirm": "snakemake -n, everything there",
}


@dataclass(frozen=True)
class Cost:
    """What one step took with so many cells.

    Attributes:
        seconds: by the clock.
        processor_seconds: of its process and all that it waited for.
        peak_bytes: the largest resident set of any one of these processes; they are not added up, and the least that
            can be seen is that of the benchmark itself, which starts them.
    """

    step: str
    cells: int
    seconds: float
    processor_seconds: float
    peak_bytes: int


class StepError(RuntimeError):
    """A step that did not end as it should, with the end of what it said."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--cells", nargs="+", type=int, default=[100, 1_000, 10_000], help="sizes of the study")
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks/scale.json"), help="JSON file")
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made (default: the system's place)")
    arguments = parser.parse_args()
    costs: list[Cost] = []
    for cells in arguments.cells:
        with tempfile.TemporaryDirectory(prefix="scale-", dir=arguments.folder) as name:
            try:
                costs += measure(Path(name), cells)
            except StepError as error:
                sys.exit(str(error))
        print(f"\n{table(costs[-len(STEPS) :])}", flush=True)
        verdicts = goals(costs)
        json_files.write_json(
            arguments.output,
            {
                "provenance": provenance.record("tabulate", {"cells": arguments.cells, "seeds": len(SEEDS)}),
                "machine": {"processor": processor_name(), "processors": os.cpu_count()},
                "costs": [asdict(cost) for cost in costs],
                "goals": [asdict(goal) for goal in verdicts],
            },
        )
    print(f"\n{table(costs)}\n\n{report.goals_table(verdicts)}\n\nEvery number: {arguments.output}")


def make_configuration(root: Path, cells: int) -> dict[str, Any]:
    """``config.yaml`` in ``root`` with one study of so many cells, a multiple of four: two tasks, two sizes, and
    learning rates. Raises ValueError for another number."""
    if cells % 4 or not 4 <= cells <= MOST_CELLS:
        raise ValueError(f"cells: {cells} is not a multiple of 4 of at most {MOST_CELLS}")
    config = configuration.main_configuration(root)
    rates = [round(0.001 + 0.000001 * number, 6) for number in range(cells // 4)]
    grid = {"task": list(TASKS), "size": list(SIZES), "learning_rate": rates, "seeds": [f"0-{SEEDS[-1]}"]}
    return config | {
        "budget": STUDY,
        "studies": {STUDY: {"title": f"{cells} cells", "grids": [grid]}},
        "budgets": {STUDY: {"run": [STUDY], "seeds_per_job": len(SEEDS), "cells": [{"set": {"iterations": 30_000}}]}},
    }


def measure(folder: Path, cells: int) -> list[Cost]:
    """Every step with a study of so many cells in an empty folder. Raises StepError where one fails."""
    config = make_configuration(ROOT, cells)
    path = folder / "scale.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    options = ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder), "--configfile", str(path)]
    dry_run = ["-m", "snakemake", *options, "--cores", "1", "--dry-run"]
    source = ["--configuration", str(path), "--cells", "results/cells"]
    plan = ["--plan", f"results/plans/{STUDY}.json"]
    read = ["--history", f"{TABLES}/history.parquet", "--summary", f"{TABLES}/summary.parquet"]

    def stage(name: str, *arguments: str) -> Cost:
        return run(name, cells, folder, ["-m", "capacity", name, *arguments], environment=JOB)

    found = [run("dry-run", cells, folder, [*dry_run, "--quiet", "all", "--", *TARGETS])]
    run("results", cells, folder, ["-m", "benchmarks.synthetic", str(folder), "--config", str(path)])
    found += [
        stage("plan", STUDY, *source, "--output", f"results/plans/{STUDY}.json"),
        stage("tabulate", *plan, "--output", TABLES),
        stage("histories", *plan, "--output", f"{TABLES}/history.parquet"),
        stage("dynamics", *read, "--title", "Scale", "--output", TABLES),
        stage("expressions", *plan, "--output", f"{TABLES}/expressions.parquet"),
        stage("expression-histories", *plan, "--output", f"{TABLES}/expression_histories.parquet"),
    ]
    # With cores for all jobs at once: one after the other, Snakemake would look through all that wait, each time.
    every = ["--cores", str(10 * cells), "--scheduler", "greedy", "--touch", "--forceall", "--quiet", "all"]
    run("records", cells, folder, ["-c", TOUCH, *options, *every, "--", *TARGETS])
    found.append(run("confirm", cells, folder, [*dry_run, "--", *TARGETS], says="Nothing to be done"))
    return found


def run(
    step: str,
    cells: int,
    folder: Path,
    arguments: Sequence[str],
    says: str = "",
    environment: Mapping[str, str] | None = None,
) -> Cost:
    """The cost of one command of Python in a process of its own. Raises StepError if it fails, or does not say so."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    surroundings = os.environ | {"PYTHONPATH": path} | dict(environment or {})
    log = folder / f"{step}.log"
    started = time.perf_counter()
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, *arguments], cwd=folder, env=surroundings, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    said = log.read_text(encoding="utf-8", errors="replace")
    if child.returncode or says not in said:
        raise StepError(f"{step} of {cells} cells ended with {child.returncode}:\n{said[-2000:]}")
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Cost(step, cells, seconds, usage.ru_utime + usage.ru_stime, peak)


def table(costs: Sequence[Cost]) -> str:
    """One line per step and number of cells."""
    rows = [
        (
            STEPS[cost.step],
            f"{cost.cells:,}",
            f"{cost.seconds:.1f}",
            f"{cost.processor_seconds:.1f}",
            f"{1e3 * cost.processor_seconds / cost.cells:.1f}",
            f"{cost.peak_bytes / 1e6:.0f}",
        )
        for step in STEPS
        for cost in costs
        if cost.step == step
    ]
    heading = ("step", "cells", "seconds", "processor seconds", "of these, ms per cell", "peak MB")
    return report.aligned([heading, *rows], words=1)


def goals(costs: Sequence[Cost]) -> list[Goal]:
    """Each step of the large study within its bounds; not measured where there is none."""
    found: Mapping[str, Cost] = {cost.step: cost for cost in costs if cost.cells == GOAL_CELLS}
    wanted = f"under {MOST_SECONDS:g} s and {MOST_BYTES / 1e9:g} GB"
    return [Goal(f"{STEPS[step]}, {GOAL_CELLS:,} cells", wanted, *_verdict(found.get(step))) for step in STEPS]


def _verdict(cost: Cost | None) -> tuple[str, Any]:
    if cost is None:
        return "", None
    measured = f"{cost.seconds:.0f} s, {cost.peak_bytes / 1e9:.2f} GB"
    return measured, cost.seconds < MOST_SECONDS and cost.peak_bytes < MOST_BYTES


if __name__ == "__main__":
    main()
