"""Time the training of cells beside a plain implementation and a JAX program, and say which goals are met."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path

from benchmarks import contest, report
from benchmarks.child import Child, ChildError
from benchmarks.contest import QUICK, THOROUGH, Effort, Timing
from benchmarks.distinct import distinct, operations
from benchmarks.floor import Rates, work
from benchmarks.goals import ONE_LAYER_SIZES, STUDY_SEEDS, goals
from benchmarks.results import CellResult
from benchmarks.setting import Setting
from capacity.corpora import corpus
from capacity.paper.protocol import SIZES, TASKS
from capacity.storage import json_files
from capacity.storage import provenance as storage_provenance
from capacity.storage.provenance import Provenance
from capacity.training.execution import Execution
from capacity.training.path import kernel_of

SEEDS = {"cpu": (1, 4, 16), "cuda": (1, 4, 16, 64, 256)}
STUDY = "study"
MODULES = {
    "ours": "benchmarks.ours",
    "torch": "benchmarks.ours",
    "baseline": "benchmarks.baseline",
    "jax": "benchmarks.jax_update",
}


def main() -> None:
    arguments = parse()
    effort = QUICK if arguments.quick else THOROUGH
    settings = [make_setting(arguments, size, task) for size in arguments.sizes for task in arguments.tasks]
    precisions = {"float32", *(setting.precision for setting in settings if setting.precision)}
    if arguments.device == "cuda":
        precisions.add("bfloat16")  # what a goal refers to
    with Child("benchmarks.machine", settings[0]) as machine:
        try:
            rates, device_name = machine.call("rates", sorted(precisions)), machine.call("device_name")
        except ChildError as error:
            sys.exit(str(error))
    print(describe(device_name, rates, arguments.threads), flush=True)

    results: list[CellResult] = []
    refused: dict[str, str] = {}
    for setting in settings:
        try:
            results.append(time_cell(setting, arguments.seeds, effort, rates, setting.name in arguments.full))
            print(f"\n{report.cells_table(results[-1:])}", flush=True)
        except ChildError as error:
            refused[setting.name] = str(error)
            print(f"\n{setting.name} is not timed: {error}", flush=True)
        verdicts = goals(results, arguments.device, rates)
        json_files.write_json(  # after every cell, for those that come may take long
            arguments.output,
            {
                "provenance": provenance(arguments, effort, device_name, rates),
                "cells": [report.cell_record(result) for result in results],
                "refused": refused,
                "goals": [asdict(goal) for goal in verdicts],
            },
        )
    print(f"\n{report.NOTES}\n\n{report.goals_table(verdicts)}\n\nEvery number: {arguments.output}")
    if refused:
        sys.exit(f"not timed: {', '.join(refused)}")


def provenance(arguments: argparse.Namespace, effort: Effort, device_name: str, rates: Rates) -> Provenance:
    """Of the training that was timed, and of the machine and the settings that it was timed with."""
    return storage_provenance.record(
        "train",
        vars(arguments) | {"output": str(arguments.output), "effort": asdict(effort)},
        machine={"device": device_name, "processors": os.cpu_count(), "rates": asdict(rates)},
        jax=metadata.version("jax") if importlib.util.find_spec("jax") else None,
    )


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line, with what was left open filled in."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each contestant (default: 1)")
    parser.add_argument("--sizes", nargs="+", choices=tuple(SIZES), help="default: all")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, help="default: all")
    parser.add_argument("--seeds", nargs="+", type=int, help="numbers of seeds of ours (default: 1 4 16, and to 256)")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), help="default: bfloat16 for mlt on CUDA")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, help="compile our updates")
    parser.add_argument(
        "--graph",
        action=argparse.BooleanOptionalAction,
        help="replay our updates as a captured graph (default on CUDA, but for mlt)",
    )
    parser.add_argument(
        "--full",
        nargs="+",
        metavar="CELL",
        help="make the full runs of these cells for real, such as n14-arithmetic; "
        f"{STUDY} is all nine with one layer (default: none, and on CUDA n14-arithmetic)",
    )
    parser.add_argument("--quick", action="store_true", help="a very small sample (default cell: n14-arithmetic)")
    parser.add_argument("--output", type=Path, help="JSON file (default: results/benchmarks/DEVICE.json)")
    arguments = parser.parse_args(words)

    arguments.sizes = arguments.sizes or (["n14"] if arguments.quick else list(SIZES))
    arguments.tasks = arguments.tasks or (["arithmetic"] if arguments.quick else list(TASKS))
    arguments.seeds = sorted({1, *(arguments.seeds or SEEDS[arguments.device])})  # one is what ratios refer to
    arguments.output = arguments.output or Path("results/benchmarks") / f"{arguments.device}.json"
    if arguments.full is None:
        arguments.full = ["n14-arithmetic"] if arguments.device == "cuda" and not arguments.quick else []
    cells = [f"{size}-{task}" for size in SIZES for task in TASKS]
    small = [f"{size}-{task}" for size in ONE_LAYER_SIZES for task in TASKS]
    arguments.full = [cell for name in arguments.full for cell in (small if name == STUDY else [name])]
    if unknown := set(arguments.full) - set(cells):
        parser.error(f"--full: {min(unknown)} is neither {STUDY} nor a cell, such as {cells[0]}")
    return arguments


def make_setting(arguments: argparse.Namespace, size: str, task: str) -> Setting:
    setting = Setting(
        size,
        task,
        device=arguments.device,
        threads=arguments.threads,
        precision=arguments.precision,
        compile=arguments.compile,
        graph=arguments.graph,
    )
    if arguments.device == "cuda" and setting.is_large and arguments.precision is None:
        return replace(setting, precision="bfloat16")  # whose matrix rate the goal refers to
    if arguments.device == "cuda" and not setting.is_large and arguments.graph is None:
        return replace(setting, graph=True)  # what it is meant for
    return setting


def describe(device_name: str, rates: Rates, threads: int) -> str:
    products = ", ".join(f"{rate / 1e9:.0f} GFLOP/s in {name}" for name, rate in rates.operations.items())
    return f"{device_name}, {threads} CPU threads: {products}, {rates.bytes_moved / 1e9:.1f} GB/s copied"


def time_cell(setting: Setting, seeds: Sequence[int], effort: Effort, rates: Rates, full: bool) -> CellResult:
    """Everything about one cell. Raises ChildError if the contestants do not compute the same thing."""
    with Child("benchmarks.check", setting) as child:
        differences = child.call("differences")
    seeds = seeds[:1] if setting.is_large else seeds
    on_cpu = setting.device == "cpu"
    timings = [Timing("ours", number, is_evaluated=not on_cpu or number == 1) for number in seeds]
    if kernel_of(setting.cell, setting.device, Execution()) == "numba":
        timings.append(Timing("torch", 1, is_evaluated=False))
    timings += [Timing("baseline", 1), Timing("jax", 1, is_evaluated=False)]
    with ExitStack() as stack:
        pairs = []
        for timing in timings:
            if timing.contestant == "jax" and importlib.util.find_spec("jax") is None:
                timing.failure = "JAX is not installed; pip install --no-deps -r envs/requirements-benchmark.txt"
                continue
            kernel = "torch" if timing.contestant == "torch" else setting.kernel
            told = replace(setting, seeds=timing.seeds, kernel=kernel)
            child = stack.enter_context(Child(MODULES[timing.contestant], told))
            contest.start(timing, child, effort)
            pairs.append((timing, child))
        execution = pairs[0][1].call("settings")
        contest.take_turns(pairs, effort)
    for _ in range(effort.starts - 1):
        with Child("benchmarks.ours", setting) as child:
            child.call("update", 1)
            timings[0].start_seconds.append(child.seconds_since_start)
    if full:
        run_for_real(setting, timings)

    vocabulary = len(corpus.vocabulary(corpus.build(setting.cell)))
    precision = execution["precision"]
    least = work(setting.cell, vocabulary, precision)
    computed = operations(setting.cell, vocabulary, distinct(setting.cell)) if setting.cell.dropout == 0.0 else None
    return CellResult(setting, execution, least, computed, rates.seconds(least, precision), differences, timings)


def run_for_real(setting: Setting, timings: Sequence[Timing]) -> None:
    """A full run of ours, from the start of its process: of one seed on a CPU, of a study's seeds on a GPU."""
    ours = {timing.seeds: timing for timing in timings if timing.contestant == "ours"}
    timing = ours.get(STUDY_SEEDS if setting.device == "cuda" else 1, ours[1])
    with Child("benchmarks.ours", replace(setting, seeds=timing.seeds)) as child:
        child.call("full_run")
        timing.full_seconds = child.seconds_since_start


if __name__ == "__main__":
    main()
