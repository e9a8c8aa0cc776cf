"""TODO findings.words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from capacity.claims.evidence import Property
from capacity.findings.arms import Arm
from capacity.statistics import intervals
from capacity.tables import markdown


def _noun(count: int, noun: str) -> str:
    """``1 run``, ``2 runs``."""
    return f"{count} {noun}" + "s" * (count != 1)


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(markdown.table(heading, rows))


def _labels(rows: pd.DataFrame) -> list[str]:
    """``arithmetic n14``, with the variant unless it is the base."""
    return [
        f"{row['task']} {row['size']}" + (f" {row['variant']}" if row["variant"] != "base" else "")
        for row in rows.to_dict("records")
    ]


def _studies(found: Iterable[Arm]) -> list[str]:
    return list(dict.fromkeys(arm.study for arm in found))


def _share(arm: Arm, wanted: Property) -> str:
    return _counted(arm.count(wanted), arm.n)


def _counted(count: int, total: int) -> str:
    """``3 of 10 [0.067, 0.652]``, with the exact 95 % interval (Clopper-Pearson); a dash of none."""
    if not total:
        return "-"
    low, high = intervals.clopper_pearson(count, total)
    return f"{count} of {total} [{low:.3f}, {high:.3f}]"


def _range(numbers: pd.Series, signed: bool = False) -> str:
    """``720``, or ``720 to 1,500`` where they differ; a dash where there are none."""
    known = numbers.dropna()
    sign = "+" if signed else ""
    ends = dict.fromkeys(f"{int(each):{sign},}" if each else "0" for each in (known.min(), known.max()) if len(known))
    return " to ".join(ends) or "-"
