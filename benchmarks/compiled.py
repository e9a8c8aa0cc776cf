"""Measure what concerns the compiled network alone, and say which goals are met.

The first call with an empty and with a warm cache, two jobs side by side, a stream that is reshuffled, what the same
bytes on every machine cost, the yardstick of small training programs, and networks with more layers, heads and features
beside torch.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks import contest, goals, report, yardstick
from benchmarks.child import Child
from benchmarks.contest import QUICK, THOROUGH, Effort, Timing
from benchmarks.goals import ONE_LAYER_SIZES, Goal, Named
from benchmarks.measure import Summary, processor_name, ratios, summarise
from benchmarks.setting import Setting
from capacity.paper.protocol import TASKS
from capacity.storage import json_files, provenance

OURS, FREE, YARDSTICK = "benchmarks.ours", "benchmarks.contraction", "benchmarks.yardstick"
CELLS = [(size, task) for size in ONE_LAYER_SIZES for task in TASKS]
COMPARED_CELLS = (("n14", "arithmetic"), ("n56", "arithmetic"), ("n28", "facts"), ("n56", "joint"))
SMALL_BATCH = (("batch", 64),)
DEEP_SIZES = (
    *("l2h1d28m1", "l2h4d28m4", "l4h2d56m1", "l2h4d56m4", "l3h3d48m4"),
    *("l6h1d96m1", "l6h2d96m1", "l6h1d96m4", "l6h6d96m4", "l4h4d96m2"),
)
"""Of two to six layers and a width of 28 to 96: what a goal refers to."""
OTHER_SIZES = ("l1h1d96m1", "l1h4d96m4", "l1h1d192m1", "l1h1d192m4", "l6h2d192m1", "l6h6d192m4", "l1h1d384m1", "mlt")
"""In which torch's matrix products become the faster ones."""
PARTS = ("start", "side-by-side", "stream", "contraction", "yardstick", "deep", "wide")


@dataclass(frozen=True)
class Ratio:
    """What one contestant takes over what another one takes in the same rounds.

    Attributes:
        name: of what is compared.
        seconds: of one update, of the first.
        other_seconds: of the other.
        ratio: round by round.
    """

    name: str
    seconds: Summary
    other_seconds: Summary
    ratio: Summary


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compiled", description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all")
    parser.add_argument("--quick", action="store_true", help="a very small sample")
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks/compiled.json"), help="JSON file")
    arguments = parser.parse_args()
    effort = QUICK if arguments.quick else replace(THOROUGH, block_seconds=0.7, budget_seconds=20.0)
    effort = replace(effort, evaluations=0, updates_before_evaluation=0)

    measured: dict[str, object] = {}
    verdicts: list[Goal] = []
    for part in arguments.parts:
        measured[part], its_verdicts = MEASURES[part](effort)
        verdicts.extend(its_verdicts)
        json_files.write_json(  # after every part, for those that come may take long
            arguments.output,
            {
                "provenance": provenance.record(
                    "train",
                    {"parts": list(arguments.parts), "effort": asdict(effort)},
                    machine={"device": processor_name(), "processors": os.cpu_count()},
                ),
                "parts": measured,
                "goals": [asdict(goal) for goal in verdicts],
            },
        )
    print(f"\n{report.goals_table(verdicts)}\n\nEvery number: {arguments.output}")


Measured = tuple[object, list[Goal]]
"""The numbers of a part, as JSON values, and its goals."""


def starts(effort: Effort) -> Measured:
    """The first call of the compiled update in a process, and from the start of the process to its end."""
    records = []
    for size, task in (("n14", "arithmetic"), ("n56", "joint"), ("l4h4d28m4", "arithmetic")):
        with tempfile.TemporaryDirectory() as folder, _environment(NUMBA_CACHE_DIR=folder):
            for cache in ("cold", *["warm"] * effort.starts):
                with Child(OURS, Setting(size, task)) as child:
                    first = child.call("update", 1)
                    start = child.seconds_since_start
                    memory = child.call("peak_bytes")
                name = f"{size}-{task}, {cache}"
                records.append({"name": name, "first_call": first.seconds, "start": start, "bytes": memory})
    print(_table(("first call", "s", "start s", "MB"), [
        (each["name"], f"{each['first_call']:.2f}", f"{each['start']:.2f}", f"{each['bytes'] / 1e6:.0f}")
        for each in records
    ]))  # fmt: skip

    def named(cache: str, key: str) -> list[Named]:
        return [(each["name"], each[key]) for each in records if each["name"].endswith(cache)]

    return records, [
        goals.at_most("first call, cold cache, s", 20.0, named("cold", "first_call")),
        goals.at_most("first call, warm cache, s", 1.0, named("warm", "first_call")),
        goals.at_most("start to first update, warm cache, s", 1.5, named("warm", "start")),
    ]


def side_by_side(effort: Effort) -> Measured:
    """Two jobs on two processors: how many updates they make together, for one that a job makes alone."""
    gains: list[Named] = []
    if len(os.sched_getaffinity(0)) < 2:
        return [], [goals.at_least("two jobs, of one job's updates", 1.9, gains)]
    records = []
    for size, task in CELLS:
        setting = Setting(size, task)
        with Child(OURS, setting) as one, Child(OURS, replace(setting, first_processor=1)) as other:
            timing = Timing("ours", 1)
            contest.start(timing, one, effort)
            other.call("update", timing.block)
            rounds = []
            with ThreadPoolExecutor(2) as pool:
                for _ in range(effort.rounds):
                    alone = one.call("update", timing.block, 1).seconds
                    asked = [pool.submit(child.call, "update", timing.block, 1) for child in (one, other)]
                    rounds.append(alone * sum(1.0 / each.result().seconds for each in asked))
        gain = summarise(rounds)
        records.append({"name": setting.name, "gain": asdict(gain)})
        gains.append((setting.name, gain.median))
    print(_table(("two jobs", "of one's updates"), [(name, f"{gain:.2f}") for name, gain in gains]))
    return records, [goals.at_least("two jobs, of one job's updates", 1.9, gains)]


def reshuffled(effort: Effort) -> Measured:
    """A stream whose lines are reshuffled for every batch, beside the fixed one."""
    compared = []
    for size, task in CELLS:
        fixed = Setting(size, task)
        compared.append(_compare((OURS, replace(fixed, axes=(("stream", "reshuffled"),))), (OURS, fixed), effort))
    print(_ratios_table("reshuffled stream", compared))
    return _records(compared), [goals.at_most("reshuffled stream, of the fixed one", 1.3, _medians(compared))]


def exactness(effort: Effort) -> Measured:
    """The same bytes everywhere, beside a compiler that may fuse products and sums."""
    compared = []
    for size, task in COMPARED_CELLS:
        setting = Setting(size, task)
        compared.append(_compare((OURS, setting), (FREE, setting), effort))
    print(_ratios_table("exact bytes, beside free contraction", compared))
    return _records(compared), [goals.at_most("exact bytes, of free contraction", 1.1, _medians(compared))]


def small_program(effort: Effort) -> Measured:
    """The yardstick: microseconds of an update."""
    timing = Timing("yardstick", 1, is_evaluated=False)
    with Child(YARDSTICK, Setting("n14", "arithmetic")) as child:
        contest.start(timing, child, effort)
        contest.take_turns([(timing, child)], effort)
        parameters = child.call("parameters")
    update = summarise(timing.update_seconds)
    print(
        f"\n{parameters:,} parameters, {yardstick.ROWS} names: {1e6 * update.median:.1f} microseconds an update "
        f"({1e6 * update.lower:.1f} to {1e6 * update.upper:.1f})"
    )
    return {"parameters": parameters, "rows": yardstick.ROWS, "update": asdict(update)}, []


def deep(effort: Effort) -> Measured:
    """Two to six layers, beside torch: arithmetic and both tasks, with the paper's batch and a small one."""
    compared = _beside_torch(DEEP_SIZES, effort)
    return _records(compared), [
        goals.at_most("two to six layers of width 28 to 96, of torch's", 0.5, _medians(compared)),
    ]


def wide(effort: Effort) -> Measured:
    """Sizes in which torch's matrix products become the faster ones."""
    return _records(_beside_torch(OTHER_SIZES, effort)), []


MEASURES = {
    "start": starts,
    "side-by-side": side_by_side,
    "stream": reshuffled,
    "contraction": exactness,
    "yardstick": small_program,
    "deep": deep,
    "wide": wide,
}


def _beside_torch(sizes: Sequence[str], effort: Effort) -> list[Ratio]:
    compared = []
    for size in sizes:
        for task in ("arithmetic", "joint"):
            for axes in (SMALL_BATCH, ()):
                if size == "mlt" and not axes:
                    continue  # minutes for a few updates, and the answer is clear from the small batch
                ours = Setting(size, task, kernel="numba", axes=(*axes, ("dropout", 0.0)))
                compared.append(_compare((OURS, ours), (OURS, replace(ours, kernel="torch")), effort))
    print(_ratios_table("beside torch", compared))
    return compared


def _compare(one: tuple[str, Setting], other: tuple[str, Setting], effort: Effort) -> Ratio:
    """Two contestants, each a module and what it is told, that take turns."""
    name = one[1].name
    timings = contest.race({name: one, f"{name}, the other": other}, effort)
    samples = [timing.update_seconds for timing in timings.values()]
    compared = Ratio(name, summarise(samples[0]), summarise(samples[1]), ratios(*samples))
    print(f"{compared.name}: {compared.ratio.median:.2f}", flush=True)
    return compared


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Variables of the environment for the processes that are started in the meantime."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _medians(compared: Sequence[Ratio]) -> list[Named]:
    return [(each.name, each.ratio.median) for each in compared]


def _records(compared: Sequence[Ratio]) -> list[Mapping[str, object]]:
    return [asdict(each) for each in compared]


def _ratios_table(heading: str, compared: Sequence[Ratio]) -> str:
    rows = [
        (each.name, f"{1e3 * each.seconds.median:.3f}", f"{1e3 * each.other_seconds.median:.3f}",
         f"{each.ratio.median:.2f}", f"{each.ratio.lower:.2f}-{each.ratio.upper:.2f}")
        for each in compared
    ]  # fmt: skip
    return _table((heading, "ms per update", "the other's", "ratio", "quartiles"), rows)


def _table(heading: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    return "\n" + report.aligned([heading, *rows], words=1)


if __name__ == "__main__":
    main()
