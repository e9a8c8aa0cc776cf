"""TODO findings.spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from capacity.claims.evidence import Property, supports
from capacity.claims.properties import ALL_RIGHT
from capacity.claims.single_cells import EXPECTED
from capacity.experiment.plan import EXPRESSION_TASKS, cell_of
from capacity.findings.arms import FITTED, Arm, Values
from capacity.findings.words import _counted, _range, _share, _studies, _table
from capacity.paper import protocol
from capacity.tables import markdown, runs
from capacity.tasks.arithmetic import arithmetic_lines


def seed_spread(found: Sequence[Arm], notes: markdown.Notes) -> Values:
    """How many held-out expressions the seeds of each arithmetic cell answer, and what one seed would have shown."""
    mine = [arm for arm in found if arm.task == "arithmetic"]
    most = max((_asked(arm) for arm in mine), default=0)
    rows = []
    for arm in mine:
        ended = arm.runs[~arm.runs["diverged"].astype(bool)]
        right = (ended["final_held_out"] * _asked(arm)).round()
        own = arm.runs[arm.runs["seed"] == protocol.PAPER_SEED]
        rows.append(
            (
                arm.name,
                arm.label,
                arm.shown_runs,
                *(str(int((right == count).sum())) for count in range(most + 1)),
                arm.mean("final_held_out"),
                _share(arm, ALL_RIGHT),
                _share(arm, FITTED),
                _of_seed(own, _asked(arm)),
                notes.mark(arm.departs),
            )
        )
    heading = (
        *("arm", "size", "runs", *(f"{count} right" for count in range(most + 1))),
        *("share right, mean", "all right", "seen fitted", f"seed {protocol.PAPER_SEED}", "departs"),
    )
    base = {arm.size: arm for arm in mine if arm.name == "base"}
    expected = {each.size: each for name in ("C1", "C2") for each in EXPECTED[name]}
    wanted = {size: each.wanted for size, each in expected.items()}
    single = [
        {
            "size": base[size].label,
            "words": wanted[size].words,
            "n": base[size].n,
            "shown": _share(base[size], wanted[size]),
            "by_the_rule": _share(base[size], beside) if (beside := expected[size].beside) else "-",
            "paper_seed": _paper_seed_has(base[size], wanted[size]),
        }
        for size in wanted
        if size in base
    ]
    small = [base[size] for size in wanted if size in base and size != protocol.MLT.name]
    return {
        "table": _table(heading, rows),
        "asked": most,
        "fitted": runs.OUTCOMES["fits_arithmetic"][1],
        "studies": _studies(mine),
        "single": single,
        "pattern": _pattern(small, wanted),
    }


def _asked(arm: Arm) -> int:
    """How many held-out expressions an arithmetic cell has."""
    cell = cell_of(str(arm.summary["cell"]))
    return sum(line.split == "held_out" for line in arithmetic_lines(cell.held_out))


def _of_seed(run: pd.DataFrame, asked: int) -> str:
    if not len(run):
        return "not run"
    if run["diverged"].iloc[0]:
        return "diverged"
    return f"{round(run['final_held_out'].iloc[0] * asked)} of {asked}"


def _paper_seed_has(arm: Arm, wanted: Property) -> bool | None:
    """Whether the run of the paper's seed has a property; None where there is none."""
    own = arm.runs["seed"] == protocol.PAPER_SEED
    return bool(supports(arm.runs, wanted)[own].any()) if own.any() else None


def _pattern(cells: Sequence[Arm], wanted: Mapping[str, Property]) -> Values | None:
    """In how many seeds that several sizes share all of them do at once as the paper says; None for fewer than two."""
    if len(cells) < 2:
        return None
    shared = set.intersection(*(set(arm.runs["seed"]) for arm in cells))
    holding = [set(arm.runs["seed"][supports(arm.runs, wanted[arm.size])]) for arm in cells]
    count = len(shared.intersection(*holding))
    return {"sizes": [arm.label for arm in cells], "n": len(shared), "shown": _counted(count, len(shared))}


def transient_generalization(found: Sequence[Arm], notes: markdown.Notes) -> Values:
    """Which runs answer all held-out expressions at some evaluation, and which still do at the end."""
    mine = [arm for arm in found if arm.task in EXPRESSION_TASKS]
    rows = []
    totals: dict[tuple[str, str], dict[str, int]] = {}
    for arm in mine:
        ever = arm.dynamics["generalizes_ever"].fillna(False).astype(bool)
        final = arm.dynamics["generalizes_final"].fillna(False).astype(bool)
        lost = arm.dynamics["t_lose"].notna()
        flags = {"ever": ever, "final": final, "transient": ever & ~final, "lost": lost}
        counts = {"n": arm.n} | {name: int(flag.sum()) for name, flag in flags.items()}
        total = totals.setdefault((arm.task, arm.name), dict.fromkeys(counts, 0))
        for name, count in counts.items():
            total[name] += count
        kept = arm.dynamics["kept_share"].dropna()
        rows.append(
            (
                arm.task,
                arm.name,
                arm.label,
                arm.shown_runs,
                _counted(counts["ever"], arm.n),
                _counted(counts["final"], arm.n),
                str(counts["transient"]),
                _range(arm.dynamics["t_gen"]),
                f"{counts['lost']} of {counts['ever']}" if counts["ever"] else "-",
                _range(arm.dynamics["t_lose"]),
                "-" if kept.empty else f"{kept.mean():.0%}",
                f"{arm.summary['evaluation_interval']:,}",
                notes.mark(arm.departs),
            )
        )
    heading = (
        *("task", "arm", "size", "runs", "all right, ever", "all right, final", "ever and not final"),
        *("first right at update", "lost again", "first lost at update", "later evaluations right, mean"),
        *("looked at every", "departs"),
    )
    return {"table": _table(heading, rows), "totals": totals, "studies": _studies(mine)}
