"""The rule ``rate-or-size``: whether a large network fails to generalize for its size or for its learning rate.

Networks are compared that were trained by one recipe but for size and learning rate, each size at the learning rate
that fits the seen expressions best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from capacity.dictionary.study_measures import MEASURES
from capacity.experiment import axes
from capacity.experiment.cell import Cell, parse_cell
from capacity.statistics.shares import Majority, fewest_changes, further_runs, majority
from capacity.studies.answer import (
    CANNOT_BE_TOLD,
    DIFFERS,
    Answer,
    Draws,
    StudyTables,
    Table,
    Value,
    capitalized,
    not_run,
    sentence_of,
)
from capacity.studies.groups import count_words, label, share_of
from capacity.studies.rates import CHOSEN_BY, chosen_rate
from capacity.tables.measured import rows_with

RATE, SIZE = "it is the learning rate", "it is the size"
RULE = (
    f"For each recipe, every size is taken at the learning rate with {CHOSEN_BY}; held-out expressions choose nothing. "
    "It is the learning rate if most runs of the large network then have all held-out expressions right (the exact "
    "95 % interval of the share lies above one half). It is the size if most have not (the interval lies below it) "
    "although most fit the seen expressions, and most runs of a smaller network of the same recipe have all held-out "
    "expressions right. Else it cannot be told. The primary recipe decides, if one is named; else recipes that decide "
    "have to agree."
)

OF_AN_ARM = ("size", *axes.SHAPE, "parameters", "learning_rate", *axes.FOLLOWERS["learning_rate"])
"""The axes that tell the arms of a recipe apart."""

_EXACT = ("low", "high")
_ARMS = (
    *("recipe", "size", "learning rate", "chosen", "runs", "diverged", "fit the seen", "all right"),
    *("share", *_EXACT, "all right of those that fit", "share of those", *(f"{end} of those" for end in _EXACT)),
    *(
        "right at an evaluation and not at the end",
        "seen",
        "held out",
        "loss",
        "floor, order unknown",
        "floor, order known",
    ),
)
_OVER_TIME = ("recipe", "size", "learning rate", "iteration", "runs", "seen", "held out", "all right")


@dataclass(frozen=True, eq=False)
class Arm:
    """The runs of one size and learning rate within a recipe.

    Attributes:
        recipe: in words.
        size, rate: of the network.
        is_chosen: whether the rate is the one that fits the seen expressions best.
        runs: one row per run.
    """

    recipe: str
    size: str
    rate: float
    is_chosen: bool
    runs: pd.DataFrame

    @property
    def right(self) -> pd.Series:
        """Whether each run has all held-out expressions right."""
        return self.runs["generalizes"].fillna(False).astype(bool)

    @property
    def fits(self) -> pd.Series:
        """Whether each run fits the seen expressions."""
        return self.runs["fits_arithmetic"].fillna(False).astype(bool)

    def decided(self, flags: pd.Series) -> Majority:
        """Decide whether most runs have a property."""
        return majority(int(flags.sum()), len(flags))


def answer(settings: Mapping[str, Any], tables: StudyTables, draws: Draws) -> Answer:
    """Return the answer of the rule: the learning rate, the size, or that it cannot be told."""
    large = settings["large"]
    runs = rows_with(MEASURES["all-right"], tables.runs)
    recipes = _recipes(runs)
    arms = [arm for recipe, rows in recipes.items() for arm in _arms(recipe, rows)]
    with_large = list(dict.fromkeys(arm.recipe for arm in arms if arm.size == large))
    if not with_large:
        return not_run(RULE, [f"{large} on arithmetic"])
    parts, outcomes, missing = [], [], []
    for recipe in with_large:
        chosen = {arm.size: arm for arm in arms if arm.recipe == recipe and arm.is_chosen}
        smaller = [arm for arm in chosen.values() if _parameters(arm) < _parameters(chosen[large])]
        outcome = _outcome(chosen[large], smaller)
        outcomes.append(outcome)
        if not smaller:
            missing.append(f"a smaller size with the recipe of {large}" + (f" ({recipe})" if recipe else ""))
        parts.append((recipe, f"{outcome} ({_words(chosen[large], arms)}{_smaller_words(smaller)})"))
    primary = _primary(recipes, with_large, settings.get("primary", {}))
    if primary == []:
        return not_run(RULE, [f"{large} with {label(settings['primary'])}"])
    whole, said = _whole(dict(zip(with_large, outcomes, strict=True)), primary)
    lost = _lost(arms, large, recipes, primary)
    rows = tuple(_row(arm, tables.dynamics) for arm in arms)
    return Answer(
        whole,
        f"Does {large} fail for its size or for its learning rate? {said}{sentence_of(parts)}{lost}",
        RULE,
        _change(large, [arm for arm in arms if arm.size == large and arm.is_chosen]),
        len(runs),
        int(runs["diverged"].sum()),
        (
            Table("Every arm", _ARMS, rows),
            Table("Seen beside held-out at every evaluation", _OVER_TIME, tuple(_over_time(arms, tables.history))),
        ),
        tuple(missing),
    )


def _primary(
    recipes: Mapping[str, pd.DataFrame], with_large: Sequence[str], named: Mapping[str, Any]
) -> list[str] | None:
    """Return the recipes of the large network that have the values named; None if none are named."""
    if not named:
        return None
    return [
        recipe for recipe in with_large if all((recipes[recipe][axis] == value).all() for axis, value in named.items())
    ]


def _whole(outcomes: Mapping[str, str], primary: Sequence[str] | None) -> tuple[str, str]:
    """Return the outcome of several recipes together, and what is said of it before each is."""
    counted = {recipe: each for recipe, each in outcomes.items() if primary is None or recipe in primary}
    deciding = [outcome for outcome in counted.values() if outcome != CANNOT_BE_TOLD]
    distinct = list(dict.fromkeys(deciding))
    outcome = distinct[0] if len(distinct) == 1 else DIFFERS if distinct else CANNOT_BE_TOLD
    if len(outcomes) == 1:
        return outcome, ""
    first = f"{capitalized(outcome)}: "
    if primary is not None:
        return outcome, f"{first}the primary recipe is {' and '.join(primary)}. "
    return outcome, f"{first}{len(deciding)} of {len(outcomes)} recipes decide. "


def _lost(arms: Sequence[Arm], large: str, recipes: Mapping[str, pd.DataFrame], primary: Sequence[str] | None) -> str:
    """Say of the primary recipes whether what the large network has after their length is lost with more updates."""
    chosen = {arm.recipe: arm for arm in arms if arm.size == large and arm.is_chosen}
    words = []
    for recipe in primary or ():
        if chosen[recipe].decided(chosen[recipe].right) != Majority.YES:
            continue
        length, stream = (recipes[recipe][axis].iloc[0] for axis in ("iterations", "stream"))
        for other, arm in chosen.items():
            is_longer = recipes[other]["iterations"].iloc[0] > length and recipes[other]["stream"].iloc[0] == stream
            if is_longer and arm.decided(arm.right) == Majority.NO:
                words.append(f" Generalization is lost with more updates ({other}).")
    return "".join(words)


def _change(large: str, chosen: Sequence[Arm]) -> str:
    """Say what would change the answer: how many runs decide where they are too few."""
    parts = []
    for arm in chosen:
        count, total = int(arm.right.sum()), len(arm.runs)
        if arm.decided(arm.right) == Majority.UNDECIDED:
            parts.append(
                (arm.recipe, f"some {further_runs(count, total)} further runs of {large}, if they go on alike")
            )
        else:
            parts.append((arm.recipe, f"{fewest_changes(count, total)} of {total} runs of {large} the other way"))
    return sentence_of(parts)


def _recipes(runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the runs of each recipe, which is all but size and learning rate, by what tells the recipes apart."""
    cells = {name: parse_cell(str(name)) for name in dict.fromkeys(runs["cell"])}
    apart = [
        axis
        for axis in axes.LABELS
        if axis not in OF_AN_ARM and len({axes.value(cell, axis) for cell in cells.values()}) > 1
    ]
    # Schedules in proportion follow the iterations, so that these alone name a recipe.
    named = [axis for axis in apart if axis not in axes.DERIVED] or apart
    labels: dict[str, list[str]] = {}
    keys: dict[tuple[Any, ...], str] = {}
    for name, cell in cells.items():
        key = tuple(axes.value(cell, axis) for axis in apart)
        if key not in keys:
            words = _recipe_words(cell, named)
            keys[key] = words if words not in keys.values() else _recipe_words(cell, apart)
        labels.setdefault(keys[key], []).append(name)
    return {recipe: runs[runs["cell"].isin(names)] for recipe, names in labels.items()}


def _recipe_words(cell: Cell, several: Sequence[str]) -> str:
    return label({axis: axes.in_tables(axis, axes.value(cell, axis)) for axis in several})


def _arms(recipe: str, runs: pd.DataFrame) -> list[Arm]:
    """Return the arms of one recipe, the smallest size first."""
    arms = []
    for _, of_size in sorted(runs.groupby("size"), key=lambda each: int(each[1]["parameters"].iloc[0])):
        chosen = chosen_rate(of_size)
        for rate in sorted(of_size["learning_rate"].unique().tolist()):
            rows = of_size[of_size["learning_rate"] == rate]
            arms.append(Arm(recipe, str(rows["size"].iloc[0]), rate, rate == chosen, rows))
    return arms


def _outcome(large: Arm, smaller: Sequence[Arm]) -> str:
    right = large.decided(large.right)
    if right == Majority.YES:
        return RATE
    smaller_do = any(arm.decided(arm.right) == Majority.YES for arm in smaller)
    if right == Majority.NO and large.decided(large.fits) == Majority.YES and smaller_do:
        return SIZE
    return CANNOT_BE_TOLD


def _parameters(arm: Arm) -> float:
    return float(arm.runs["parameters"].iloc[0])


def _words(large: Arm, arms: Sequence[Arm]) -> str:
    rates = sum(arm.recipe == large.recipe and arm.size == large.size for arm in arms)
    n = len(large.runs)
    return (
        f"{large.size} at {axes.in_words('learning_rate', large.rate)}, chosen of {rates}, has all right in "
        f"{count_words(int(large.right.sum()), n)} and fits in {int(large.fits.sum())} of {n}"
    )


def _smaller_words(smaller: Sequence[Arm]) -> str:
    if not smaller:
        return ", with no smaller network of the recipe beside it"
    return ", beside " + ", ".join(
        f"{arm.size} at {axes.short('learning_rate', arm.rate)} with {int(arm.right.sum())} of {len(arm.runs)}"
        for arm in smaller
    )


def _row(arm: Arm, dynamics: pd.DataFrame) -> tuple[Value, ...]:
    """Return the row of an arm in the table of all."""
    right, fits, diverged = arm.right, arm.fits, arm.runs["diverged"].astype(bool)
    both = int((right & fits).sum())
    times = arm.runs[["cell", "seed"]].merge(dynamics, on=["cell", "seed"]) if len(dynamics) else dynamics
    lost = None
    if len(times):
        ever, final = (times[name].fillna(False).astype(bool) for name in ("generalizes_ever", "generalizes_final"))
        lost = int((ever & ~final).sum())

    def mean(column: str, failure: float | None) -> float | None:
        values = arm.runs[column].astype("float64").mask(diverged, failure if failure is not None else float("nan"))
        return float(values.mean()) if values.notna().any() else None

    return (
        *(arm.recipe, arm.size, arm.rate, "yes" if arm.is_chosen else ""),
        *(len(arm.runs), int(diverged.sum()), int(fits.sum())),
        *share_of(int(right.sum()), len(arm.runs)),
        *share_of(both, int(fits.sum())),
        *(lost, mean("final_seen", 0.0), mean("final_held_out", 0.0), mean("final_stream_loss", None)),
        *(mean("loss_floor_order_unknown", None), mean("loss_floor_order_known", None)),
    )


def _over_time(arms: Sequence[Arm], history: pd.DataFrame) -> list[tuple[Value, ...]]:
    """Return a row for each arm and evaluation: the means of both accuracies, and how many runs have all right."""
    rows: list[tuple[Value, ...]] = []
    for arm in arms if len(history) else ():
        mine = history.merge(arm.runs[["cell", "seed"]], on=["cell", "seed"])
        for iteration in sorted(mine["iteration"].unique().tolist()):
            at = mine[mine["iteration"] == iteration]
            seen, held_out = (at[name].astype("float64").fillna(0.0) for name in ("seen", "held_out"))
            counts = (iteration, len(at), float(seen.mean()), float(held_out.mean()), int((held_out >= 1).sum()))
            rows.append((arm.recipe, arm.size, arm.rate, *counts))
    return rows
