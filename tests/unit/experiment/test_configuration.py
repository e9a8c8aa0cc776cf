from __future__ import annotations

import copy
from typing import Any

import pytest

from capacity.errors import ConfigurationError
from capacity.experiment import configuration
from capacity.experiment import grid as experiment_grid
from capacity.experiment.cell import make_cell, parse_cell
from capacity.experiment.grid import Study, expand_seeds
from capacity.paper import protocol
from capacity.paper.protocol import MLT, SIZES, Size
from tests.support.configuration_slips import DELETED, message, with_change
from tests.support.repository import REPOSITORY

BASE: dict[str, Any] = {
    "budget": "small",
    "device": "cpu",
    "threads": {"default": 1, "sizes": {"wide": 3}},
    "precision": {"default": "float32", "sizes": {"wide": "bfloat16"}},
    "compile": False,
    "snapshots": {"seconds": 60, "updates": 0},
    "cuda_graph": False,
    "container": "image.sif",
    "sizes": {
        "n14": {"layers": 1, "heads": 1, "width": 14, "mlp_factor": 1},
        "wide": {"layers": 2, "heads": 2, "width": 12, "mlp_factor": 3},
    },
    "studies": {
        "one": {"title": "One", "grids": [{"task": ["arithmetic"], "size": ["n14"]}]},
    },
    "budgets": {
        "small": {
            "run": ["one"],
            "seeds_per_job": 2,
            "cells": [
                {"seeds": [0]},
                {"where": {"size": ["n14"], "task": ["arithmetic"]}, "set": {"iterations": 300}, "seeds": [9, "3-5"]},
            ],
        },
    },
}
GRID = "studies.one.grids.0"
ENTRY = "budgets.small.cells.1"


def changed(path: str, value: Any, config: dict[str, Any] = BASE) -> dict[str, Any]:
    """A copy of a configuration in which one key, given as a path with dots, is set or deleted."""
    return with_change(config, path, value)


def study(config: dict[str, Any], name: str = "one") -> Study:
    configuration.validate(config)
    return experiment_grid.studies(config)[name]


@pytest.mark.parametrize("budget", [None, "laptop", "paper"])
def test_the_shipped_configuration_is_valid_under_every_budget(budget):
    config = configuration.main_configuration(REPOSITORY, budget)
    assert config["budget"] == (budget or "laptop")
    for each in experiment_grid.studies(config).values():
        assert each.cells
        for name, cell in each.cells.items():
            assert parse_cell(name) == cell
            assert each.seeds[name]


def test_the_paper_budget_is_the_papers_24_cells():
    config = configuration.main_configuration(REPOSITORY, "paper")
    studies = experiment_grid.studies(config)
    assert {"base", "weight-decay"} <= set(config["budgets"]["paper"]["run"])
    tasks_and_sizes = {(task, name) for task in protocol.TASKS for name in SIZES}
    assert {(cell.task, cell.size.name) for cell in studies["base"].cells.values()} == tasks_and_sizes
    assert {cell.variant for cell in studies["base"].cells.values()} == {"paper"}
    decayed = {(cell.task, cell.size.name): cell.variant for cell in studies["weight-decay"].cells.values()}
    assert decayed == {
        (task, name): "dropout-0" if name == "mlt" else "weight_decay-0.1" for task, name in tasks_and_sizes
    }
    for name in ("base", "weight-decay"):
        assert len(studies[name].cells) == 12
        assert all(cell.departures_from_published() == {} for cell in studies[name].cells.values())
        assert all(1337 in seeds for seeds in studies[name].seeds.values())


def test_the_grokking_study_is_the_papers_long_run():
    for budget in ("laptop", "paper"):
        config = configuration.main_configuration(REPOSITORY, budget)
        (cell,) = experiment_grid.studies(config)["grokking"].cells.values()
        assert (cell.task, cell.size, cell.iterations, cell.decay_iterations) == ("arithmetic", MLT, 1_500_000, 10**7)
        assert (cell.learning_rate, cell.final_learning_rate) == (1e-6, 1e-7)
        assert (cell.weight_decay, cell.dropout, cell.batch, cell.warmup_iterations) == (0.1, 0.2, 882, 2000)


def test_the_laptop_budget_keeps_the_papers_small_networks():
    studies = experiment_grid.studies(configuration.main_configuration(REPOSITORY, "laptop"))
    for cell in studies["base"].cells.values():
        assert cell.size in SIZES.values()
        if cell.size != MLT:
            assert set(cell.departures()) <= {"iterations", "evaluation_interval"}


def test_another_budget_is_named_when_it_is_not_there():
    with pytest.raises(
        ConfigurationError, match=r"budget: 'papper' is not known.*laptop, workstation, paper.*'paper'\?"
    ):
        configuration.main_configuration(REPOSITORY, "papper")


def test_a_new_size_and_a_new_study_need_no_code():
    config = changed("sizes.n20", {"layers": 1, "heads": 1, "width": 20, "mlp_factor": 1})
    new = {
        "title": "Streams by size",
        "grids": [
            {
                "task": ["arithmetic", "joint"],
                "size": ["n20", "wide"],
                "stream": ["fixed", "aligned"],
                "weight_decay": [0, 0.1],
                "held_out": [[[5, 7]], [[4, 3], [1, 1]]],
                "batch": [100],
                "seeds": ["0-2"],
            },
            {"task": ["facts"], "layers": [1, 3], "heads": [2], "width": [8, 16], "mlp_factor": [4], "facts": [10]},
        ],
    }
    made = study(changed("studies.streams-by-size", new, config), "streams-by-size")
    assert made.title == "Streams by size"
    assert len(made.cells) == 2 * 2 * 2 * 2 * 2 + 4
    wanted = make_cell(
        "joint", Size(1, 1, 20, 1), stream="aligned", weight_decay=0.1, held_out=[(1, 1), (3, 4)], batch=100
    )
    assert made.cells[wanted.name] == wanted
    assert made.seeds[wanted.name] == (0, 1, 2)
    facts = make_cell("facts", Size(3, 2, 8, 4), facts=10)
    assert made.cells[facts.name] == facts
    assert made.seeds[facts.name] == (0,)


def test_budget_entries_apply_in_order_where_they_match_and_the_grid_wins():
    config = changed("budgets.small.cells.2", {"where": {"task": ["facts"]}, "set": {"batch": 7}}, extended())
    config = changed(f"{GRID}.task", ["arithmetic", "facts"], config)
    made = study(config)
    assert made.cells == {
        cell.name: cell
        for cell in (
            make_cell("arithmetic", SIZES["n14"], iterations=300),
            make_cell("facts", SIZES["n14"], batch=7),
        )
    }
    assert list(made.seeds.values()) == [(3, 4, 5, 9), (0,)]
    named = study(changed(f"{GRID}.iterations", [50, 60], changed(f"{GRID}.seeds", [8], config)))
    assert sorted(cell.iterations for cell in named.cells.values()) == [50, 50, 60, 60]
    assert set(named.seeds.values()) == {(8,)}


def extended() -> dict[str, Any]:
    """BASE with room for one more entry."""
    config = copy.deepcopy(BASE)
    config["budgets"]["small"]["cells"].append({"seeds": [1]})
    return config


def test_a_later_entry_overrides_an_earlier_one():
    config = changed("budgets.small.cells.2", {"set": {"iterations": 90, "batch": 5}, "seeds": [77]}, extended())
    made = study(config)
    assert list(made.cells) == [make_cell("arithmetic", SIZES["n14"], iterations=90, batch=5).name]
    assert list(made.seeds.values()) == [(77,)]


def test_an_entry_for_a_size_applies_to_the_shape_whatever_its_name():
    shape = {axis: [value] for axis, value in BASE["sizes"]["n14"].items()}
    grid = {"task": ["arithmetic"], **shape}
    assert study(changed(GRID, grid)).cells == study(BASE).cells


def test_threads_are_those_of_the_size_or_else_the_default():
    assert configuration.threads(BASE, Size(2, 2, 12, 3)) == 3
    assert configuration.threads(BASE, SIZES["n14"]) == 1
    assert configuration.threads(changed("threads", {"default": 4}), Size(2, 2, 12, 3)) == 4


def test_updates_are_carried_out_as_the_size_and_the_switches_say():
    assert configuration.execution_options(BASE, SIZES["n14"]) == "--precision float32"
    assert configuration.execution_options(BASE, Size(2, 2, 12, 3)) == "--precision bfloat16"
    switched = changed("cuda_graph", True)
    assert configuration.execution_options(switched, SIZES["n14"]) == "--precision float32 --cuda-graph"
    switched["compile"] = True
    assert configuration.execution_options(switched, SIZES["n14"]) == "--precision float32 --compile --cuda-graph"


def test_snapshots_come_as_often_as_is_chosen():
    assert configuration.snapshot_options(BASE) == "--snapshot-seconds 60 --snapshot-updates 0"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("snapshots", {"seconds": 0, "updates": 1}),
        ("device", "cpu"),
        ("device", "cuda"),
        ("threads", {"default": 2}),
        ("precision", {"default": "bfloat16"}),
        ("compile", True),
        (f"{GRID}.seeds", [0, "1-3", 4294967295]),
        (f"{GRID}.dropout", [0, 0.999]),
        (f"{GRID}.block", [1763]),
        (f"{GRID}.held_out", [[[0, 0]], [[0, digit] for digit in range(10)]]),
        (f"{GRID}.held_out", [[[a, b] for a in range(10) for b in range(a, 10) if b]]),
        (f"{ENTRY}.set", {"evaluation_interval": 30_000}),
        (f"{GRID}.iterations", [1]),
    ],
)
def test_values_at_the_edge_of_what_can_be_run_are_taken(path, value):
    configuration.validate(changed(path, value))


ALL_PAIRS = [[[a, b] for a in range(10) for b in range(a, 10)]]
BAD = [
    # typing errors at every level
    ("buget", "small", "buget", "small"),
    ("threads.defalt", 2, "threads.defalt", "2"),
    ("sizes.n14.with", 14, "sizes.n14.with", "14"),
    ("studies.one.titel", "One", "studies.one.titel", "One"),
    (f"{GRID}.tsak", ["facts"], "studies.one.grids[0].tsak", "facts"),
    (f"{GRID}.learning_rat", [0.1], "studies.one.grids[0].learning_rat", "0.1"),
    ("budgets.small.seed_per_job", 3, "budgets.small.seed_per_job", "3"),
    (f"{ENTRY}.sett", {"batch": 3}, "budgets.small.cells[1].sett", "'batch': 3"),
    (f"{ENTRY}.set.iteration", 9, "budgets.small.cells[1].set.iteration", "9"),
    (f"{ENTRY}.where.tasks", ["facts"], "budgets.small.cells[1].where.tasks", "facts"),
    (f"{ENTRY}.set.held_out", [[5, 7]], "budgets.small.cells[1].set.held_out", "5"),
    # missing keys
    ("budget", DELETED, "budget", "is missing"),
    ("sizes", DELETED, "sizes", "is missing"),
    ("threads.default", DELETED, "threads.default", "is missing"),
    ("sizes.n14.heads", DELETED, "sizes.n14.heads", "is missing"),
    ("studies.one.title", DELETED, "studies.one.title", "is missing"),
    (f"{GRID}.task", DELETED, "studies.one.grids[0].task", "is missing"),
    (f"{GRID}.size", DELETED, "studies.one.grids[0].layers", "is missing"),
    ("budgets.small.run", DELETED, "budgets.small.run", "is missing"),
    # wrong types
    ("budget", 3, "budget", "3"),
    ("device", True, "device", "True"),
    ("threads.default", "two", "threads.default", "two"),
    ("threads.default", 1.5, "threads.default", "1.5"),
    ("sizes.n14", [1, 1, 14, 1], "sizes.n14", "14"),
    ("sizes.n14.width", "14", "sizes.n14.width", "'14'"),
    ("studies", ["one"], "studies", "one"),
    ("studies.one.title", 7, "studies.one.title", "7"),
    (f"{GRID}.task", "arithmetic", "studies.one.grids[0].task", "arithmetic"),
    (f"{GRID}.size", "n14", "studies.one.grids[0].size", "n14"),
    (f"{GRID}.learning_rate", ["1e-5"], "studies.one.grids[0].learning_rate[0]", "'1e-5'"),
    (f"{GRID}.iterations", [True], "studies.one.grids[0].iterations[0]", "True"),
    (f"{GRID}.iterations", [10.5], "studies.one.grids[0].iterations[0]", "10.5"),
    (f"{GRID}.held_out", [[5, 7]], "studies.one.grids[0].held_out[0][0]", "5"),
    (f"{GRID}.held_out", [[[5]]], "studies.one.grids[0].held_out[0][0]", "[5]"),
    (f"{GRID}.held_out", [[[5, 7, 9]]], "studies.one.grids[0].held_out[0][0]", "[5, 7, 9]"),
    (f"{GRID}.seeds", ["x"], "studies.one.grids[0].seeds[0]", "'x'"),
    (f"{GRID}.seeds", ["0..9"], "studies.one.grids[0].seeds[0]", "0..9"),
    (f"{GRID}.seeds", 1337, "studies.one.grids[0].seeds", "1337"),
    (f"{GRID}.seeds", [None], "studies.one.grids[0].seeds[0]", "None"),
    (f"{ENTRY}.set.iterations", [300], "budgets.small.cells[1].set.iterations", "[300]"),
    (GRID, None, "studies.one.grids[0]", "None"),
    # out of range
    ("threads.default", 0, "threads.default", "0"),
    ("threads.sizes.wide", -1, "threads.sizes.wide", "-1"),
    ("precision.default", "float16", "precision.default", "float16"),
    ("precision.sizes.wide", 32, "precision.sizes.wide", "32"),
    ("precision.sizes.wid", "float32", "precision.sizes", "wid"),
    ("compile", "yes", "compile", "yes"),
    ("cuda_graph", 1, "cuda_graph", "1"),
    ("cuda_graph", DELETED, "cuda_graph", "is missing"),
    ("sizes.wide.layers", 0, "sizes.wide.layers", "0"),
    ("sizes.wide.width", 20_000, "sizes.wide.width", "20000"),
    ("budgets.small.seeds_per_job", 0, "budgets.small.seeds_per_job", "0"),
    (f"{GRID}.learning_rate", [0], "studies.one.grids[0].learning_rate[0]", "0"),
    (f"{GRID}.learning_rate", [-0.1], "studies.one.grids[0].learning_rate[0]", "-0.1"),
    (f"{GRID}.learning_rate", [float("inf")], "studies.one.grids[0].learning_rate[0]", "inf"),
    (f"{GRID}.weight_decay", [-1], "studies.one.grids[0].weight_decay[0]", "-1"),
    (f"{GRID}.dropout", [1], "studies.one.grids[0].dropout[0]", "1"),
    (f"{GRID}.facts", [51], "studies.one.grids[0].facts[0]", "51"),
    (f"{GRID}.facts", [0], "studies.one.grids[0].facts[0]", "0"),
    (f"{GRID}.batch", [0], "studies.one.grids[0].batch[0]", "0"),
    (f"{GRID}.block", [1], "studies.one.grids[0].block[0]", "1"),
    (f"{GRID}.corpus_seed", [-1], "studies.one.grids[0].corpus_seed[0]", "-1"),
    (f"{GRID}.seeds", [-1], "studies.one.grids[0].seeds[0]", "-1"),
    (f"{GRID}.seeds", [2**32], "studies.one.grids[0].seeds[0]", "4294967296"),
    (f"{GRID}.held_out", [[[5, 10]]], "studies.one.grids[0].held_out[0][0][1]", "10"),
    (f"{GRID}.held_out", [[[-1, 5]]], "studies.one.grids[0].held_out[0][0][0]", "-1"),
    (f"{ENTRY}.set.dropout", 1.0, "budgets.small.cells[1].set.dropout", "1.0"),
    # unknown names
    ("budget", "smal", "budget", "'smal'"),
    ("device", "gpu", "device", "'gpu'"),
    ("threads.sizes.n15", 2, "threads.sizes", "'n15'"),
    ("budgets.small.run", ["two"], "budgets.small.run", "'two'"),
    (f"{GRID}.task", ["arithmetics"], "studies.one.grids[0].task[0]", "'arithmetics'"),
    (f"{GRID}.size", ["n15"], "studies.one.grids[0].size", "'n15'"),
    (f"{GRID}.stream", ["random"], "studies.one.grids[0].stream[0]", "'random'"),
    (f"{ENTRY}.where.size", ["n15"], "budgets.small.cells[1].where.size", "'n15'"),
    (f"{ENTRY}.where.task", ["sums"], "budgets.small.cells[1].where.task[0]", "'sums'"),
    # empty
    ("sizes", {}, "sizes", "{}"),
    ("studies", {}, "studies", "{}"),
    ("budgets", {}, "budgets", "{}"),
    ("studies.one.title", "", "studies.one.title", "''"),
    ("studies.one.grids", [], "studies.one.grids", "[]"),
    (f"{GRID}.task", [], "studies.one.grids[0].task", "[]"),
    (f"{GRID}.seeds", [], "studies.one.grids[0].seeds", "[]"),
    (f"{GRID}.held_out", [], "studies.one.grids[0].held_out", "[]"),
    ("budgets.small.run", [], "budgets.small.run", "[]"),
    ("budgets.small.cells", [], "budgets.small.cells", "[]"),
    (f"{ENTRY}.where", {}, "budgets.small.cells[1].where", "{}"),
    (f"{ENTRY}.set", {}, "budgets.small.cells[1].set", "{}"),
    # twice the same
    (f"{GRID}.task", ["facts", "facts"], "studies.one.grids[0].task", "facts"),
    (f"{GRID}.dropout", [0, 0.0], "studies.one.grids[0].dropout", "0.0"),
    (f"{GRID}.held_out", [[[5, 7]], [[7, 5]]], "studies.one.grids[0]", "appears twice in this study"),
    (f"{GRID}.seeds", [3, 3], "studies.one.grids[0].seeds", "3"),
    (f"{GRID}.seeds", [3, "0-4"], "studies.one.grids[0].seeds", "seed 3 appears twice"),
    (f"{GRID}.seeds", ["0-4", "4-9"], "studies.one.grids[0].seeds", "seed 4 appears twice"),
    (f"{ENTRY}.seeds", [3, "0-4"], "budgets.small.cells[1].seeds", "seed 3 appears twice"),
    ("budgets.small.run", ["one", "one"], "budgets.small.run", "one"),
    # contradictions
    (f"{GRID}.seeds", ["4-1"], "studies.one.grids[0].seeds", "'4-1'"),
    (f"{GRID}.seeds", ["0-999999"], "studies.one.grids[0].seeds", "'0-999999'"),
    ("sizes.wide.heads", 5, "sizes.wide.heads", "5 heads do not divide the width 12"),
    ("sizes.n14.width", 15, "sizes.n14", "width=15"),
    ("sizes.n20", {"layers": 1, "heads": 1, "width": 21, "mlp_factor": 1}, "sizes.n20", "width=21"),
    ("sizes.mlt", {"layers": 6, "heads": 6, "width": 300, "mlp_factor": 4}, "sizes.mlt", "width=300"),
    (f"{GRID}.held_out", ALL_PAIRS, "studies.one.grids[0].held_out", "all 55 pairs"),
    (f"{GRID}.block", [1764], "studies.one.grids[0].block", "1764"),
    (f"{ENTRY}.set.block", 5000, "studies.one.grids[0].block", "5000"),
    (
        f"{ENTRY}.set",
        {"warmup_iterations": 500, "decay_iterations": 500},
        "studies.one.grids[0].warmup_iterations",
        "500 is not less than decay_iterations, 500",
    ),
    (f"{GRID}.decay_iterations", [5], "studies.one.grids[0].warmup_iterations", "decay_iterations, 5"),
    (f"{GRID}.final_learning_rate", [0.5], "studies.one.grids[0].final_learning_rate", "0.5"),
    (f"{GRID}.evaluation_interval", [301], "studies.one.grids[0].evaluation_interval", "301"),
    (f"{GRID}.width", [14], "studies.one.grids[0].width", "size"),
]


@pytest.mark.parametrize(("path", "value", "key", "said"), BAD, ids=[f"{row[0]}={row[1]!r:.40}" for row in BAD])
def test_what_cannot_be_run_is_refused_by_key_and_value(path, value, key, said):
    found = message(changed(path, value))
    assert found.startswith(f"{key}:"), found
    assert said in found.removeprefix(key)


@pytest.mark.parametrize(
    "name", ["../up", "a b", "a'b", 'a"b', "a;b", "a/b", "a$(b)", "a`b`", "-a", ".a", "A", "", "é"]
)
@pytest.mark.parametrize("place", ["sizes", "studies", "budgets"])
def test_a_name_that_is_not_safe_in_a_path_or_a_shell_is_refused(place, name):
    config = copy.deepcopy(BASE)
    config[place][name] = next(iter(config[place].values()))
    found = message(config)
    assert found.startswith(f"{place}: ")
    assert repr(name) in found


@pytest.mark.parametrize(
    "grid",
    [
        {"layers": [1], "heads": [2], "width": [7], "mlp_factor": [1]},
        {"layers": [1], "heads": [1, 2], "width": [8, 9], "mlp_factor": [1]},
    ],
)
def test_heads_that_do_not_divide_the_width_of_a_shape_in_a_grid_are_refused(grid):
    found = message(changed(GRID, {"task": ["facts"], **grid}))
    assert found.startswith("studies.one.grids[0].heads: 2 heads do not divide the width ")


@pytest.mark.parametrize("axis", ["layers", "heads", "width", "mlp_factor"])
def test_a_shape_with_an_axis_missing_is_refused(axis):
    shape = {name: [2] for name in ("layers", "heads", "width", "mlp_factor") if name != axis}
    assert message(changed(GRID, {"task": ["facts"], **shape})).startswith(f"studies.one.grids[0].{axis}: is missing")


@pytest.mark.parametrize("stream", ["aligned", "answer-only"])
def test_a_block_that_is_too_short_for_a_stream_of_lines_is_refused(stream):
    grid = {"task": ["joint"], "size": ["n14"], "stream": [stream], "block": [24]}
    found = message(changed(GRID, grid))
    assert found.startswith(f"studies.one.grids[0].block: 24 is too short for stream '{stream}'; 40 or more")


def test_a_cell_without_seeds_is_refused():
    config = changed("budgets.small.cells.0", DELETED)
    found = message(changed(f"{GRID}.task", ["facts"], config))
    assert found.startswith("studies.one.grids[0].seeds: is missing")
    assert "budgets.small.cells" in found


def test_a_cell_that_two_grids_of_a_study_make_is_refused():
    config = changed("studies.one.grids", [BASE["studies"]["one"]["grids"][0]] * 2)
    found = message(config)
    assert found.startswith("studies.one.grids[1]: ")
    assert "task=arithmetic/size=n14/variant=iterations-300" in found


def test_a_name_too_long_for_a_path_is_refused():
    half = [[a, b] for a in range(10) for b in range(a, 10)][:54]
    grid = changed(f"{GRID}.held_out", [half])
    configuration.validate(grid)
    longer = changed(f"{GRID}.learning_rate", [0.123456789012], grid)
    longer = changed(f"{GRID}.final_learning_rate", [0.0123456789013], longer)
    found = message(longer)
    assert found.startswith("studies.one.grids[0]: ")
    assert "longer than 200 characters" in found


@pytest.mark.parametrize("config", [None, [], "text", 3])
def test_a_file_that_is_no_mapping_is_refused(config):
    found = message(config)
    assert found.startswith("the configuration: ")
    assert repr(config) in found


@pytest.mark.parametrize(
    ("wrong", "right", "path"),
    [("laptob", "laptop", "budget"), ("weigth-decay", "weight-decay", "budgets.laptop.run.0")],
)
def test_a_near_miss_is_told_what_was_meant(wrong, right, path):
    config = configuration.main_configuration(REPOSITORY)
    assert f"did you mean {right!r}?" in message(changed(path, wrong, config))


@pytest.mark.parametrize(
    ("entries", "seeds"),
    [([1337, "0-3"], (0, 1, 2, 3, 1337)), (["5-5"], (5,)), ([2, 1], (1, 2)), (["0-1", "2-3"], (0, 1, 2, 3))],
)
def test_seeds_and_ranges_expand(entries, seeds):
    assert expand_seeds(entries, "seeds") == seeds
