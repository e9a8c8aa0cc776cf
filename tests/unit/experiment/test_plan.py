from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path

import pytest

from capacity.experiment import configuration
from capacity.experiment import plan as experiment_plan
from capacity.experiment.cell import Cell, corpus_cell, make_cell
from capacity.experiment.grid import Study
from capacity.experiment.plan import FILES, RECORD, Plan, cell_of, config_of, figure_paths, plan_of_made
from capacity.experiment.seeds import format_seeds, parse_seeds
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
    return [job["evaluation"] for job in plan.jobs_of(table)]


def test_the_jobs_of_a_cell_hold_each_seed_of_every_study_once(config, tmp_path):
    plan = experiment_plan.plan(config, tmp_path)
    assert set(plan.jobs) == {FACTS, ARITHMETIC, JOINT}
    assert plan.jobs[ARITHMETIC] == [(0, 1), (2, 1337)]
    assert sorted(seed for seeds in plan.jobs[FACTS] for seed in seeds) == [0, 1, 2, 3, 4, 5, 1337]
    assert max(len(seeds) for found in plan.jobs.values() for seeds in found) <= 2


def test_a_study_names_the_files_of_its_jobs_and_the_seeds_it_wants_of_each(config, tmp_path):
    plan = experiment_plan.plan(config, tmp_path)
    found = plan.jobs_of("base/arithmetic")
    folder = f"results/cells/{ARITHMETIC}"
    assert found == [
        {
            "cell": ARITHMETIC,
            "evaluation": f"{folder}/seeds={seeds}/evaluation.json",
            "items": f"{folder}/seeds={seeds}/items.parquet",
            "history": f"{folder}/seeds={seeds}/history.parquet",
            "seeds": seeds,
        }
        for seeds in ("0-1", "2_1337")
    ]
    assert plan.files_of("base/arithmetic", "history") == [job["history"] for job in found]


def test_a_task_s_table_has_the_jobs_of_that_task_only(config, tmp_path):
    plan = experiment_plan.plan(config, tmp_path)
    whole, facts, arithmetic = (evaluation_paths(plan, t) for t in ("base", "base/facts", "base/arithmetic"))
    assert sorted(whole) == sorted(facts + arithmetic)
    assert {path.split("/")[2] for path in facts} == {"task=facts"}


def test_studies_share_jobs_and_take_their_own_seeds_of_them(config, tmp_path):
    plan = experiment_plan.plan(config, tmp_path)
    wanted = {"base": {0, 1, 2, 1337}, "more": {0, 1, 2, 3, 4, 5}}
    for study, seeds in wanted.items():
        found = plan.jobs_of(f"{study}/facts")
        assert {seed for job in found for seed in parse_seeds(job["seeds"])} == seeds
        for job in found:
            trained_with = parse_seeds(Path(job["evaluation"]).parent.name.removeprefix("seeds="))
            assert set(parse_seeds(job["seeds"])) <= set(trained_with)
    shared = set(evaluation_paths(plan, "base/facts")) & set(evaluation_paths(plan, "more/facts"))
    assert {Path(path).parent.name for path in shared} == {"seeds=0-1", "seeds=2"}


def test_asking_for_more_seeds_keeps_the_jobs_that_are_trained(config, tmp_path):
    trained(tmp_path, ARITHMETIC, "0-1", "2_1337")
    config["budgets"]["hand"]["cells"][0]["seeds"] = [1337, "0-4"]
    assert experiment_plan.plan(config, tmp_path).jobs[ARITHMETIC] == [(0, 1), (2, 1337), (3, 4)]


def test_a_job_that_was_trained_with_more_seeds_than_are_wanted_is_kept_whole(config, tmp_path):
    trained(tmp_path, ARITHMETIC, "0-9_1337")
    plan = experiment_plan.plan(config, tmp_path)
    assert plan.jobs[ARITHMETIC] == [(*range(10), 1337)]
    assert [job["seeds"] for job in plan.jobs_of("base/arithmetic")] == ["0-2_1337"]


def test_a_trained_job_without_a_wanted_seed_is_left_alone(config, tmp_path):
    trained(tmp_path, ARITHMETIC, "50-60")
    assert experiment_plan.plan(config, tmp_path).jobs[ARITHMETIC] == [(0, 1), (2, 1337)]


def test_a_folder_without_a_record_is_not_whole_and_counts_for_nothing(config, tmp_path):
    (tmp_path / ARITHMETIC / "seeds=0-2_1337").mkdir(parents=True)
    (tmp_path / ARITHMETIC / "seeds=0-2_1337/history.parquet").write_text("")
    assert experiment_plan.plan(config, tmp_path).jobs[ARITHMETIC] == [(0, 1), (2, 1337)]


def test_a_plan_stays_the_same_while_its_jobs_finish(config, tmp_path):
    before = experiment_plan.plan(config, tmp_path)
    for cell, found in before.jobs.items():
        for seeds in found:
            trained(tmp_path, cell, format_seeds(seeds))
            assert experiment_plan.plan(config, tmp_path).jobs == before.jobs


def test_where_nothing_can_be_seen_jobs_are_cut_as_if_there_were_none(config, tmp_path):
    before = experiment_plan.plan(config, tmp_path)
    trained(tmp_path, ARITHMETIC, "0-2_1337")
    assert experiment_plan.plan(config, tmp_path) != before
    assert experiment_plan.plan(config, None) == before


def test_a_table_is_made_from_the_files_that_are_there_whoever_has_the_records(config, tmp_path):
    """As in local copies of a store: files that the table is made from, in another folder, and no records."""
    for seeds in ("0-1", "2_1337"):
        folder = tmp_path / ARITHMETIC / f"seeds={seeds}"
        folder.mkdir(parents=True)
        (folder / FILES["evaluation"]).write_text("{}")
    part = config_of(config, "base/arithmetic")
    found = plan_of_made(part, tmp_path, FILES["evaluation"]).files_of("base/arithmetic", "evaluation")
    assert found == [str(tmp_path / ARITHMETIC / f"seeds={seeds}/evaluation.json") for seeds in ("0-1", "2_1337")]


def test_no_run_is_counted_twice_where_trained_jobs_overlap(config, tmp_path):
    """As when results that were trained in two places are put together."""
    trained(tmp_path, ARITHMETIC, "0-2", "2_1337")
    found = [
        seed
        for job in experiment_plan.plan(config, tmp_path).jobs_of("base/arithmetic")
        for seed in parse_seeds(job["seeds"])
    ]
    assert sorted(found) == [0, 1, 2, 1337]


def test_the_part_of_a_configuration_for_one_study_makes_the_same_table(config, tmp_path):
    trained(tmp_path, FACTS, "0-1", "2", "3-4")
    whole = experiment_plan.plan(config, tmp_path)
    for cell, found in whole.jobs.items():
        for seeds in found:
            if not (tmp_path / cell / f"seeds={format_seeds(seeds)}").exists():
                trained(tmp_path, cell, format_seeds(seeds))
    for study in config["studies"]:
        part = json.loads(json.dumps(config_of(config, study)))
        again = experiment_plan.plan(part, tmp_path)
        assert list(again.studies) == [study]
        assert again.jobs_of(study) == whole.jobs_of(study)
        assert again.title(study) == whole.title(study)


@pytest.mark.parametrize("table", ["nosuch", "nosuch/facts"])
def test_an_unknown_study_is_refused_by_name(config, tmp_path, table):
    with pytest.raises(ValueError, match="'nosuch' is not one of base, more"):
        experiment_plan.plan(config, tmp_path).jobs_of(table)
    with pytest.raises(ValueError, match="'nosuch' is not one of base, more"):
        config_of(config, "nosuch")


def test_a_task_that_a_study_does_not_train_is_refused(config, tmp_path):
    with pytest.raises(ValueError, match="'base' has no joint cells"):
        experiment_plan.plan(config, tmp_path).jobs_of("base/joint")


def test_departures_are_those_of_each_departing_cell(config, tmp_path):
    plan = experiment_plan.plan(config, tmp_path)
    assert plan.departures("base") == []
    assert plan.departures("more") == ["joint, n20: facts 7 (paper: 50), size not in the paper"]
    assert plan.departures("nosuch") == []


def test_a_budget_s_changes_are_departures(config, tmp_path):
    config["budgets"]["hand"]["cells"].append({"where": {"task": ["facts"]}, "set": {"iterations": 1200}})
    assert experiment_plan.plan(config, tmp_path).departures("base") == ["facts, n14: iterations 1200 (paper: 30000)"]


def test_the_title_is_the_study_s_and_empty_for_no_study(config, tmp_path):
    plan = experiment_plan.plan(config, tmp_path)
    assert plan.title("more") == "More seeds"
    assert plan.title("nosuch") == ""


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


def test_a_table_is_decided_by_its_own_part_of_the_configuration(config):
    before = config_of(config, "base/arithmetic")
    config["budgets"]["hand"]["seeds_per_job"] += 1
    config["budgets"]["hand"]["cells"].append({"where": {"task": ["facts"]}, "set": {"iterations": 1200}})
    config["studies"]["another"] = config["studies"]["base"]
    assert config_of(config, "base/arithmetic") == before
    config["budgets"]["hand"]["cells"].append({"where": {"task": ["arithmetic"]}, "set": {"iterations": 1200}})
    assert config_of(config, "base/arithmetic") != before


def test_the_part_of_a_table_gives_the_jobs_that_the_whole_gives(config, tmp_path):
    trained(tmp_path, ARITHMETIC, "0-1", "2_1337")
    whole = experiment_plan.plan(config, tmp_path).jobs_of("base/arithmetic")
    assert experiment_plan.plan(config_of(config, "base/arithmetic"), tmp_path).jobs_of("base/arithmetic") == whole


def study(name, *cells):
    return Study(name, "A study", {cell.name: cell for cell in cells}, {cell.name: (0,) for cell in cells})


def test_figures_are_the_tradeoff_the_curves_of_each_task_and_with_arithmetic_two_more():
    base = study("base", *(make_cell(task, size) for size in (MLT, SIZES["n14"]) for task in ("joint", "arithmetic")))
    names = ("tradeoff", "arithmetic", "joint", "dynamics", "answers")
    assert figure_paths(base) == [f"results/figures/{name}.pdf" for name in names]


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
    assert cell_of(FACTS) == make_cell("facts", SIZES["n14"])
    assert cell_of(FACTS) is cell_of(FACTS)


def test_planning_makes_and_checks_each_cell_once_and_writes_a_text_once_for_all_that_read_it(tmp_path, monkeypatch):
    root = REPOSITORY
    schema = configuration.read_yaml(configuration.SCHEMA)
    rates = [0.001 + 0.00001 * number for number in range(100)]
    grid = {"task": ["arithmetic"], "size": ["n14", "n28", "n56"], "learning_rate": rates, "seeds": ["0-19"]}
    config = configuration.main_configuration(root) | {
        "budget": "hand",
        "studies": {"base": {"title": "Many", "grids": [grid]}},
        "budgets": {"hand": {"run": ["base"], "seeds_per_job": 20, "cells": [{"set": {"iterations": 4000}}]}},
    }
    counted = Counter()

    def count(module, name):
        counted_one = getattr(module, name)

        def call(*arguments, **named):
            counted[name] += 1
            return counted_one(*arguments, **named)

        monkeypatch.setattr(module, name, call)

    count(configuration, "check_cell")
    count(Task, "lines")
    plan = experiment_plan.plan(config, tmp_path, configuration.validate(config, schema))
    assert len(plan.jobs_of("base")) == len(plan.cells) == 300
    assert counted["check_cell"] == 300
    assert counted["lines"] <= 1


def test_the_names_of_a_cell_are_made_once(monkeypatch):
    cell = make_cell("arithmetic", SIZES["n14"], learning_rate=0.5)
    first = cell.name, cell.corpus_name
    monkeypatch.setattr(Cell, "departures", None)
    assert (cell.name, cell.corpus_name) == first
