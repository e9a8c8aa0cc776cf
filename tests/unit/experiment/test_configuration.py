from __future__ import annotations

import copy

import pytest

from capacity.errors import ConfigurationError
from capacity.experiment import configuration
from capacity.experiment.configuration import NEWEST
from capacity.paper.protocol import SIZES, Size
from capacity.storage import json_files
from tests.support.configuration_slips import DELETED, ENTRY, GRID, SMALL, changed, message
from tests.support.repository import REPOSITORY


def test_another_budget_is_named_when_it_is_not_there():
    with pytest.raises(
        ConfigurationError, match=r"budget: 'papper' is not known.*laptop, workstation, paper.*'paper'\?"
    ):
        configuration.main_configuration(REPOSITORY, "papper")


def test_threads_are_those_of_the_size_or_else_the_default():
    assert configuration.threads(SMALL, Size(2, 2, 12, 3)) == 3
    assert configuration.threads(SMALL, SIZES["n14"]) == 1
    assert configuration.threads(changed("threads", {"default": 4}), Size(2, 2, 12, 3)) == 4


def test_updates_are_carried_out_as_the_size_and_the_switches_say():
    assert configuration.execution_options(SMALL, SIZES["n14"]) == "--precision float32"
    assert configuration.execution_options(SMALL, Size(2, 2, 12, 3)) == "--precision bfloat16"
    switched = changed("cuda_graph", True)
    assert configuration.execution_options(switched, SIZES["n14"]) == "--precision float32 --cuda-graph"
    switched["compile"] = True
    assert configuration.execution_options(switched, SIZES["n14"]) == "--precision float32 --compile --cuda-graph"


def test_snapshots_come_as_often_as_is_chosen():
    assert configuration.snapshot_options(SMALL) == "--snapshot-seconds 60 --snapshot-updates 0"


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
    (f"{GRID}.facts", [10_001], "studies.one.grids[0].facts[0]", "10001"),
    (f"{GRID}.facts", [0], "studies.one.grids[0].facts[0]", "0"),
    (f"{GRID}.batch", [0], "studies.one.grids[0].batch[0]", "0"),
    (f"{GRID}.block", [1], "studies.one.grids[0].block[0]", "1"),
    (f"{GRID}.corpus_seed", [-1], "studies.one.grids[0].corpus_seed[0]", "-1"),
    (f"{GRID}.seeds", [-1], "studies.one.grids[0].seeds[0]", "-1"),
    (f"{GRID}.seeds", [2**32], "studies.one.grids[0].seeds[0]", "4294967296"),
    (f"{GRID}.held_out", [[[5, 10]]], "studies.one.grids[0].held_out", "[5, 10]"),
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
    config = copy.deepcopy(SMALL)
    config[place][name] = next(iter(config[place].values()))
    found = message(config)
    assert found.startswith(f"{place}: ")
    assert repr(name) in found


@pytest.mark.parametrize("config", [None, [], "text", 3])
def test_a_file_that_is_no_mapping_is_refused(config):
    found = message(config)
    assert found.startswith("the configuration: ")
    assert repr(config) in found


def test_the_newest_configuration_is_that_of_the_last_run_and_else_the_file_of_the_repository(tmp_path):
    (tmp_path / "config.yaml").write_text((REPOSITORY / "config.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    shipped = configuration.main_configuration(REPOSITORY, "paper")
    assert configuration.newest_configuration(tmp_path, "paper") == shipped
    json_files.write_json(tmp_path / NEWEST, SMALL)
    assert configuration.newest_configuration(tmp_path) == SMALL
    with pytest.raises(ConfigurationError, match=r"budget: 'paper' is not known; it must be one of small"):
        configuration.newest_configuration(tmp_path, "paper")
