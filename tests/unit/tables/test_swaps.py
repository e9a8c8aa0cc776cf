"""Every stage is handed, in place of each file that it reads, that of another study, budget or run, and refuses it.

Three folders of results are made by the commands themselves. The second has another budget, with fewer updates. The
third has the plan of the first, cell by cell and seed by seed, and was trained by the other program: another run.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from random import Random

import pytest

from capacity.commands import findings
from capacity.tables import runs
from capacity.tables.origins import Origin
from tests.support import whole_results
from tests.support.handmade_results import MECHANISM
from tests.support.whole_results import configure, copy_of, stages

CONFIG = configure()
OTHERS = {"budget": configure(iterations=4, budget="quick"), "run": configure(kernel="torch")}
STAGES = [stage for stage in stages(CONFIG) if stage.reads and stage.command not in ("copy", "manifest")]
# Of the stages that run one command, one, and of the files of one name that it reads, one: which, is chance. The
# campaigns of `make faults` take any.
SWAPS = [
    (stage, path, kind)
    for stage in {each.command: each for each in Random(1).sample(STAGES, len(STAGES))}.values()
    for kind in ("study", "budget", "run")
    for path in {Path(each).name: each for each in Random(kind).sample(stage.reads, len(stage.reads))}.values()
]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The folders of results, by what is different in them; the stages run in the first."""
    return {name: copy_of(tmp_path_factory, config) for name, config in {"first": CONFIG, **OTHERS}.items()}


def counterpart(path, kind, results):
    """The file that stands for a path in another study, or in the results of another budget or run; None if none does.

    A file with the same bytes is no other file: the corpus of another run, or its plan.
    """
    first = results["first"]
    if kind == "study":
        there = [each for each in sorted(first.glob(_of_other_study(path))) if each != first / path]
    else:
        same = results[kind] / path
        there = [same] if same.exists() else sorted(results[kind].glob(_in_any_cell(path)))
    different = [each for each in there if each.read_bytes() != (first / path).read_bytes()]
    return different[0] if different else None


def _of_other_study(path):
    parts = path.split("/")
    if parts[1] in ("tables", "plans", "studies", "figures") and len(parts) > 3:
        parts[2] = {"base": "weight-decay", "weight-decay": "base"}[parts[2]]
    elif parts[1] == "plans":
        parts[2] = {"base.json": "weight-decay.json", "weight-decay.json": "base.json"}[parts[2]]
    elif parts[1] == "cells":
        return _in_any_cell(path)
    else:
        return f"results/{parts[1]}/*{Path(path).suffix}" if parts[1] == "corpora" else "none"
    return "/".join(parts)


def _in_any_cell(path):
    return f"results/cells/*/*/*/*/{path.rpartition('/')[2]}" if "cells/" in path else path


def has_none(path, kind):
    """Whether a file has no counterpart.

    Corpora do not depend on budget or run, nor plans on the run; pages and figures may show the same numbers of two
    runs of a few updates. One study has no facts, and no figures of its own. The tables about all studies are of no
    other one.
    """
    if kind != "study":
        return "/corpora/" in path or (kind == "run" and ("/plans/" in path or path.endswith((".md", ".svg"))))
    is_own_figure = "/studies/" in path and path.endswith(".svg")
    return "/facts" in path or is_own_figure or path.count("/") <= 2


@contextlib.contextmanager
def exchanged(path, other):
    """The file at a path is another one for a while."""
    kept = Path("kept")
    Path(path).rename(kept)
    try:
        shutil.copyfile(other, path)
        yield
    finally:
        kept.replace(path)


def name_of(swap):
    stage, path, kind = swap
    return f"{stage.command}-{'-'.join(Path(path).parts[1:])}-{kind}"


def refusal(stage, path, other):
    """What a stage says of an exchanged file; None if it takes it. What the stage wrote is put back."""
    before = {each: Path(each).read_bytes() for each in stage.writes}
    try:
        with exchanged(path, other):
            stage.run()
        return None
    except SystemExit as caught:
        assert {each: Path(each).read_bytes() for each in stage.writes} == before
        return str(caught)
    finally:
        for each, content in before.items():
            Path(each).write_bytes(content)


@pytest.mark.parametrize("swap", SWAPS, ids=map(name_of, SWAPS))
def test_a_file_of_another_study_budget_or_run_is_refused_by_name(results, monkeypatch, swap):
    stage, path, kind = swap
    monkeypatch.chdir(results["first"])
    other = counterpart(path, kind, results)
    if other is None:
        assert has_none(path, kind)
        return
    said = refusal(stage, path, other)
    assert said is not None, f"{other} was taken for {path}"
    assert said.startswith("error: ")
    assert "\n" not in said
    assert path in said


@pytest.mark.parametrize("path", ["summary.parquet", "runs.parquet"])
def test_without_the_check_another_run_is_drawn(results, monkeypatch, path):
    """What the tests above would find: the figure changes without a word."""
    monkeypatch.chdir(results["first"])
    monkeypatch.setattr(Origin, "check", lambda *arguments: None)
    stage = next(each for each in STAGES if each.command == "draw-tradeoff")
    other = counterpart(f"results/tables/base/{path}", "run", results)
    assert refusal(stage, f"results/tables/base/{path}", other) is None


def test_without_the_check_the_evaluation_of_another_run_is_tabulated(results, monkeypatch):
    monkeypatch.chdir(results["first"])
    monkeypatch.setattr(runs, "check_run", lambda *arguments: None)
    monkeypatch.setattr(runs, "read_mechanism", lambda job, evaluation: dict.fromkeys(job.trained, MECHANISM))
    stage = next(each for each in STAGES if each.command == "tabulate")
    path = stage.reads[1]
    other = results["run"] / path
    assert refusal(stage, path, other) is None


def test_without_the_check_the_claims_of_another_budget_get_into_the_findings(results, monkeypatch):
    monkeypatch.chdir(results["first"])
    monkeypatch.setattr(findings, "check_made_of", lambda *arguments: None)
    stage = next(each for each in STAGES if each.command == "findings")
    other = results["budget"] / "results/tables/claims.parquet"
    assert refusal(stage, "results/tables/claims.parquet", other) is None


def test_the_stages_of_the_table_are_those_that_read_tables():
    """A new command that reads results has to be in the table of swaps."""
    commands = {stage.command for stage in STAGES}
    assert commands == {
        *("train", "evaluate", "tabulate", "histories", "expressions", "expression-histories"),
        *("dynamics", "draw-tradeoff", "draw-curves", "draw-dynamics", "draw-answers", "draw-held-out-histories"),
        "draw-measures",
        *("replication", "draw-replication", "claims", "findings"),
        *("answer", "laboratory", "methods", "explorer", "report-of-study", "report-of-all"),
    }
    assert whole_results.STUDIES.keys() == {"base", "weight-decay"}
