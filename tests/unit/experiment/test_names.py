"""Whatever a configuration accepts has a name that reads back as the same cell, or is refused by key and value."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from capacity.errors import ConfigurationError
from capacity.experiment import configuration
from capacity.experiment.assignment import assign_jobs
from capacity.experiment.cell import LINE_AXES, SPLIT_AXES, corpus_cell, describe_departures, make_cell, parse_cell
from capacity.experiment.checks import BOUNDS, LONGEST_NAME, check_named_cell
from capacity.experiment.plan import Plan, make_plan
from capacity.experiment.schema import SCHEMA
from capacity.experiment.seeds import LONGEST_RUNS_NAME, format_seeds, longest_seeds, parse_seeds
from capacity.paper.protocol import ANSWERS, FACT_KINDS, MIXINGS, SIZES, STREAMS
from capacity.tasks.registry import TASKS
from tests.support.configuration_slips import GRID, SMALL, changed

FLOATS = ("learning_rate", "final_learning_rate", "weight_decay", "dropout")
EDGES = (
    *(0.1 * 0.1, 0.1 + 0.2, -0.0, 0.0, 0, 1, 5e-324, 1e-300, 0.9999999999999999, math.nextafter(1, 2), 1 / 3, 1e-5),
    *(math.nextafter(10, 0), math.nextafter(100, 0), 2.2250738585072014e-308, 0.30000000000000004, 1e-12),
)
numbers = st.sampled_from(EDGES) | st.floats(allow_nan=True, allow_infinity=True) | st.integers(-1, 101)
numbers |= st.floats(0, 1) | st.floats(0, 100)
pairs = st.integers(9, 99).flatmap(
    lambda largest: st.lists(st.lists(st.integers(0, largest), min_size=2, max_size=2), min_size=1, max_size=60)
)
AXES = {
    **dict.fromkeys(FLOATS, numbers),
    **{axis: st.integers(int(low) - 1, int(high) + 1) | st.integers(1, 3000) for axis, (low, high) in BOUNDS.items()
       if axis not in FLOATS},
    "stream": st.sampled_from(STREAMS),
    "answers": st.sampled_from(ANSWERS),
    "mixing": st.sampled_from(MIXINGS),
    "fact_kind": st.sampled_from(FACT_KINDS),
    "arithmetic_share": st.floats(0, 1),
    "held_out": pairs | st.lists(st.lists(st.integers(0, 9), min_size=2, max_size=2), min_size=1, max_size=60),
    "largest_operand": st.integers(8, 25),
    "held_out_fraction": st.floats(0, 1) | st.sampled_from((0, 1, 0.02, 0.3, 0.7, 0.98, 1 / 3)),
    "task": st.sampled_from(list(TASKS)),
}  # fmt: skip
SHAPE = ("layers", "heads", "width", "mlp_factor")
ALONE = {axis: values for axis, values in AXES.items() if axis not in SHAPE}
seeds = st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 50), min_size=1, max_size=150, unique=True)


def grids(axes: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Grids of one cell, with some of the axes."""
    return st.fixed_dictionaries({"task": axes["task"]}, optional={k: v for k, v in axes.items() if k != "task"})


grids_of_all_axes = st.one_of(
    grids(AXES).filter(lambda grid: all(axis in grid for axis in SHAPE)),
    st.builds(lambda grid, size: grid | {"size": size}, grids(ALONE), st.sampled_from(["n14", "wide"])),
    st.builds(  # one or two axes, so that many are accepted
        lambda grid, kept: {axis: grid[axis] for axis in grid if axis in kept} | {"task": grid["task"], "size": "n14"},
        grids(ALONE),
        st.sets(st.sampled_from(sorted(ALONE)), min_size=1, max_size=2),
    ),
    st.builds(
        lambda grid: {axis: grid[axis] for axis in grid if axis in SPLIT_AXES} | {"task": grid["task"], "size": "n14"},
        grids(ALONE),
    ),
)


def plan_or_message(config: dict[str, Any]) -> Plan | str:
    """Return the plan of a configuration, or what it is refused with."""
    try:
        return make_plan(config, None, configuration.validate(config))
    except ConfigurationError as error:
        return str(error)


def one(**axes: Any) -> dict[str, Any]:
    return {"task": "arithmetic", "size": "n14", **axes}


@example(one(learning_rate=0.1 * 0.1), [0])
@example(one(dropout=0.9999999999999999), [0])
@example(one(dropout=-0.0), [0])
@example(one(learning_rate=5e-324), [0])
@example(one(learning_rate=5e-324, final_learning_rate=5e-324), [0])
@example(one(weight_decay=1e-300, learning_rate=1 / 3, final_learning_rate=0.1 + 0.2), [0])
@example(one(warmup_iterations=10**9, iterations=10**9), [0])
@example(one(), list(range(0, 10**6, 7919)))
@given(grids_of_all_axes, seeds)
@settings(max_examples=400)
def test_what_is_accepted_has_a_name_that_reads_back_and_fits_and_the_rest_is_refused_by_key(grid, chosen):
    config = changed(GRID, {axis: [value] for axis, value in grid.items()} | {"seeds": chosen})
    config["budgets"]["small"] |= {"cells": [{"seeds": [0]}], "seeds_per_job": 200}
    plan = plan_or_message(config)
    if isinstance(plan, str):
        assert re.match(r"studies\.one\.grids\[0\][.:\[]", plan)
        return
    ((name, cell),) = plan.cells.items()
    assert parse_cell(name) == cell
    assert name == cell.name == parse_cell(name).name
    check_named_cell(cell)
    assert corpus_cell(cell.corpus_name).corpus_name == cell.corpus_name
    assert re.fullmatch(r"task=[a-z]+/size=[a-z0-9]+/variant=[a-z0-9_.+-]+", name)
    assert len(name) <= LONGEST_NAME
    assert len(f".{cell.corpus_name}.12345678.parquet") <= 255  # as it is written
    for axis in set(grid) - {"task", "size", *LINE_AXES, *SPLIT_AXES, *SHAPE}:
        assert getattr(cell, axis) == grid[axis]
    assert not any(math.copysign(1, getattr(cell, axis)) < 0 for axis in FLOATS)
    for job in plan.jobs[name]:
        assert parse_seeds(format_seeds(job)) == job
        assert len(f"{name}/seeds={format_seeds(job)}") <= LONGEST_RUNS_NAME


@given(numbers, numbers)
def test_two_rates_have_one_name_exactly_if_they_are_equal(first, second):
    one, other = (make_cell("facts", SIZES["n14"], weight_decay=value) for value in (first, second))
    if not (math.isnan(first) or math.isnan(second)):
        assert (one.name == other.name) == (one == other) == (first == second)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        *((0.1, "0.1"), (1.0, "1"), (1, "1"), (1e-5, "1e-05"), (0.123456789012, "0.123456789012"), (100.0, "100")),
        *((0.1 * 0.1, "0.010000000000000002"), (0.9999999999999999, "0.9999999999999999"), (5e-324, "5e-324")),
    ],
)
def test_a_number_is_written_as_short_as_it_reads_back(value, written):
    assert make_cell("facts", SIZES["n14"], weight_decay=value).variant == f"weight_decay-{written}"
    assert describe_departures(make_cell("facts", SIZES["n14"], weight_decay=value)).startswith(
        "" if value == 0.1 else f"weight decay {written} (paper: 0)"
    )


def test_a_negative_zero_is_the_paper_s_zero():
    assert make_cell("facts", SIZES["n14"], weight_decay=-0.0, dropout=-0.0).variant == "paper"
    with pytest.raises(ConfigurationError, match="appears twice"):
        configuration.validate(changed(f"{GRID}.dropout", [0.0, -0.0]))
    grid = SMALL["studies"]["one"]["grids"][0]
    with pytest.raises(ConfigurationError, match="appears twice"):
        configuration.validate(changed("studies.one.grids", [grid | {"dropout": [0.0]}, grid | {"dropout": [-0.0]}]))


def test_a_setting_that_follows_is_held_to_the_bounds_of_one_that_is_given():
    with pytest.raises(ConfigurationError, match=r"grids\[0\]\.final_learning_rate: 0\.0 must be from 5e-324 to 10"):
        configuration.validate(changed(f"{GRID}.learning_rate", [5e-324]))


@pytest.mark.parametrize("axis", BOUNDS)
def test_the_bounds_of_cells_are_those_of_the_schema(axis):
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    name = schema["$defs"]["grid"]["properties"][axis]["items"]["$ref"].rsplit("/", 1)[1]
    bounds = schema["$defs"][name]
    lowest = bounds.get("minimum", math.nextafter(bounds.get("exclusiveMinimum", 0), math.inf))
    highest = bounds.get("maximum", math.nextafter(bounds.get("exclusiveMaximum", 0), -math.inf))
    assert BOUNDS[axis] == (lowest, highest)


@given(st.sets(st.integers(0, 10**6) | st.integers(0, 40), min_size=1, max_size=120), st.integers(1, 50), st.data())
def test_jobs_are_as_large_as_their_names_let_them_be_and_stay_so_when_some_have_finished(wanted, most, data):
    longest = data.draw(st.integers(20, 60))
    jobs = assign_jobs([wanted], [], most, longest)
    assert sorted(seed for job in jobs for seed in job) == sorted(wanted)
    for job, following in zip(jobs, [*jobs[1:], None], strict=True):
        assert len(format_seeds(job)) <= longest
        assert len(job) <= most
        if following:
            assert len(job) == most or len(format_seeds([*job, following[0]])) > longest
    finished = data.draw(st.sets(st.sampled_from(jobs)))
    assert assign_jobs([wanted], finished, most, longest) == jobs


def test_the_seeds_of_a_long_name_have_less_room():
    assert longest_seeds("task=facts/size=n14/variant=paper") == 255 - 33 - 7
    assert longest_seeds("x" * LONGEST_NAME) == 10
