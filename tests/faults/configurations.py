"""A campaign of random configurations: none hangs, none ends in a traceback, none is accepted and then refused.

``python -m tests.faults.configurations --count 3000 --seed 1`` from the root of the repository. It prints how many were
accepted and refused, the longest time and the most memory, and each configuration that broke a promise by its number,
of which ``--only NUMBER`` prints the text.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from rich.progress import track

from tests.support.random_configurations import Outcome, judge, make_text

PROMISED = ("accepted", "refused")


def campaign(seed: int, numbers: range, quiet: bool = True) -> tuple[dict[str, Any], dict[int, Outcome]]:
    """Judge the configurations with some numbers.

    Returns the counts, with the longest refusal in seconds and the peak memory of the process in MB, and the outcomes
    that broke a promise, by number.
    """
    kinds: Counter[str] = Counter()
    broken: dict[int, Outcome] = {}
    slowest, cells = 0.0, 0
    for number in track(numbers, "configurations", disable=quiet):
        with tempfile.TemporaryDirectory() as folder:
            outcome = judge(*make_text(seed, number), Path(folder))
        kinds[outcome.kind] += 1
        cells += outcome.cells
        if outcome.kind not in PROMISED:
            broken[number] = outcome
        if outcome.kind == "refused":
            slowest = max(slowest, outcome.seconds)
    counts: dict[str, Any] = {"configurations": len(numbers), **kinds, "cells accepted": cells}
    counts["seconds of the slowest refusal"] = round(slowest, 2)
    counts["peak memory in MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000
    return counts, broken


def main() -> None:
    """Run a campaign, or print one configuration. The exit code is 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.configurations", description=__doc__)
    parser.add_argument("--count", type=int, default=3000, help="how many configurations")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes others")
    parser.add_argument("--only", type=int, help="print the text of the configuration with this number, and judge it")
    arguments = parser.parse_args()
    if arguments.only is not None:
        text, suffix = make_text(arguments.seed, arguments.only)
        print(text.encode("utf-8", "backslashreplace").decode())
        with tempfile.TemporaryDirectory() as folder:
            print(judge(text, suffix, Path(folder)))
        return
    counts, broken = campaign(arguments.seed, range(arguments.count), quiet=not sys.stderr.isatty())
    print(json.dumps(counts, indent=1))
    for number, outcome in broken.items():
        print(f"number {number}: {outcome.kind}: {outcome.said:.300}")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
