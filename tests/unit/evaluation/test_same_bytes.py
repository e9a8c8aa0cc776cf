"""What is computed of the answers of a network has the same bytes on every machine, and needs no torch."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import pytest

from capacity.corpora import corpus
from capacity.corpora.streams import Stream
from capacity.evaluation.job import evaluate_job
from capacity.evaluation.questions import QuestionSet
from capacity.experiment.cell import make_cell
from capacity.paper.protocol import SIZES
from capacity.training.evaluator import Evaluator
from capacity.training.history import history_table
from tests.support.networks import HashingNetwork
from tests.support.random_evaluations import make_history
from tests.support.repository import SOURCE


def digest(value):
    """Of a JSON value; a float is written with every bit of it."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("task", "stream", "evaluation", "measures"),
    [
        ("arithmetic", "fixed", "acda4b3643e12eee", "750a2caa89b05361"),
        ("facts", "answer-only", "8aa8232acd50e388", "29e099acdceed289"),
        ("joint", "fixed", "02109ec3bb7a57f2", "79e9c2dd68cbe603"),
    ],
)
def test_an_evaluation_has_the_same_bytes_as_on_the_machine_where_these_digests_were_made(
    task, stream, evaluation, measures
):
    cell = make_cell(task, SIZES["n14"], stream=stream)
    lines = corpus.build(cell)
    vocabulary = corpus.vocabulary(lines)
    network = HashingNetwork(len(vocabulary))
    rows = make_history(QuestionSet(lines, vocabulary, cell.block).totals(), 121, seeds=(0,))
    for row in rows:
        row["stream_loss"] = 1 / (row["iteration"] + 3)
    found = evaluate_job(cell, lines, (0,), network, history_table(rows), (None,))
    training_rows = Stream(corpus.stream_lines(lines), vocabulary, stream, cell.block)
    assert digest(found) == evaluation
    measured = Evaluator(lines, training_rows, cell).measure(network)
    assert set("".join(measured.pop("questions_right"))) <= {"0", "1"}
    assert digest(measured) == measures


def test_an_evaluation_loads_neither_torch_nor_what_else_takes_long_to_load():
    slow = ("torch", "scipy", "pandas", "statsmodels", "matplotlib")
    program = f"""
import sys
import capacity.commands.evaluate, capacity.training.evaluator
print([name for name in {slow} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=SOURCE, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
