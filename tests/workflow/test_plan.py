"""What dry runs plan: the jobs of each budget and of single targets, and what is refused before any job starts."""

from __future__ import annotations

import math
import re
import shlex
from collections import Counter

import pytest
import yaml

from capacity.claims import judge
from capacity.experiment import grid

SIZES = ("n14", "n28", "n56", "mlt")
TASKS = ("arithmetic", "facts", "joint")
RUN = ["base", "weight-decay", "grokking"]
AGAINST_THE_PAPER = Counter(replication=1, draw_replication=1, claims=1, findings=1, laboratory=1, methods=1)
AGAINST_THE_PAPER += Counter(explorer=1, report_of_all=1, manifest_of_pages=1)


@pytest.fixture(scope="module")
def settings(clone):
    return yaml.safe_load((clone.folder / "config.yaml").read_text(encoding="utf-8"))


def jobs_in_all(settings, budget, study, tasks=TASKS):
    """Return how many training jobs a study has before anything is trained: each cell's seeds, in parts."""
    planned = grid.studies(settings | {"budget": budget})[study]
    part = settings["budgets"][budget]["seeds_per_job"]
    cells = [name for name, cell in planned.cells.items() if cell.task in tasks]
    return sum(math.ceil(len(planned.seeds[name]) / part) for name in cells)


def cells_trained(jobs):
    """The cells that training jobs are planned for, as (task, size)."""
    parts = [job.outputs[0].split("/") for job in jobs if job.rule == "train"]
    return {(task.removeprefix("task="), size.removeprefix("size=")) for _, _, task, size, *_ in parts}


def cells_of_laptop(tasks=TASKS):
    """The cells of the laptop budget, as (task, size): MLT is left out where lines are long."""
    return {(task, size) for task in tasks for size in SIZES if size != "mlt" or task == "arithmetic"}


def counts(jobs):
    return Counter(job.rule for job in jobs)


# The tables of dynamics and of expressions of a study and of its tasks with arithmetic, and the two figures.
DYNAMICS = Counter(dynamics=3, expressions=3, expression_histories=3, draw_dynamics=1, draw_answers=1)
DYNAMICS += Counter(draw_held_out_histories=1)
# The plans, tables and figures of a study and of its three tasks.
STUDY = (
    Counter(plan=4, tabulate=4, histories=4, draw_tradeoff=1, draw_curves=3, answer=1, report_of_study=1, manifest=1)
    + DYNAMICS
)


def test_a_plain_run_makes_every_figure_and_table_of_the_laptop_budget(clone, settings):
    planned = clone.planned()
    trained = jobs_in_all(settings, "laptop", "base")
    made = Counter(corpus=3, train=trained, evaluate=trained, figure_of_base=7, draw_measures=3)
    assert counts(planned) == made + STUDY + AGAINST_THE_PAPER
    assert cells_trained(planned) == cells_of_laptop()
    outputs = {output for job in planned for output in job.outputs}
    figures = ("tradeoff", *TASKS, "dynamics", "answers", "held_out_histories")
    assert {f"results/figures/{folder}{name}.pdf" for name in figures for folder in ("", "base/")} <= outputs
    assert {"results/studies/base/index.md", "results/studies/base/answer.json", "results/laboratory.md"} <= outputs
    assert {"results/methods.md", "results/methods.json"} <= outputs
    pages = ("base/summary", "base/dynamics", "replication", "claims")
    assert {f"results/tables/{name}.{kind}" for name in pages for kind in ("md", "csv", "parquet")} <= outputs
    assert {f"results/plans/{name}.json" for name in ("base", *(f"base/{task}" for task in TASKS))} <= outputs
    assert {"results/tables/base/expressions.parquet", "results/findings.md"} <= outputs


def test_the_paper_s_budget_trains_its_24_cells(clone):
    planned = clone.planned("--config", "budget=paper")
    # Seeds that another study names are jobs of their own: half of those of nine cells.
    made = Counter(corpus=3, train=33, evaluate=33, figure_of_base=7, draw_measures=3)
    assert counts(planned) == made + STUDY + STUDY + AGAINST_THE_PAPER
    cells = {job.outputs[0].split("/seeds=")[0] for job in planned if job.rule == "train"}
    assert len(cells) == 24
    assert {cell.rsplit("variant=", 1)[1] for cell in cells} == {"paper", "weight_decay-0.1", "dropout-0"}


@pytest.mark.parametrize("task", TASKS)
def test_the_curves_of_a_task_train_that_task_only(clone, settings, task):
    planned = clone.planned(f"results/figures/{task}.pdf")
    trained = jobs_in_all(settings, "laptop", "base", [task])
    made = Counter(plan=1, tabulate=1, histories=1, draw_curves=1, figure_of_base=1)
    assert counts(planned) == Counter(corpus=1, train=trained, evaluate=trained) + made
    assert cells_trained(planned) == cells_of_laptop([task])


@pytest.mark.parametrize("figure", ["dynamics", "answers", "held_out_histories"])
def test_the_figures_of_expressions_train_no_facts_alone(clone, settings, figure):
    planned = clone.planned(f"results/figures/{figure}.pdf")
    trained = jobs_in_all(settings, "laptop", "base", ["arithmetic", "joint"])
    tables = {"dynamics": Counter(histories=2, dynamics=2), "answers": Counter(expressions=2)}.get(
        figure, Counter(expression_histories=2)
    )
    tables += Counter({"plan": 2, "tabulate": 2, f"draw_{figure}": 1, "figure_of_base": 1})
    made = Counter({"corpus": 2, "train": trained, "evaluate": trained})
    assert counts(planned) == made + tables
    assert cells_trained(planned) == cells_of_laptop(["arithmetic", "joint"])


def test_the_tradeoff_needs_every_cell_and_the_tables_that_it_draws_and_no_other(clone, settings):
    planned = clone.planned("results/figures/tradeoff.pdf")
    trained = jobs_in_all(settings, "laptop", "base")
    assert cells_trained(planned) == cells_of_laptop()
    made = Counter(plan=1, tabulate=1, draw_tradeoff=1, figure_of_base=1)
    assert counts(planned) == Counter(corpus=3, train=trained, evaluate=trained) + made


def test_the_figures_of_a_study_train_that_study_only(clone):
    planned = clone.planned("results/figures/grokking/arithmetic.pdf")
    assert counts(planned) == Counter(corpus=1, train=1, evaluate=1, plan=1, tabulate=1, histories=1, draw_curves=1)
    assert cells_trained(planned) == {("arithmetic", "mlt")}


def test_one_cell_can_be_asked_for_by_its_path(clone):
    cell = "results/cells/task=facts/size=n14/variant=iterations-300/seeds=7"
    planned = clone.planned(f"{cell}/evaluation.json")
    assert counts(planned) == Counter(corpus=1, train=1, evaluate=1)


def test_named_targets_make_a_part_of_everything(clone):
    tables, figures = clone.counts("tables"), clone.counts("figures")
    assert [rule for rule in tables if rule.startswith(("draw_", "figure_"))] == []
    assert (tables["tabulate"], tables["findings"]) == (1, 1)
    assert (tables["dynamics"], tables["expressions"]) == (1, 1)
    drawn = Counter(
        draw_tradeoff=1, draw_curves=3, draw_dynamics=1, draw_answers=1, draw_held_out_histories=1, figure_of_base=7
    )
    assert Counter({rule: count for rule, count in figures.items() if rule in drawn}) == drawn
    assert (figures["findings"], figures["dynamics"]) == (0, 2)


def test_another_size_and_another_study_need_no_code(clone):
    name = clone.configure(
        "ladder.yaml",
        {
            "sizes": {"wide": {"layers": 1, "heads": 3, "width": 30, "mlp_factor": 2}},
            "studies": {
                "ladder": {
                    "title": "A ladder",
                    "grids": [{"task": ["facts"], "size": ["wide", "n14"], "facts": [5, 10], "seeds": ["0-3"]}],
                }
            },
        },
    )
    planned = clone.planned("results/figures/ladder/tradeoff.pdf", "--configfile", name)
    assert counts(planned) == Counter(corpus=2, train=16, evaluate=16, plan=1, tabulate=1, draw_tradeoff=1)
    assert cells_trained(planned) == {("facts", "l1h3d30m2"), ("facts", "n14")}


def test_a_budget_can_run_a_study_of_one_s_own(clone):
    name = clone.configure(
        "own.yaml",
        {
            "studies": {"own": {"title": "My own", "grids": [{"task": ["joint"], "size": ["n14"], "seeds": [3]}]}},
            "budgets": {"laptop": {"run": ["own"]}},
        },
    )
    planned = clone.planned("--configfile", name)
    made = Counter(corpus=1, train=1, evaluate=1, plan=2, tabulate=2, histories=2, draw_tradeoff=1, draw_curves=1)
    made += Counter(dynamics=2, expressions=2, expression_histories=2, draw_dynamics=1, draw_answers=1, manifest=1)
    made += Counter(draw_held_out_histories=1, answer=1, report_of_study=1)
    assert counts(planned) == made + AGAINST_THE_PAPER


def test_a_study_of_facts_alone_has_tables_and_no_figures_of_expressions(clone):
    name = clone.configure(
        "facts.yaml",
        {
            "studies": {"own": {"title": "My own", "grids": [{"task": ["facts"], "size": ["n14"], "seeds": [3]}]}},
            "budgets": {"laptop": {"run": ["own"]}},
        },
    )
    made = Counter(corpus=1, train=1, evaluate=1, plan=2, tabulate=2, draw_tradeoff=1, draw_curves=1)
    made += (
        Counter(histories=2, dynamics=1, expressions=1, expression_histories=1, answer=1, report_of_study=1, manifest=1)
        + AGAINST_THE_PAPER
    )
    assert clone.counts("--configfile", name) == made
    said = clone.snakemake("--dry-run", "results/figures/own/answers.pdf", "--configfile", name, succeeds=False)
    assert "study 'own' has no arithmetic or joint cells" in said


@pytest.mark.parametrize("budget", ["laptop", "paper"])
def test_verdicts_are_made_from_the_studies_that_the_budget_runs(clone, settings, budget):
    planned = clone.planned("results/tables/claims.md", "--config", f"budget={budget}")
    made = {output for job in planned for output in job.outputs}
    studies = {path.split("/")[2] for path in made if path.endswith("/runs.parquet")}
    assert studies == set(settings["budgets"][budget]["run"])
    assert counts(planned)["claims"] == 1


def test_the_command_that_a_page_of_verdicts_names_runs_the_missing_study(clone):
    command = shlex.split(judge.run_command("laptop", ["base", "grokking"]))
    assert command[0] == "snakemake"
    planned = clone.planned(*command[1:])
    assert counts(planned)["tabulate"] == 2
    assert any("iterations-1500000" in job.outputs[0] for job in planned if job.rule == "train")


def test_the_replication_reads_the_paper_s_two_studies_alone(clone):
    planned = clone.planned("results/tables/replication.md", *shlex.split(judge.run_command("paper", RUN))[2:])
    assert counts(planned) == Counter(corpus=3, train=33, evaluate=33, plan=2, tabulate=2, replication=1)


@pytest.mark.parametrize("budget", ["laptop", "workstation", "paper"])
def test_the_findings_are_made_from_the_studies_that_the_budget_runs(clone, settings, budget):
    planned = clone.planned("results/findings.md", "--config", f"budget={budget}")
    studies = settings["budgets"][budget]["run"]
    trained = {job.outputs[0] for job in planned if job.rule == "train"}
    made = Counter(dict.fromkeys(("plan", "tabulate", "histories", "dynamics"), len(studies)))
    costly = Counter(corpus=3, train=len(trained), evaluate=len(trained))
    assert counts(planned) == costly + made + AGAINST_THE_PAPER - Counter(
        draw_replication=1, laboratory=1, methods=1, explorer=1, report_of_all=1, manifest_of_pages=1
    )
    tables = {path.split("/")[2] for job in planned for path in job.outputs if path.endswith("/dynamics.parquet")}
    assert tables == set(studies)


BAD = {
    "budget": ({"budget": "papr"}, ("budget:", "'papr'", "did you mean 'paper'")),
    "unknown key": ({"thread": 3}, ("thread:", "unknown key", "3")),
    "value": ({"device": "gpu"}, ("device:", "'gpu'", "auto")),
    "size": (
        {"sizes": {"odd": {"layers": 1, "heads": 4, "width": 30, "mlp_factor": 1}}},
        ("sizes.odd.heads:", "4 heads", "30"),
    ),
    "grid": (
        {"studies": {"own": {"title": "My own", "grids": [{"task": ["joint"], "size": ["n15"], "seeds": [3]}]}}},
        ("studies.own.grids[0].size:", "'n15'"),
    ),
    "text for a number": (
        {"budgets": {"laptop": {"cells": [{"set": {"learning_rate": "1e-5"}, "seeds": [0]}]}}},
        ("budgets.laptop.cells[0].set.learning_rate:", "'1e-5'", "1.0e-5"),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_configuration_is_refused_with_one_message_before_any_job(clone, name):
    config, words = BAD[name]
    said = clone.snakemake("--dry-run", "--configfile", clone.configure("bad.yaml", config), succeeds=False)
    assert said.count("cannot be run") == 1
    assert [word for word in words if word not in said] == []
    assert "Traceback" not in said
    assert "Job stats" not in said


def test_a_bad_value_on_the_command_line_is_refused_alike(clone):
    said = clone.snakemake("--dry-run", "--config", "budget=papr", succeeds=False)
    assert "budget: 'papr' is not known; it must be one of quick, laptop, workstation, paper" in said
    assert "Job stats" not in said


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("results/figures/nosuch/tradeoff.pdf", ("'nosuch' is not one of", "base")),
        ("results/tables/nosuch/summary.csv", ("'nosuch' is not one of", "base")),
        ("results/figures/grokking/facts.pdf", ("'grokking' has no facts cells",)),
        ("results/corpora/arithmetic_held_out-57.parquet", ("held_out-57", "is not canonical")),
        ("results/corpora/facts_iterations-9.parquet", ("facts_iterations-9",)),
        ("results/cells/task=joint/size=n14/variant=iterations-30000/seeds=0/run.json", ("is not canonical",)),
        ("results/figures/nosuch.pdf", ("results/figures/nosuch.pdf",)),
    ],
)
def test_a_target_that_cannot_be_made_is_refused_by_name(clone, target, words):
    said = clone.snakemake("--dry-run", target, succeeds=False)
    assert [word for word in words if word not in said] == []
    assert "Job stats" not in said


def test_the_linter_of_snakemake_has_nothing_to_say(clone):
    assert "Lints for" not in clone.snakemake("--lint")


def asked_of(said):
    """The GPUs that the training and evaluation jobs of a dry run ask for, as texts."""
    return re.findall(r"^rule (?:train|evaluate):\n(?: +\S.*\n)*? +resources: (.*)$", said, re.MULTILINE)


@pytest.mark.parametrize(("device", "asks"), [("cuda", True), ("cpu", False)])
def test_training_and_evaluation_ask_for_a_gpu_where_the_configuration_does(clone, device, asks):
    gpu = ("--workflow-profile", "profiles/gpu") if asks else ()
    asked = asked_of(clone.snakemake("--dry-run", "results/figures/facts.pdf", *gpu, "--config", f"device={device}"))
    assert len(asked) == 10
    assert {"gpu=1" in resources.split(", ") for resources in asked} == {asks}
    assert {"gpu=" in resources for resources in asked} == {asks}


def test_a_job_reads_the_code_of_its_own_stage_alone(make_clone):
    """On a cluster each job starts Snakemake anew: to digest the code of every stage took a tenth of that start."""
    clone = make_clone("broken figures")
    with (clone.folder / "src/capacity/commands/draw_curves.py").open("a", encoding="utf-8") as file:
        file.write("\n)\n")
    assert counts(clone.planned("results/corpora/facts.parquet")) == Counter(corpus=1)
    assert "SyntaxError" in clone.snakemake("-n", "results/figures/facts.pdf", succeeds=False)


def test_what_is_printed_of_a_job_fits_a_few_lines_and_holds_no_configuration(clone):
    said = clone.snakemake("--dry-run", "--printshellcmds")
    commands = [line for line in said.splitlines() if line.startswith("Shell command: ")]
    assert len(commands) > 60
    of_manifests = [line for line in commands if " capacity manifest " in line]  # they name every record of a study
    assert max(map(len, of_manifests)) < 1_800
    assert max(len(line) for line in commands if line not in of_manifests) < 800
    assert "grids" not in said


def test_a_dry_run_writes_nothing_among_the_results(clone):
    clone.planned()
    assert not [path for path in clone.folder.glob("results/**/*") if path.is_file()]
