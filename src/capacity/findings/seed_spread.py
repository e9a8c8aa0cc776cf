"""The section on seed spread: what different seeds of one cell answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from capacity.claims.properties import ALL_RIGHT, SEEN_FITTED, Property
from capacity.claims.single_cells import EXPECTED
from capacity.experiment.cell import parse_cell
from capacity.findings.arms import TabulatedArm, studies_of
from capacity.findings.prose import Values, table
from capacity.paper import protocol
from capacity.tables import markdown, runs
from capacity.tasks.arithmetic import arithmetic_lines


def seed_spread(arms: Sequence[TabulatedArm], notes: markdown.Notes) -> Values:
    """Count how many held-out expressions the seeds of each arithmetic cell answer, and what one seed would show."""
    mine = [arm for arm in arms if arm.task == "arithmetic"]
    most = max((_asked(arm) for arm in mine), default=0)
    rows = []
    for arm in mine:
        ended = arm.runs[~arm.runs["diverged"].astype(bool)]
        right = (ended["final_held_out"] * _asked(arm)).round()
        own = arm.runs[arm.runs["seed"] == protocol.PAPER_SEED]
        rows.append(
            (
                arm.variant,
                arm.marked_size,
                arm.run_count,
                *(str(int((right == count).sum())) for count in range(most + 1)),
                arm.mean("final_held_out"),
                arm.share(ALL_RIGHT),
                arm.share(SEEN_FITTED),
                _of_seed(own, _asked(arm)),
                notes.mark(arm.departs),
            )
        )
    heading = (
        *("arm", "size", "runs", *(f"{count} right" for count in range(most + 1))),
        *("share right, mean", "all right", "seen fitted", f"seed {protocol.PAPER_SEED}", "departs"),
    )
    base = {arm.size: arm for arm in mine if arm.variant == "base"}
    expected = {each.size: each for name in ("C1", "C2") for each in EXPECTED[name]}
    wanted = {size: each.wanted for size, each in expected.items()}
    single = [
        {
            "size": base[size].marked_size,
            "words": wanted[size].description,
            "n": base[size].n,
            "shown": base[size].share(wanted[size]),
            "by_the_rule": base[size].share(compared) if (compared := expected[size].compared) else "-",
            "paper_seed": _paper_seed_has(base[size], wanted[size]),
        }
        for size in wanted
        if size in base
    ]
    small = [base[size] for size in wanted if size in base and size != protocol.MLT.name]
    return {
        "table": table(heading, rows),
        "asked": most,
        "fitted": runs.OUTCOMES["fits_arithmetic"][1],
        "studies": studies_of(mine),
        "single": single,
        "pattern": _pattern(small, wanted),
    }


def _asked(arm: TabulatedArm) -> int:
    """Count the held-out expressions of an arithmetic cell."""
    cell = parse_cell(str(arm.summary["cell"]))
    return sum(
        line.split == "held_out" for line in arithmetic_lines(cell.held_out, largest_operand=cell.largest_operand)
    )


def _of_seed(run: pd.DataFrame, asked: int) -> str:
    """Say how many of the held-out expressions the run of one seed answers."""
    if not len(run):
        return "not run"
    if run["diverged"].iloc[0]:
        return "diverged"
    return f"{round(run['final_held_out'].iloc[0] * asked)} of {asked}"


def _paper_seed_has(arm: TabulatedArm, wanted: Property) -> bool | None:
    """Tell whether the run of the paper's seed has a property; None if there is no such run."""
    own = arm.runs["seed"] == protocol.PAPER_SEED
    return bool(wanted.of(arm.runs)[own].any()) if own.any() else None


def _pattern(cells: Sequence[TabulatedArm], wanted: Mapping[str, Property]) -> Values | None:
    """Count the seeds, of those that several sizes share, in which all sizes do as the paper says.

    None for fewer than two sizes.
    """
    if len(cells) < 2:
        return None
    shared = set.intersection(*(set(arm.runs["seed"]) for arm in cells))
    holding = [set(arm.runs["seed"][wanted[arm.size].of(arm.runs)]) for arm in cells]
    count = len(shared.intersection(*holding))
    return {
        "sizes": [arm.marked_size for arm in cells],
        "n": len(shared),
        "shown": markdown.count_with_interval(count, len(shared)),
    }
