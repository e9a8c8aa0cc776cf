from __future__ import annotations

import numpy
import pytest
import torch
from torch.nn import functional

from capacity.corpora import corpus
from capacity.corpora.streams import Stream
from capacity.evaluation import readings
from capacity.evaluation.questions import QuestionSet
from capacity.model import transformer
from capacity.paper.protocol import STREAMS
from capacity.tasks.registry import PARTS
from capacity.training import loop
from capacity.training.evaluator import Evaluator, as_digits
from capacity.training.execution import KERNELS, Execution
from tests.support.networks import networks_of
from tests.support.plain_transformer import plain_from_seed
from tests.support.short_cells import DEEP, TINY, nothing, short_cell


def test_nothing_held_out_leaves_no_margin_of_held_out_items():
    cell = short_cell(task="facts")
    history = loop.train(cell, corpus.build(cell), [3], "cpu", nothing).history
    assert not any("held_out" in name for name in history[0])


@pytest.mark.parametrize("stream", STREAMS)
def test_the_exact_loss_is_the_mean_over_every_counted_character(stream, monkeypatch):
    cell = short_cell(DEEP, "joint", stream=stream)
    lines = corpus.build(cell)
    vocabulary = corpus.vocabulary(lines)
    rows = Stream(corpus.stream_lines(lines), vocabulary, stream, cell.block)
    parameters = transformer.initialise(DEEP, len(vocabulary), cell.block, (1, 2))
    networks = networks_of(parameters, DEEP)
    found = Evaluator(lines, rows, cell).exact_loss(networks)
    monkeypatch.setattr(readings, "ROWS_AT_ONCE", 100)
    in_pieces = Evaluator(lines, rows, cell).exact_loss(networks)
    assert found.dtype == in_pieces.dtype == numpy.float64
    inputs, targets, counted = (torch.as_tensor(numpy.array(each)) for each in vars(rows.rows).values())
    for number, seed in enumerate((1, 2)):
        with torch.no_grad():
            logits = plain_from_seed(DEEP, len(vocabulary), cell.block, seed)(inputs)
        each = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        expected = float(each[counted.flatten() == 1].double().mean())
        assert float(found[number]) == pytest.approx(expected, abs=1e-5)
        assert float(in_pieces[number]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("task", ["arithmetic", "joint"])
def test_each_question_has_a_digit_that_is_1_where_its_answer_is_right(task):
    """After a while networks answer some questions of the corpus and not others."""
    cell = short_cell(TINY, task, iterations=300, decay_iterations=300, evaluation_interval=300, batch=64)
    lines = corpus.build(cell)
    vocabulary = corpus.vocabulary(lines)
    rows = Stream(corpus.stream_lines(lines), vocabulary, cell.stream, cell.block)
    question_set = QuestionSet(lines, vocabulary, cell.block)
    trained = loop.train(cell, lines, [1, 2], "cpu", nothing)
    networks = networks_of(trained.parameters, TINY)
    right = question_set.ask(networks).right
    assert 0 < right.mean() < 1
    measures = Evaluator(lines, rows, cell).measure(networks)
    assert measures["questions_right"] == ["".join("1" if each else "0" for each in row) for row in right]
    seen = [number for number, each in enumerate(question_set.questions) if "seen" in scores_of(each)]
    for digits, share in zip(measures["questions_right"], measures["seen"], strict=True):
        assert sum(digits[number] == "1" for number in seen) / len(seen) == share


def scores_of(question):
    return PARTS[question.line.task].scores_of(question.line, question.prompts)


def test_digits_are_one_where_an_answer_is_right():
    assert as_digits(numpy.array([True, False, False, True])) == "1001"


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("rate", [0.01, 1e30])
def test_the_last_digits_are_the_answers_after_training_and_a_diverged_run_has_digits_too(kernel, rate):
    cell = short_cell(task="arithmetic", iterations=120, evaluation_interval=50, learning_rate=rate)
    lines = corpus.build(cell)
    trained = loop.train(cell, lines, [3, 4], "cpu", nothing, Execution(kernel=kernel))
    networks = networks_of(trained.parameters, TINY)
    right = QuestionSet(lines, corpus.vocabulary(lines), cell.block).ask(networks).right
    last = [row["questions_right"] for row in trained.history if row["iteration"] == 120]
    assert last == [as_digits(each) for each in right]
    assert {len(row["questions_right"]) for row in trained.history} == {right.shape[1]}
    assert [each is not None for each in trained.diverged_at] == [rate > 1] * 2
