from __future__ import annotations

import copy
from collections import Counter
from pathlib import Path

import pytest

from capacity.experiment import configuration, grid
from capacity.experiment.assignment import RECORD
from capacity.experiment.cell import Cell, corpus_cell, make_cell, parse_cell
from capacity.experiment.grid import Study
from capacity.experiment.plan import Plan, figure_paths, make_plan
from capacity.experiment.seeds import format_seeds, parse_seeds
from capacity.experiment.table_plan import Job
from capacity.paper.protocol import MLT, SIZES
from capacity.tasks.task import Task
from tests.support.repository import REPOSITORY

CONFIG = {
    "budget": "hand",
    "device": "cpu",
    "threads": {"default": 1},
    "sizes": {
        "n14": {"layers": 1, "heads": 1, "width": 14, "mlp_factor": 1},
        "n20": {"layers": 1, "heads": 1, "width": 20, "mlp_factor": 1},
    },
    "studies": {
        "base": {"title": "Two tasks", "grids": [{"task": ["facts", "arithmetic"], "size": ["n14"]}]},
        "more": {
            "title": "More seeds",
            "grids": [
                {"task": ["facts"], "size": ["n14"], "seeds": ["0-5"]},
                {"task": ["joint"], "size": ["n20"], "facts": [7]},
            ],
        },
    },
    "budgets": {"hand": {"run": ["base"], "seeds_per_job": 2, "cells": [{"seeds": [1337, "0-2"]}]}},
}
FACTS = "task=facts/size=n14/variant=paper"
ARITHMETIC = "task=arithmetic/size=n14/variant=paper"
JOINT = "task=joint/size=n20/variant=facts-7"


@pytest.fixture
def config():
    return copy.deepcopy(CONFIG)


def trained(folder, cell, *seeds):
    """Marks jobs of a cell as trained, as the last file of a training job does."""
    for text in seeds:
        record = folder / cell / f"seeds={text}" / RECORD
        record.parent.mkdir(parents=True)
        record.write_text("{}")


def evaluation_paths(plan, table):
    return plan.table(table).files("evaluation")


def test_the_jobs_of_a_cell_hold_each_seed_of_every_study_once(config, tmp_path):
    plan = make_plan(config, tmp_path)
    assert set(plan.jobs) == {FACTS, ARITHMETIC, JOINT}
    assert plan.jobs[ARITHMETIC] == [(0, 1), (2, 1337)]
    assert sorted(seed for seeds in plan.jobs[FACTS] for seed in seeds) == [0, 1, 2, 3, 4, 5, 1337]
    assert max(len(seeds) for found in plan.jobs.values() for seeds in found) <= 2


def test_a_table_names_the_folders_of_its_jobs_and_the_seeds_that_it_takes_of_each(config, tmp_path):
    table = make_plan(config, tmp_path).table("base/arithmetic")
    folder = f"results/cells/{ARITHMETIC}"
    assert (table.table, table.title, table.departures) == ("base/arithmetic", "Two tasks", ())
    assert table.jobs == (
        Job(ARITHMETIC, (0, 1), f"{folder}/seeds=0-1"),
        Job(ARITHMETIC, (2, 1337), f"{folder}/seeds=2_1337"),
    )
    for kind, name in (
        ("evaluation", "evaluation.json"),
        ("answers", "answers.parquet"),
        ("history", "history.parquet"),
    ):
        assert table.files(kind) == [f"{folder}/seeds={seeds}/{name}" for seeds in ("0-1", "2_1337")]


def test_a_task_s_table_has_the_jobs_of_that_task_only(config, tmp_path):
    plan = make_plan(config, tmp_path)
    whole, facts, arithmetic = (evaluation_paths(plan, t) for t in ("base", "base/facts", "base/arithmetic"))
    assert sorted(whole) == sorted(facts + arithmetic)
    assert {path.split("/")[2] for path in facts} == {"task=facts"}


def test_studies_share_jobs_and_take_their_own_seeds_of_them(config, tmp_path):
    plan = make_plan(config, tmp_path)
    wanted = {"base": {0, 1, 2, 1337}, "more": {0, 1, 2, 3, 4, 5}}
    for study, seeds in wanted.items():
        jobs = plan.table(f"{study}/facts").jobs
        assert {seed for job in jobs for seed in job.seeds} == seeds
        for job in jobs:
            assert set(job.seeds) <= set(parse_seeds(Path(job.folder).name.removeprefix("seeds=")))
    shared = set(evaluation_paths(plan, "base/facts")) & set(evaluation_paths(plan, "more/facts"))
    assert {Path(path).parent.name for path in shared} == {"seeds=0-1", "seeds=2"}


def test_asking_for_more_seeds_keeps_the_jobs_that_are_trained(config, tmp_path):
    trained(tmp_path, ARITHMETIC, "0-1", "2_1337")
    config["budgets"]["hand"]["cells"][0]["seeds"] = [1337, "0-4"]
    assert make_plan(config, tmp_path).jobs[ARITHMETIC] == [(0, 1), (2, 1337), (3, 4)]


def test_a_job_that_was_trained_with_more_seeds_than_are_wanted_is_kept_whole(config, tmp_path):
    trained(tmp_path, ARITHMETIC, "0-9_1337")
    plan = make_plan(config, tmp_path)
    assert plan.jobs[ARITHMETIC] == [(*range(10), 1337)]
    assert [job.seeds for job in plan.table("base/arithmetic").jobs] == [(0, 1, 2, 1337)]


def test_a_trained_job_without_a_wanted_seed_is_left_alone(config, tmp_path):
    trained(tmp_path, ARITHMETIC, "50-60")
    assert make_plan(config, tmp_path).jobs[ARITHMETIC] == [(0, 1), (2, 1337)]


def test_a_folder_without_a_record_is_not_whole_and_counts_for_nothing(config, tmp_path):
    (tmp_path / ARITHMETIC / "seeds=0-2_1337").mkdir(parents=True)
    (tmp_path / ARITHMETIC / "seeds=0-2_1337/history.parquet").write_text("")
    assert make_plan(config, tmp_path).jobs[ARITHMETIC] == [(0, 1), (2, 1337)]


def test_a_plan_stays_the_same_while_its_jobs_finish(config, tmp_path):
    before = make_plan(config, tmp_path)
    for cell, found in before.jobs.items():
        for seeds in found:
            trained(tmp_path, cell, format_seeds(seeds))
            assert make_plan(config, tmp_path).jobs == before.jobs


def test_where_nothing_can_be_seen_jobs_are_cut_as_if_there_were_none(config, tmp_path):
    before = make_plan(config, tmp_path)
    trained(tmp_path, ARITHMETIC, "0-2_1337")
    assert make_plan(config, tmp_path) != before
    assert make_plan(config, None) == before


def test_no_run_is_counted_twice_where_trained_jobs_overlap(config, tmp_path):
    """As when results that were trained in two places are put together."""
    trained(tmp_path, ARITHMETIC, "0-2", "2_1337")
    seeds = [seed for job in make_plan(config, tmp_path).table("base/arithmetic").jobs for seed in job.seeds]
    assert sorted(seeds) == [0, 1, 2, 1337]


@pytest.mark.parametrize("table", ["nosuch", "nosuch/facts"])
def test_an_unknown_study_is_refused_by_name(config, tmp_path, table):
    with pytest.raises(ValueError, match="'nosuch' is not one of base, more"):
        make_plan(config, tmp_path).table(table)


def test_a_task_that_a_study_does_not_train_is_refused(config, tmp_path):
    with pytest.raises(ValueError, match="'base' has no joint cells"):
        make_plan(config, tmp_path).table("base/joint")


def test_departures_are_those_of_each_departing_cell(config, tmp_path):
    plan = make_plan(config, tmp_path)
    joint = "joint, n20: facts 7 (paper: 50), size not in the paper"
    assert plan.table("base").departures == ()
    assert plan.table("more").departures == plan.table("more/joint").departures == (joint,)
    assert plan.table("more/facts").departures == ()


def test_a_budget_s_changes_are_departures(config, tmp_path):
    config["budgets"]["hand"]["cells"].append({"where": {"task": ["facts"]}, "set": {"iterations": 1200}})
    assert make_plan(config, tmp_path).table("base").departures == ("facts, n14: iterations 1200 (paper: 30000)",)


def test_the_title_of_a_table_is_that_of_its_study(config, tmp_path):
    plan = make_plan(config, tmp_path)
    assert plan.table("more").title == plan.table("more/joint").title == "More seeds"


def test_a_corpus_is_made_from_its_name_alone():
    """Its rule must not run again, and all that is trained on it with it, when only the schedule of a cell changes."""
    for corpus in ("facts", "arithmetic", "joint_facts-7", "arithmetic_held_out-34.57"):
        cell = corpus_cell(corpus)
        assert cell.corpus_name == corpus
        assert cell.departures().keys() <= {"held_out", "facts", "corpus_seed"}


@pytest.mark.parametrize("corpus", ["arithmetic_held_out-57", "facts_iterations-9_facts-7", "history"])
def test_what_is_not_the_name_of_a_corpus_is_refused_by_name(corpus):
    with pytest.raises(ValueError, match=f"task={corpus.partition('_')[0]}|{corpus}"):
        corpus_cell(corpus)


def test_the_digest_of_a_table_s_plan_changes_with_its_own_part_of_the_configuration_and_no_other(config, tmp_path):
    before = make_plan(config, tmp_path).table("base/arithmetic").digest
    config["budgets"]["hand"]["cells"].append({"where": {"task": ["facts"]}, "set": {"iterations": 1200}})
    config["studies"]["another"] = config["studies"]["base"]
    config["device"] = "auto"
    assert make_plan(config, tmp_path).table("base/arithmetic").digest == before
    config["budgets"]["hand"]["cells"].append({"where": {"task": ["arithmetic"]}, "set": {"iterations": 1200}})
    assert make_plan(config, tmp_path).table("base/arithmetic").digest != before


@pytest.mark.parametrize(
    ("path", "value"),
    [(("studies", "base", "title"), "Another"), (("budgets", "hand", "cells"), [{"seeds": [1337, "0-1"]}])],
)
def test_another_title_and_other_seeds_change_the_digest_of_a_table_s_plan(config, tmp_path, path, value):
    before = make_plan(config, tmp_path).table("base/arithmetic").digest
    first, second, last = path
    config[first][second][last] = value
    assert make_plan(config, tmp_path).table("base/arithmetic").digest != before


def test_another_number_of_seeds_per_job_changes_no_plan_of_what_is_trained(config, tmp_path):
    trained(tmp_path, ARITHMETIC, "0-1", "2_1337")
    before = make_plan(config, tmp_path).table("base/arithmetic")
    config["budgets"]["hand"]["seeds_per_job"] = 1
    assert make_plan(config, tmp_path).table("base/arithmetic") == before


def study(name, *cells):
    return Study(name, "A study", {cell.name: cell for cell in cells}, {cell.name: (0,) for cell in cells})


def test_figures_are_the_tradeoff_the_curves_of_each_task_and_with_arithmetic_two_more():
    base = study("base", *(make_cell(task, size) for size in (MLT, SIZES["n14"]) for task in ("joint", "arithmetic")))
    names = ("tradeoff", "arithmetic", "joint", "dynamics", "answers", "held_out_histories")
    assert figure_paths(base) == [f"results/figures/base/{name}.pdf" for name in names]


def test_figures_of_another_study_lie_in_its_own_folder():
    found = figure_paths(study("one-task", make_cell("facts", SIZES["n14"])))
    assert found == ["results/figures/one-task/tradeoff.pdf", "results/figures/one-task/facts.pdf"]


def test_tasks_with_arithmetic_are_named_and_a_study_without_is_refused():
    cells = [make_cell(task, SIZES["n14"]) for task in ("joint", "facts", "arithmetic")]
    plan = Plan(
        {"all": study("all", *cells), "joint": study("joint", *cells[:2]), "facts": study("facts", cells[1])}, {}
    )
    assert plan.expression_tasks("all") == ["arithmetic", "joint"]
    assert plan.expression_tasks("joint") == ["joint"]
    with pytest.raises(ValueError, match="'facts' has no arithmetic or joint cells"):
        plan.expression_tasks("facts")
    with pytest.raises(ValueError, match="'nosuch' is not one of all, joint, facts"):
        plan.expression_tasks("nosuch")


def test_cells_are_parsed_once():
    assert parse_cell(FACTS) == make_cell("facts", SIZES["n14"])
    assert parse_cell(FACTS) is parse_cell(FACTS)


def test_planning_makes_and_checks_each_cell_once_and_writes_a_text_once_for_all_that_read_it(tmp_path, monkeypatch):
    rates = [0.001 + 0.00001 * number for number in range(100)]
    axes = {"task": ["arithmetic"], "size": ["n14", "n28", "n56"], "learning_rate": rates, "seeds": ["0-19"]}
    config = configuration.main_configuration(REPOSITORY) | {
        "budget": "hand",
        "studies": {"base": {"title": "Many", "grids": [axes]}},
        "budgets": {"hand": {"run": ["base"], "seeds_per_job": 20, "cells": [{"set": {"iterations": 4000}}]}},
    }
    counted = Counter()

    def count(module, name):
        counted_one = getattr(module, name)

        def call(*arguments, **named):
            counted[name] += 1
            return counted_one(*arguments, **named)

        monkeypatch.setattr(module, name, call)

    count(grid, "check_cell")
    count(Task, "lines")
    plan = make_plan(config, tmp_path, configuration.validate(config))
    assert plan.table("base") is plan.table("base")
    assert len(plan.table("base").jobs) == len(plan.cells) == 300
    assert counted["check_cell"] == 300
    assert counted["lines"] <= 1


def test_the_names_of_a_cell_are_made_once(monkeypatch):
    cell = make_cell("arithmetic", SIZES["n14"], learning_rate=0.5)
    first = cell.name, cell.corpus_name
    monkeypatch.setattr(Cell, "departures", None)
    assert (cell.name, cell.corpus_name) == first
