"""The tutorial notebook, cell after cell: from the published networks to a study of one's own."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

NOTEBOOK = "docs/tutorial.ipynb"
# What Jupyter does with the cells of code, in one namespace: it shows the value of a last expression. And it tells
# every process that figures are drawn by a package that is not in this environment.
EXECUTE = """
import ast, json, os, sys
import matplotlib
matplotlib.use("agg")
os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
namespace = {"__name__": "__main__"}
for cell in json.load(open(sys.argv[1], encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, cell["id"], "exec"), namespace)
        if last:
            print(eval(compile(ast.Expression(last.value), cell["id"], "eval"), namespace))
"""


@pytest.fixture(scope="module")
def executed(make_clone):
    """A clone in which the notebook was executed as it is in a new one, and what it printed."""
    clone = make_clone("clone with a notebook")
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, str(clone.folder / NOTEBOOK)],
        cwd=clone.folder / "docs",
        env=clone.environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return clone, done.stdout


def test_the_networks_of_the_repository_answer_as_the_text_says(executed):
    _, printed = executed
    assert re.search(r"^n14 +20 .* 8 ", printed, re.M), printed
    assert "task=arithmetic/size=n14/variant=paper says 12 - right" in printed
    assert "task=arithmetic/size=n56/variant=paper says 12" not in printed


def test_the_study_of_the_notebook_is_trained_and_answered_and_nothing_else_is(executed):
    clone, printed = executed
    assert "# Do larger batches fit more of what they see in the same number of updates?" in printed
    answer = json.loads((clone.folder / "results/studies/small-batches/answer.json").read_text(encoding="utf-8"))
    assert answer["answer"]["outcome"] in ("rises", "falls", "no trend", "cannot be told")
    trained = {path.parent.parent.name for path in clone.folder.glob("results/cells/*/*/*/*/progress.json")}
    assert trained == set()
    assert len(list(clone.folder.glob("results/cells/*/*/variant=batch-*/seeds=0-4/run.json"))) == 3


def test_the_outputs_that_are_stored_are_of_the_code_that_is_stored(repository):
    cells = json.loads((repository / NOTEBOOK).read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert all(output["output_type"] != "error" for cell in code for output in cell["outputs"])
    assert "".join(code[-1]["source"]).strip() != ""
