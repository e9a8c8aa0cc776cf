"""MLT on a CPU: updates in bfloat16 beside float32 and the plain program, and whether both learn alike.

The first part lets our training take turns in both precisions with the plain program, with small batches and one and
two threads, and in float32 with the paper's batch on one. The second part, ``--curves``, trains several seeds in both
for some hundred updates, and prints the losses.
"""

from __future__ import annotations

import argparse
import os
import statistics
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks import contest, goals, report
from benchmarks.child import confine
from benchmarks.contest import QUICK, THOROUGH, Effort
from benchmarks.goals import Named
from benchmarks.measure import processor_name, ratios, summarise
from benchmarks.ours import execution
from benchmarks.setting import Setting
from capacity.storage import json_files, provenance

SETTING = Setting("mlt", "arithmetic", axes=(("batch", 64),))
WITHOUT_DROPOUT = replace(SETTING, axes=(*SETTING.axes, ("dropout", 0.0)))
WHOLE_BATCH = Setting("mlt", "arithmetic")
PRECISIONS = ("float32", "bfloat16")
MODULES = {"float32": "benchmarks.ours", "bfloat16": "benchmarks.ours", "baseline": "benchmarks.baseline"}
CURVE = Setting("mlt", "arithmetic", threads=2, axes=(("batch", 64), ("dropout", 0.0), ("learning_rate", 1e-3)))
STEP = 50


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precision", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a very small sample")
    parser.add_argument("--curves", action="store_true", help="the second part instead of the first")
    parser.add_argument("--seeds", type=int, default=3, help="of the second part (default: 3)")
    parser.add_argument("--updates", type=int, default=500, help="of the second part (default: 500)")
    parser.add_argument("--threads", type=int, default=2, help="of the second part (default: 2)")
    parser.add_argument("--output", type=Path, help="JSON file (default: results/benchmarks/precision[-curves].json)")
    arguments = parser.parse_args()
    name = "precision-curves" if arguments.curves else "precision"
    output = arguments.output or Path(f"results/benchmarks/{name}.json")
    effort = QUICK if arguments.quick else replace(THOROUGH, rounds=5, budget_seconds=120.0)
    effort = replace(effort, evaluations=0, updates_before_evaluation=0)
    if arguments.curves:
        setting = replace(CURVE, threads=arguments.threads)
        measured: object = curves(setting, arguments.seeds, arguments.updates)
    else:
        measured = speeds(effort)
    machine = {"device": processor_name(), "processors": os.cpu_count()}
    record = provenance.record("train", vars(arguments) | {"output": str(output)}, machine=machine)
    json_files.write_json(output, {"provenance": record, name: measured})
    print(f"\nEvery number: {output}")


def speeds(effort: Effort) -> list[dict[str, object]]:
    """Seconds of an update in each precision and of the plain program's, and what is wanted of them."""
    records: list[dict[str, object]] = []
    gains: list[Named] = []
    plain: list[Named] = []
    for setting, contestants in (
        (SETTING, ("float32", "bfloat16", "baseline")),
        (replace(SETTING, threads=2), ("float32", "bfloat16", "baseline")),
        (WITHOUT_DROPOUT, PRECISIONS),
        (replace(WITHOUT_DROPOUT, threads=2), PRECISIONS),
        (WHOLE_BATCH, ("float32", "baseline")),
    ):
        name = f"{setting.name}, {setting.threads} threads"
        told = {
            each: (MODULES[each], replace(setting, precision="bfloat16" if each == "bfloat16" else "float32"))
            for each in contestants
        }
        seconds = {each: timing.update_seconds for each, timing in contest.race(told, effort).items()}
        for each, values in seconds.items():
            update = summarise(values)
            print(f"{name}, {each}: {update.median:.3f} s per update, {1 / update.median:.2f} updates per second")
            records.append({"name": name, "contestant": each, "update": asdict(update)})
        if "bfloat16" in seconds:
            gains.append((name, ratios(seconds["float32"], seconds["bfloat16"]).median))
        if "baseline" in seconds:
            plain.append((name, ratios(seconds["float32"], seconds["baseline"]).median))
    verdicts = [
        goals.at_least("updates in bfloat16, of those in float32", 1.8, gains),
        goals.at_most("update with dropout, of the plain program's", 0.9, plain),
    ]
    print(f"\n{report.goals_table(verdicts)}")
    return [*records, *(asdict(goal) for goal in verdicts)]


def curves(setting: Setting, seeds: int, updates: int) -> list[dict[str, object]]:
    """Mean training losses of each :data:`STEP` updates, in both precisions, for some seeds."""
    confine(setting)
    records: list[dict[str, object]] = []
    for seed in range(seeds):
        for precision in PRECISIONS:
            losses = curve(replace(setting, precision=precision), seed, updates)
            records.append({"seed": seed, "precision": precision, "losses": losses})
            print(f"seed {seed}, {precision:8}: {' '.join(f'{loss:.3f}' for loss in losses)}", flush=True)
    rows = []
    for number in range(updates // STEP):
        means = {
            precision: statistics.mean(
                each["losses"][number]  # type: ignore[index]
                for each in records
                if each["precision"] == precision
            )
            for precision in PRECISIONS
        }
        rows.append((str(STEP * (number + 1)), *(f"{means[precision]:.4f}" for precision in PRECISIONS)))
    print("\n" + report.aligned([("mean loss of the updates up to", *PRECISIONS), *rows], words=1))
    return records


def curve(setting: Setting, seed: int, updates: int) -> list[float]:
    """Mean losses of one run, in nats."""
    from capacity.corpora import corpus
    from capacity.training.path import training_of

    cell = setting.cell
    training = training_of(cell, corpus.build(cell), [seed], "cpu", execution(setting))
    losses = []
    for iteration in range(updates):
        training.update(iteration)
        if (iteration + 1) % STEP == 0:
            losses.append(float(training.take_sums()[0]) / STEP)
    return losses


if __name__ == "__main__":
    main()
