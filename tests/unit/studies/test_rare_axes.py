"""Studies of axes that few studies have: tables, answers, figures and pages, of networks that were not trained."""

from __future__ import annotations

import functools
from typing import Any

import numpy
import pandas as pd
import pytest

from capacity.corpora import corpus
from capacity.dictionary.studies import RUNS, SUMMARY
from capacity.evaluation.job import evaluate_job
from capacity.experiment import configuration, grid
from capacity.experiment.cell import Cell
from capacity.figures import measures
from capacity.findings.corpora_used import corpora_used
from capacity.statistics.intervals import RESAMPLING_SEED
from capacity.studies.answer import Draws, StudyTables
from capacity.studies.cells_run import describe
from capacity.studies.registry import RULES
from capacity.tables import dynamics
from capacity.tables.frames import read_frame, write_frame
from capacity.tables.runs import run_rows, runs_frame, sorted_runs
from capacity.tables.summary import summary_frame, to_markdown
from capacity.tasks.registry import TASKS
from tests.support.configuration_slips import changed
from tests.support.handmade_results import mechanisms
from tests.support.networks import networks_of
from tests.support.untrained_results import history_of, stack_of

SEEDS = (0, 7)
VARYING = {
    "fraction": {"held-out fraction", "split seed"},
    "range": {"largest operand", "block (follows from other settings)"},
    "crossed": {"answers", "initialisation seed"},
    "mixed": {"kind of facts", "mixing", "share of arithmetic"},
    "random": {"facts in the corpus", "kind of facts", "size"},
}
SHORT = {"iterations": [600], "evaluation_interval": [200], "seeds": list(SEEDS)}
STUDIES: dict[str, dict[str, Any]] = {
    "random": {
        "answer": {"rule": "capacity", "over": "facts", "measure": "line-bits"},
        "figures": {
            "saturation": {"kind": "lines", "measure": ["bits", "line-bits"], "x": "facts", "colour": "size"},
            "density": {"kind": "lines", "measure": "line-bits-per-parameter", "x": "parameters", "colour": "facts"},
        },
        "grids": [
            {"task": ["facts"], "size": ["n14", "wide"], "fact_kind": [kind], "facts": [5, 8], "stream": ["reshuffled"]}
            for kind in ("synthetic", "strings")
        ],
    },
    "fraction": {
        "answer": {"rule": "threshold", "along": "held_out_fraction", "measure": "all-right", "by": "task"},
        "figures": {
            "by-fraction": {"kind": "lines", "measure": "held-out", "x": "held_out_fraction", "colour": "split_seed"}
        },
        "grids": [{"task": ["arithmetic"], "held_out_fraction": [0.1, 0.7], "split_seed": [0, 3]}],
    },
    "range": {
        "answer": {"rule": "difference", "between": {"largest_operand": [9, 12]}, "measure": "held-out", "by": "task"},
        "figures": {"held-out": {"kind": "dots", "measure": ["held-out", "seen"], "x": "largest_operand"}},
        "grids": [
            {"task": ["arithmetic"], "largest_operand": [9, 12], "held_out_fraction": [0.1], "split_seed": [0]},
        ],
    },
    "crossed": {
        "answer": {"rule": "difference", "between": {"initialisation_seed": [3, 4]}, "measure": "held-out"},
        "figures": {"by-seed": {"kind": "dots", "measure": ["seen", "held-out"], "x": "initialisation_seed"}},
        "grids": [
            {"task": ["arithmetic"], "initialisation_seed": [3, 4], "answers": ["correct", "permuted"]},
            {"task": ["arithmetic"], "answers": ["correct", "permuted"]},
        ],
    },
    "mixed": {
        "answer": {
            "rule": "difference",
            "between": {"mixing": ["blocks", "shuffled"]},
            "measure": "loss",
            "by": "size",
        },
        "figures": {
            "arms": {
                "kind": "dots",
                "measure": ["facts", "held-out", "loss"],
                "x": "mixing",
                "facet": ["fact_kind", "arithmetic_share"],
            }
        },
        "grids": [
            {"task": ["joint"], "mixing": ["blocks", "shuffled"]},
            {"task": ["joint"], "arithmetic_share": [0.5]},
            {"task": ["joint"], "fact_kind": ["filler"]},
        ],
    },
}


@functools.cache
def study(name: str) -> grid.Study:
    grids = [{"size": ["n14"]} | entry | SHORT for entry in STUDIES[name]["grids"]]
    config = changed("studies", {"one": STUDIES[name] | {"title": name, "grids": grids}})
    return configuration.validate(config)["one"]


def evaluated(cell: Cell) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    lines = corpus.build(cell)
    history = history_of(cell, SEEDS, lines)
    networks = networks_of(stack_of(cell, SEEDS, lines), cell.size)
    evaluation = evaluate_job(cell, lines, SEEDS, networks, history, (None, None))
    rows = run_rows(evaluation, SEEDS, mechanisms(evaluation))
    frame = history.to_pandas().drop(columns="questions_right")
    return rows, frame.assign(cell=cell.name, task=cell.task, size=cell.size.name, variant=cell.variant)


@pytest.fixture(scope="module", params=STUDIES)
def made(request, tmp_path_factory) -> tuple[grid.Study, StudyTables, pd.DataFrame]:
    """A study with its tables, as they are after they were written and read."""
    of = study(request.param)
    folder = tmp_path_factory.mktemp("tables")
    parts = [evaluated(cell) for cell in of.cells.values()]
    runs = sorted_runs(runs_frame([row for rows, _ in parts for row in rows]))
    tables = {"runs": (runs, RUNS), "summary": (summary_frame(runs), SUMMARY)}
    for name, (frame, columns) in tables.items():
        write_frame(folder / f"{name}.parquet", frame, {}, columns)
    history = pd.concat([frame for _, frame in parts])
    read = {name: read_frame(folder / f"{name}.parquet", columns) for name, (_, columns) in tables.items()}
    return of, StudyTables(read["runs"], dynamics.run_times(history), history), read["summary"]


def test_the_rule_takes_every_run(made):
    of, tables, _ = made
    assert of.answer is not None
    said = RULES[of.answer["rule"]](of.answer, tables, Draws(numpy.random.default_rng(RESAMPLING_SEED)))
    compared = of.answer.get("between", {})
    (axis, values) = next(iter(compared.items()), ("", []))
    taken = tables.runs[tables.runs[axis].isin(values)] if axis else tables.runs
    assert said.runs == len(taken)
    assert said.missing == ()


def test_the_figures_are_drawn(made):
    of, tables, summary = made
    frames = {"runs": tables.runs, "summary": summary, "history": tables.history, "dynamics": tables.dynamics}
    for figure in of.figures.values():
        drawn = measures.draw(figure, frames, "A study")
        assert drawn.axes


def test_the_pages_tell_the_cells_apart(made):
    of, tables, summary = made
    page = to_markdown("A study", summary)
    starts = tuple(f"| {task}" for task in TASKS)
    rows = [line.split("|")[3:8] for line in page.splitlines() if line.startswith(starts)]
    apart = {tuple(row) for row in rows[: len(of.cells)]}
    assert len(apart) == len(of.cells)
    assert {name for name, _, _ in describe(tables.runs).varying} == VARYING[of.title]


def test_the_methods_say_what_the_texts_are(made):
    (said,) = corpora_used(list(made[0].cells.values()))
    cells = made[0].cells.values()
    assert said["has_digits_alone"] == (made[0].title != "range")
    assert said["operands"] == ("0 to 9 or to 12" if made[0].title == "range" else "0 to 9")
    assert said["permuted"] == any(cell.answers == "permuted" for cell in cells)
    assert said["kinds"]["filler"] == any(cell.fact_kind == "filler" for cell in cells)
    assert said["shuffled"] == any(cell.mixing == "shuffled" for cell in cells)
