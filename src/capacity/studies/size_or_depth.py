"""The rule ``size-or-depth``: whether held-out accuracy goes with the number of layers, with the width, or with both.

It looks at a map of layers x width, each cell at the learning rate that fits the seen expressions best.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from capacity.dictionary.study_measures import MEASURES, Measure
from capacity.experiment import axes
from capacity.experiment.cell import parse_cell
from capacity.statistics import comparisons, trends
from capacity.statistics.comparisons import ALPHA, MARGIN
from capacity.statistics.trends import TrendTest
from capacity.studies.answer import (
    CANNOT_BE_TOLD,
    Answer,
    Draws,
    StudyTables,
    Table,
    Value,
    capitalized,
    not_run,
    p_words,
)
from capacity.studies.groups import Group, grouped
from capacity.studies.rates import CHOSEN_BY, at_chosen_rates
from capacity.tables.measured import rows_with

DEPTH, WIDTH, BOTH, NEITHER = "depth", "width", "both", "neither"
RATIO = 1.5
"""Two networks whose numbers of parameters differ by less than this factor have the same size."""

ALL_RIGHT = MEASURES["all-right"]
FACTORS = {"layers": DEPTH, "width": WIDTH}
RULE = (
    f"Each cell of the map is taken at the learning rate with {CHOSEN_BY}; held-out expressions choose nothing. Depth "
    "is tested with the width held fixed, and width with the number of layers held fixed: Jonckheere-Terpstra within "
    "the strata of the other factor, two-sided, by permutation, Holm over the two. A factor counts if p is below "
    f"{ALPHA:g}. The answer is the factor that counts, or both; neither if none counts and, for each of them, the "
    "shares of runs with all held-out expressions right are equivalent at its lowest and its highest level to within "
    f"{MARGIN:g} (TOST, over the strata that have both); else it cannot be told. "
    f"Beside it, networks of different depth whose numbers of parameters differ by less than a factor of {RATIO:g} are "
    "compared in pairs, each network in one pair."
)


def answer(settings: Mapping[str, Any], tables: StudyTables, draws: Draws) -> Answer:
    """Return the answer of the rule: depth, width, both, neither, or that it cannot be told."""
    measure = MEASURES[settings["measure"]]
    runs, others = _map(rows_with(measure, tables.runs))
    depths, widths = (sorted(runs[axis].unique()) if len(runs) else [] for axis in FACTORS)
    if min(len(depths), len(widths)) < 2:
        return not_run(RULE, ["a map of two numbers of layers and two widths or more, with all else the same"])
    chosen = at_chosen_rates(runs, list(FACTORS))
    cells = [group for group in grouped(chosen, [*FACTORS, "learning_rate"], measure) if group.values]
    tests = _both_factors(cells, draws)
    adjusted = _corrected(tests)
    pairs = matched_pairs(cells)
    paired = trends.stratified_jonckheere_terpstra(
        [[one.values, other.values] for one, other in pairs], "two-sided", draws.rng, draws.permutations
    )
    right = [group for group in grouped(chosen, [*FACTORS, "learning_rate"], ALL_RIGHT) if group.values]
    outcome = _outcome(right, tests, adjusted)
    map_words = (
        f"{len(cells)} cells of {len(depths)} depths x {len(widths)} widths, {sum(each.runs for each in cells)} runs"
    )
    said = "; ".join(_factor_words(axis, tests[axis], adjusted[axis]) for axis in FACTORS)
    missing = [
        f"layers {depth}, width {width}"
        for depth, width in itertools.product(depths, widths)
        if not ((runs["layers"] == depth) & (runs["width"] == width)).any()
    ]
    return Answer(
        outcome,
        f"Does the {measure.mean_words} go with depth or with width? {capitalized(outcome)}: over "
        f"{map_words}, {said}. {_pair_words(pairs, paired)}",
        RULE,
        f"Further runs or cells of the map, where they bring a p-value across {ALPHA:g}"
        + (
            f"; its {len(missing)} empty cells ({', '.join(missing[:6])}{' ...' if len(missing) > 6 else ''})"
            if missing
            else ""
        )
        + (f". {others} cells of the study are not of this map." if others else "."),
        sum(group.runs for group in cells),
        sum(group.diverged for group in cells),
        (
            Table("The map", _MAP, tuple(_row(group, measure, chosen) for group in cells)),
            Table("The tests", _TESTS, tuple(_test_rows(tests, adjusted, pairs, paired))),
            Table("Beside them, exploratory", _BESIDE, tuple(_beside(runs, chosen, measure, draws))),
        ),
    )


_MAP = ("layers", "width", "parameters", "learning rate", "runs", "diverged", "mean", "all right", "seen")
_TESTS = ("factor", "held fixed", "runs", "statistic", "p", "p, Holm")


_BESIDE = ("what", "runs", "depth: statistic", "depth: p", "width: statistic", "width: p")


def _map(runs: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return the runs of the largest set of cells that differ in layers, width and learning rate alone.

    Of equally large sets the first is taken. With it comes the number of cells of the study that are not in it.
    """
    sets: dict[tuple[Any, ...], list[str]] = {}
    names = list(dict.fromkeys(runs["cell"])) if len(runs) else []
    for name in names:
        cell = parse_cell(str(name))
        settings = cell.settings()
        left = ("size", "learning_rate", "final_learning_rate")
        key = (
            cell.size.heads,
            cell.size.mlp_factor,
            *(str(value) for axis, value in settings.items() if axis not in left),
        )
        sets.setdefault(key, []).append(name)
    best = max(sets.values(), key=lambda each: len({parse_cell(name).size for name in each}), default=[])
    return runs[runs["cell"].isin(best)] if len(runs) else runs, len(names) - len(best)


def matched_pairs(cells: Sequence[Group]) -> list[tuple[Group, Group]]:
    """Return pairs of cells of different depth, the shallower first, with nearly the same number of parameters.

    Each cell is in one pair at most; the closest are taken first.
    """
    candidates: list[tuple[float, int, Group, Group]] = []
    for one, other in itertools.combinations(sorted(cells, key=lambda cell: cell.place["layers"]), 2):
        ratio = max(one.parameters, other.parameters) / min(one.parameters, other.parameters)
        if one.place["layers"] != other.place["layers"] and ratio < RATIO:
            candidates.append((ratio, len(candidates), one, other))
    used: set[int] = set()
    pairs = []
    for _, _, one, other in sorted(candidates, key=lambda each: each[:2]):
        if not used & {id(one), id(other)}:
            used |= {id(one), id(other)}
            pairs.append((one, other))
    return pairs


def _stratified(cells: Sequence[Group], axis: str, draws: Draws) -> TrendTest | None:
    """Test the trend along one factor within the strata of the other."""
    other = next(name for name in FACTORS if name != axis)
    strata: dict[Any, list[Group]] = {}
    for cell in sorted(cells, key=lambda group: group.place[axis]):
        strata.setdefault(cell.place[other], []).append(cell)
    values = [[cell.values for cell in stratum] for _, stratum in sorted(strata.items())]
    return trends.stratified_jonckheere_terpstra(values, "two-sided", draws.rng, draws.permutations)


def _both_factors(cells: Sequence[Group], draws: Draws) -> dict[str, TrendTest | None]:
    """Test the trend along each factor within the strata of the other."""
    return {axis: _stratified(cells, axis, draws) for axis in FACTORS}


def _beside(runs: pd.DataFrame, chosen: pd.DataFrame, measure: Measure, draws: Draws) -> Iterator[tuple[Value, ...]]:
    """Yield the same tests of the other endpoint, of the runs that fit the seen alone, and at each learning rate."""
    other = MEASURES["held-out"] if measure.is_outcome else ALL_RIGHT
    fitted = chosen[chosen["fits_arithmetic"].fillna(False).astype(bool)]
    tested = [(other.words, chosen, other), (f"{measure.words}, of the runs that fit the seen", fitted, measure)]
    tested += [
        (f"{measure.words}, {axes.in_words('learning_rate', rate)}", runs[runs["learning_rate"] == rate], measure)
        for rate in sorted(runs["learning_rate"].unique().tolist())
    ]
    for words, table, what in tested:
        cells = [group for group in grouped(table, list(FACTORS), what) if group.values]
        numbers = (
            number
            for test in _both_factors(cells, draws).values()
            for number in ((None, None) if test is None else (test.statistic, test.p_value))
        )
        yield (words, sum(cell.runs for cell in cells), *numbers)


def _corrected(tests: Mapping[str, TrendTest | None]) -> dict[str, float]:
    p_values = [1.0 if test is None else test.p_value for test in tests.values()]
    return dict(zip(tests, comparisons.holm(p_values), strict=True))


def _outcome(right: Sequence[Group], tests: Mapping[str, TrendTest | None], adjusted: Mapping[str, float]) -> str:
    counting = [axis for axis in FACTORS if tests[axis] is not None and adjusted[axis] < ALPHA]
    if len(counting) == len(FACTORS):
        return BOTH
    if counting:
        return FACTORS[counting[0]]
    return NEITHER if all(_equivalent(right, axis) for axis in FACTORS) else CANNOT_BE_TOLD


def _equivalent(cells: Sequence[Group], axis: str) -> bool:
    """Tell whether equally many runs are right at the lowest and the highest level of a factor, over shared strata."""
    other = next(name for name in FACTORS if name != axis)
    levels = sorted({cell.place[axis] for cell in cells})
    ends = [
        {cell.place[other]: cell for cell in cells if cell.place[axis] == level} for level in (levels[0], levels[-1])
    ]
    shared = sorted(set(ends[0]) & set(ends[1]))
    low, high = ([value for stratum in shared for value in end[stratum].values] for end in ends)
    if not low or not high:
        return False
    return comparisons.tost_proportions(int(sum(low)), len(low), int(sum(high)), len(high)).equivalent


def _factor_words(axis: str, test: TrendTest | None, p_value: float) -> str:
    name, fixed = ("depth", "width") if axis == "layers" else ("width", "depth")
    if test is None:
        return f"{name} at fixed {fixed} could not be tested"
    direction = "rises" if test.statistic > 0 else "falls"
    verb = direction if p_value < ALPHA else "neither rises nor falls for certain"
    return f"at fixed {fixed} it {verb} with {name} (z = {test.statistic:.2f}, {p_words(p_value, len(FACTORS))})"


def _pair_words(pairs: Sequence[tuple[Group, Group]], test: TrendTest | None) -> str:
    if test is None:
        return f"No two networks of different depth have numbers of parameters within a factor of {RATIO:g}."
    direction = "more" if test.statistic > 0 else "less" if test.statistic < 0 else "as much"
    than = "as" if direction == "as much" else "than"
    return (
        f"At nearly the same number of parameters ({len(pairs)} pairs), the deeper networks have {direction} {than} "
        f"the shallower ones (z = {test.statistic:.2f}, {p_words(test.p_value)})."
    )


def _row(cell: Group, measure: Measure, chosen: pd.DataFrame) -> tuple[Value, ...]:
    rows = chosen[(chosen["layers"] == cell.place["layers"]) & (chosen["width"] == cell.place["width"])]
    place = (cell.place["layers"], cell.place["width"], round(cell.parameters), cell.place["learning_rate"])
    right = int(rows["generalizes"].fillna(False).astype(bool).sum())
    seen = float(rows["final_seen"].astype("float64").mask(rows["diverged"].astype(bool), 0.0).mean())
    return (*place, cell.runs, cell.diverged, cell.mean, right, seen)


def _test_rows(
    tests: Mapping[str, TrendTest | None],
    adjusted: Mapping[str, float],
    pairs: Sequence[tuple[Group, Group]],
    paired: TrendTest | None,
) -> list[tuple[Value, ...]]:
    rows: list[tuple[Value, ...]] = []
    for axis, test in tests.items():
        fixed = next(name for name in FACTORS if name != axis)
        numbers = (None, None, None) if test is None else (test.statistic, test.p_value, adjusted[axis])
        rows.append((FACTORS[axis], fixed, None, *numbers))
    runs = sum(cell.runs for pair in pairs for cell in pair)
    tested = (None, None) if paired is None else (paired.statistic, paired.p_value)
    return [*rows, (DEPTH, f"parameters ({len(pairs)} pairs)", runs, *tested, None)]
