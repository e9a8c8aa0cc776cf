"""A new task is one new file and one line in the registry: shown with the reversal of short strings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from capacity.storage import json_files
from capacity.storage.code import source_digest
from tests.support.clones import STUDIES, Clone

REVERSAL = '''
"""Reversal: strings of three letters written backwards, some of them held out."""

from __future__ import annotations

import itertools

from capacity.tasks.task import Line, Task


def reversal_line(text: str, split: str) -> Line:
    """``[abc=cba]`` and a newline."""
    prompt, answer = f"[{text}=", text[::-1]
    return Line(f"{prompt}{answer}]\\n", prompt, prompt, answer, "]", "reversal", "reversal", None, split)


def reversal_lines() -> list[Line]:
    """All strings of three of the letters a to c; every ninth is held out."""
    texts = ["".join(letters) for letters in itertools.product("abc", repeat=3)]
    return [reversal_line(text, "seen" if number % 9 else "held_out") for number, text in enumerate(texts)]


def is_right(line: Line, continuation: str) -> bool:
    """Whether the text begins with the reversed string and its bracket."""
    return continuation.startswith(line.answer + line.terminator)


def scores_of(line: Line, prompts: str) -> list[str]:
    """A string counts among the seen or the held-out ones, and for the choice of a checkpoint."""
    return [line.split, "combined_910"]


REVERSAL = Task(
    name="reversal",
    block=9,
    batch=64,
    make_lines=reversal_lines,
    is_shuffled=True,
    operations=("reversal",),
    new_characters=5,
    is_right=is_right,
    scores=("seen", "held_out", "combined_910"),
    scores_of=scores_of,
    bits="answers",
)
'''


@pytest.fixture(scope="module")
def extended(make_clone, tiny) -> tuple[Clone, str]:
    """A clone with the new task, and its configuration: two sizes of it and one cell of arithmetic."""
    clone: Clone = make_clone("new task", STUDIES)
    tasks = clone.folder / "src/capacity/tasks"
    (tasks / "reversal.py").write_text(REVERSAL.lstrip(), encoding="utf-8")
    registry = (tasks / "registry.py").read_text(encoding="utf-8")
    listed = registry.replace("        JOINT,\n", "        JOINT,\n        REVERSAL,\n")
    assert listed.count("REVERSAL") == 1
    imported = "from capacity.tasks.joint import JOINT\n"
    listed = listed.replace(imported, imported + "from capacity.tasks.reversal import REVERSAL\n")
    (tasks / "registry.py").write_text(listed, encoding="utf-8")
    grids = [{"task": ["reversal"], "size": ["n14", "n28"]}, {"task": ["arithmetic"], "size": ["n14"]}]
    study = {"base": {"title": "A new task", "grids": grids, "figures": None}}
    return clone, clone.configure("reversal.yaml", {**tiny, "studies": study})


@pytest.fixture(scope="module")
def results(extended) -> Path:
    """The results of the clone, from the corpus to the figures."""
    clone, configuration = extended
    figures = [f"results/figures/base/{name}.pdf" for name in ("tradeoff", "reversal")]
    clone.snakemake("--cores", "2", "--quiet", "--configfile", configuration, "--", *figures)
    for figure in figures:
        assert (clone.folder / figure).read_bytes().startswith(b"%PDF")
    return clone.folder / "results"


def test_its_corpus_has_the_lines_that_the_file_describes(results):
    corpus = pd.read_parquet(results / "corpora/reversal.parquet")
    assert len(corpus) == 27
    assert sorted(corpus["text"][corpus["split"] == "held_out"]) == ["[aaa=aaa]\n", "[baa=aab]\n", "[caa=aac]\n"]
    assert set(corpus["task"]) == {"reversal"}
    assert list(corpus["position"].dropna()) == list(range(24))
    assert list(corpus["text"][:24]) != sorted(corpus["text"][:24])


def test_its_runs_are_evaluated_by_its_scores(results):
    (path,) = results.glob("cells/task=reversal/size=n14/*/*/evaluation.json")
    evaluation = json_files.read_sealed_json(path)
    for run in evaluation["runs"]:
        scores = run["final"]["scores"]
        assert {name: score["total"] for name, score in scores.items()} == {
            "seen": 24,
            "held_out": 3,
            "combined_910": 27,
        }
        assert run["bits"]["arithmetic"] is run["bits"]["facts"] is run["operands"] is None
        assert run["bits"]["reversal"]["seen"]["baseline"] > 0
    answers = pd.read_parquet(path.with_name("answers.parquet"))
    assert set(answers["question_task"]) == {"reversal"}
    assert answers["prompt"].nunique() == 27
    history = pd.read_parquet(path.with_name("history.parquet"))
    assert history["held_out_margin"].notna().all()


def test_its_tables_have_its_scores_and_nothing_that_it_does_not_ask(results):
    runs = pd.read_parquet(results / "tables/base/runs.parquet")
    assert list(runs["task"]) == ["arithmetic"] * 2 + ["reversal"] * 4
    reversal = runs[runs["task"] == "reversal"]
    assert not reversal["published"].any()
    assert reversal["departs"].str.endswith("task not in the paper").all()
    for name in ("final_seen", "final_held_out", "paper_best_held_out", "reversal_bits_seen", "order_bits"):
        assert reversal[name].notna().all(), name
    for name in ("final_facts_paper_prompts", "final_seen_addition", "arithmetic_bits_seen", "fits_facts"):
        assert reversal[name].isna().all(), name


def test_it_trains_no_other_task_again(extended):
    """The code that decides their results is the same, as far as the workflow can tell."""
    clone, _ = extended
    ask = "from capacity.storage.code import source_digest; print(source_digest('train', {task!r}))"

    def digest(task: str) -> str:
        command = [sys.executable, "-c", ask.format(task=task)]
        environment = clone.environment | {"PYTHONPATH": str(clone.folder / "src")}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    for task in ("arithmetic", "facts", "joint"):
        assert digest(task) == source_digest("train", task)
    assert digest("reversal") not in {digest("arithmetic"), source_digest("train")}


def test_a_task_that_is_not_in_the_registry_is_refused_with_the_names_that_are(extended, tiny):
    clone, _ = extended
    study = {"base": {"title": "A slip", "grids": [{"task": ["reversals"], "size": ["n14"]}], "figures": None}}
    slip = clone.configure("slip.yaml", {**tiny, "studies": study})
    said = clone.snakemake("-n", "--configfile", slip, succeeds=False)
    assert "studies.base.grids[0].task[0]: 'reversals' is not known" in said
    assert "arithmetic, facts, joint, reversal (did you mean 'reversal'?)" in said
