from __future__ import annotations

import copy
import tracemalloc
from typing import Any

import pytest

from capacity.errors import ConfigurationError
from capacity.experiment import configuration
from capacity.experiment import grid as experiment_grid
from capacity.experiment.cell import make_cell, parse_cell
from capacity.experiment.grid import expand_seeds
from capacity.paper import protocol
from capacity.paper.protocol import MLT, SIZES, Size
from tests.support.configuration_slips import DELETED, GRID, SMALL, changed, message, study, with_change
from tests.support.repository import REPOSITORY


@pytest.mark.parametrize("budget", [None, "quick", "laptop", "workstation", "paper"])
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


def shapes_of(budget: str, study: str = "base") -> dict[tuple[str, str], tuple[str, int]]:
    """The variant, and how many seeds, of each cell of a study under a budget."""
    chosen = experiment_grid.studies(configuration.main_configuration(REPOSITORY, budget))[study]
    return {(cell.task, cell.size.name): (cell.variant, len(chosen.seeds[name])) for name, cell in chosen.cells.items()}


def test_the_quick_budget_is_two_sizes_on_arithmetic_to_the_letter():
    assert shapes_of("quick") == {("arithmetic", "n14"): ("paper", 2), ("arithmetic", "n56"): ("paper", 2)}


def test_the_laptop_budget_trains_arithmetic_to_the_letter_and_mlt_on_nothing_else():
    cells = shapes_of("laptop")
    assert {size: cells["arithmetic", size] for size in ("n14", "n28", "n56")} == {
        "n14": ("paper", 5),
        "n28": ("paper", 3),
        "n56": ("paper", 3),
    }
    assert [task for task, size in cells if size == "mlt"] == ["arithmetic"]
    assert {size for task, size in cells if task == "joint"} == {"n14", "n28", "n56"}


def test_the_workstation_budget_is_nine_cells_to_the_letter_with_seeds_for_verdicts():
    cells = shapes_of("workstation")
    small = {name: value for name, value in cells.items() if name[1] != "mlt"}
    assert len(small) == 9
    assert {variant for variant, _ in small.values()} == {"paper"}
    assert {task: {seeds for (of, _), (_, seeds) in small.items() if of == task} for task in protocol.TASKS} == {
        "arithmetic": {20},
        "facts": {6, 17},
        "joint": {6, 20},
    }


def test_the_workstation_budget_has_weight_decay_for_arithmetic_and_facts_of_the_small_sizes():
    study = experiment_grid.studies(configuration.main_configuration(REPOSITORY, "workstation"))["weight-decay"]
    assert {(cell.task, cell.size.name): len(study.seeds[name]) for name, cell in study.cells.items()} == {
        **{("arithmetic", size): seeds for size, seeds in (("n14", 10), ("n28", 10), ("n56", 20))},
        **{("facts", size): seeds for size, seeds in (("n14", 6), ("n28", 17), ("n56", 6))},
    }
    assert {cell.variant for cell in study.cells.values()} == {"weight_decay-0.1"}


def left_out(*patterns: dict[str, Any]) -> dict[str, Any]:
    return changed("budgets.small.leave_out", list(patterns))


def test_a_budget_leaves_out_the_cells_that_have_a_task_and_a_size_of_a_pattern():
    four = changed(GRID, {"task": ["arithmetic", "facts"], "size": ["n14", "wide"]})
    before = list(experiment_grid.studies(four)["one"].cells.values())
    assert len(before) == 4
    for pattern in ({"task": ["facts"]}, {"size": ["wide"]}, {"task": ["facts"], "size": ["wide"]}):
        kept = experiment_grid.studies(with_change(four, "budgets.small.leave_out", [pattern]))["one"]
        expected = [
            cell
            for cell in before
            if not (
                cell.task in pattern.get("task", [cell.task])
                and cell.size in [Size(**SMALL["sizes"][name]) for name in pattern.get("size", SMALL["sizes"])]
            )
        ]
        assert list(kept.cells.values()) == expected
        assert len(expected) < 4


def test_a_grid_that_names_its_seeds_is_not_left_out():
    config = configuration.main_configuration(REPOSITORY, "quick")
    assert {cell.size for cell in experiment_grid.studies(config)["grokking"].cells.values()} == {MLT}


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ({}, "budgets.small.leave_out[0]: "),
        ({"stream": ["fixed"]}, "budgets.small.leave_out[0].stream: "),
        ({"size": ["wider"]}, "budgets.small.leave_out[0].size: "),
        ({"task": ["fact"]}, "budgets.small.leave_out[0].task[0]: "),
        ({"study": ["two"]}, "budgets.small.leave_out[0].study: "),
    ],
)
def test_a_pattern_that_names_nothing_that_exists_is_refused(pattern, said):
    assert message(left_out(pattern)).startswith(said)


def test_a_budget_that_leaves_out_all_of_a_study_that_it_runs_is_refused():
    tasks = sorted({cell.task for study in experiment_grid.studies(SMALL).values() for cell in study.cells.values()})
    assert "it leaves out all cells of the study 'one'" in message(left_out({"task": tasks}))


def test_the_laptop_budget_keeps_the_papers_small_networks():
    studies = experiment_grid.studies(configuration.main_configuration(REPOSITORY, "laptop"))
    for cell in studies["base"].cells.values():
        assert cell.size in SIZES.values()
        if cell.size != MLT:
            assert set(cell.departures()) <= {"iterations", "evaluation_interval"}


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


def test_an_entry_that_names_a_study_leaves_the_same_cells_of_other_studies_alone():
    config = changed("studies.two", SMALL["studies"]["one"] | {"title": "The same grids"})
    entry = {"where": {"study": ["two"]}, "set": {"batch": 7}, "seeds": [8]}
    config["budgets"]["small"]["cells"].append(entry)
    before, one, two = study(SMALL), study(config), study(config, "two")
    assert (one.cells, one.seeds) == (before.cells, before.seeds)
    assert {cell.batch for cell in two.cells.values()} == {7}
    assert set(two.seeds.values()) == {(8,)}
    left_out = with_change(config, "budgets.small.leave_out", [{"study": ["two"]}])
    assert list(experiment_grid.studies(left_out)) == ["one"]


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
    """SMALL with room for one more entry."""
    config = copy.deepcopy(SMALL)
    config["budgets"]["small"]["cells"].append({"seeds": [1]})
    return config


def test_a_later_entry_overrides_an_earlier_one():
    config = changed("budgets.small.cells.2", {"set": {"iterations": 90, "batch": 5}, "seeds": [77]}, extended())
    made = study(config)
    assert list(made.cells) == [make_cell("arithmetic", SIZES["n14"], iterations=90, batch=5).name]
    assert list(made.seeds.values()) == [(77,)]


def test_an_entry_for_a_size_applies_to_the_shape_whatever_its_name():
    shape = {axis: [value] for axis, value in SMALL["sizes"]["n14"].items()}
    grid = {"task": ["arithmetic"], **shape}
    assert study(changed(GRID, grid)).cells == study(SMALL).cells


@pytest.mark.parametrize("axis", ["layers", "heads", "width", "mlp_factor"])
def test_a_shape_with_an_axis_missing_is_refused(axis):
    shape = {name: [2] for name in ("layers", "heads", "width", "mlp_factor") if name != axis}
    assert message(changed(GRID, {"task": ["facts"], **shape})).startswith(f"studies.one.grids[0].{axis}: is missing")


def test_a_cell_without_seeds_is_refused():
    config = changed("budgets.small.cells.0", DELETED)
    found = message(changed(f"{GRID}.task", ["facts"], config))
    assert found.startswith("studies.one.grids[0].seeds: is missing")
    assert "budgets.small.cells" in found


def test_a_cell_that_two_grids_of_a_study_make_is_refused():
    config = changed("studies.one.grids", [SMALL["studies"]["one"]["grids"][0]] * 2)
    found = message(config)
    assert found.startswith("studies.one.grids[1]: ")
    assert "task=arithmetic/size=n14/variant=iterations-300" in found


@pytest.mark.parametrize(
    ("entries", "seeds"),
    [([1337, "0-3"], (0, 1, 2, 3, 1337)), (["5-5"], (5,)), ([2, 1], (1, 2)), (["0-1", "2-3"], (0, 1, 2, 3))],
)
def test_seeds_and_ranges_expand(entries, seeds):
    assert expand_seeds(entries, "seeds") == seeds


@pytest.mark.parametrize("seeds", [["0-999999999"], ["0-99999", "100000-199999"]])
def test_seeds_in_the_configuration_are_not_written_out_before_they_are_counted(seeds):
    tracemalloc.start()
    with pytest.raises(ConfigurationError, match="100,000"):
        expand_seeds(seeds, "seeds")
    assert tracemalloc.get_traced_memory()[1] < 2**25
    tracemalloc.stop()
