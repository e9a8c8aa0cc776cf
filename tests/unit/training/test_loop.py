from __future__ import annotations

import math

import numpy
import pytest
import torch

from capacity.corpora import corpus
from capacity.experiment.cell import make_cell
from capacity.model import transformer
from capacity.paper.protocol import STREAMS
from capacity.training import loop
from capacity.training.execution import KERNELS, Execution
from capacity.training.schedule import learning_rate
from capacity.training.torch_training import TorchTraining
from tests.support.short_cells import DEEP, TINY, nothing, short_cell

BY_TORCH = Execution(kernel="torch")


@pytest.mark.parametrize(
    ("seeds", "dropout", "passes"),
    [([5], 0.0, "forward_prefixes"), ([5], 0.2, "forward"), ([5, 6], 0.0, "forward"), ([5, 6], 0.2, "forward")],
)
def test_only_a_single_network_without_dropout_shares_prefixes(seeds, dropout, passes, monkeypatch):
    cell = short_cell(dropout=dropout)
    training = TorchTraining(cell, corpus.build(cell), seeds, "cpu")
    called = []

    def recording(name: str):
        function = getattr(transformer, name)
        return lambda *given: called.append(name) or function(*given)

    for name in ("forward", "forward_prefixes"):
        monkeypatch.setattr(transformer, name, recording(name))
    for iteration in range(3):
        training.update(iteration)
        assert training.losses().shape == (len(seeds),)
    assert called == [passes] * 3


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("size", [TINY, DEEP], ids=lambda size: size.name)
def test_two_networks_trained_by_rows_are_two_trained_by_prefixes(size, stream):
    cell = short_cell(size, "joint", stream=stream, weight_decay=0.1, learning_rate=3e-3)
    lines = corpus.build(cell)
    stack = TorchTraining(cell, lines, [8, 1337], "cpu")
    alone = [TorchTraining(cell, lines, [seed], "cpu") for seed in (8, 1337)]
    for iteration in range(cell.iterations):
        for training in (stack, *alone):
            training.update(iteration)
        expected = numpy.concatenate([each.losses() for each in alone])
        numpy.testing.assert_allclose(stack.losses(), expected, rtol=0, atol=1e-5)
    for name, value in stack.parameters().items():
        expected = numpy.concatenate([each.parameters()[name] for each in alone])
        numpy.testing.assert_allclose(value, expected, rtol=0, atol=2e-5)


def test_the_layout_of_gradients_does_not_matter(monkeypatch):
    cell = short_cell(DEEP, dropout=0.1, weight_decay=0.1, evaluation_interval=10)
    lines = corpus.build(cell)
    expected = loop.train_stack(cell, lines, [1, 2], "cpu", nothing).parameters
    gradients = torch.autograd.grad

    def transposed(*arguments, **options):
        found = gradients(*arguments, **options)
        return [each.transpose(-1, -2).contiguous().transpose(-1, -2) for each in found]

    monkeypatch.setattr(torch.autograd, "grad", transposed)
    found = loop.train_stack(cell, lines, [1, 2], "cpu", nothing).parameters
    assert all(numpy.array_equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("more", [{}, {"dropout": 0.2}, {"stream": "reshuffled"}], ids=str)
def test_on_a_cpu_a_seed_trained_with_others_is_the_seed_trained_alone(more, kernel):
    cell, execution = short_cell(DEEP, evaluation_interval=5, **more), Execution(kernel=kernel)
    lines = corpus.build(cell)
    together = loop.train(cell, lines, [5, 1337], "cpu", nothing, execution)
    for number, seed in enumerate([5, 1337]):
        alone = loop.train(cell, lines, [seed], "cpu", nothing, execution)
        for name, value in alone.parameters.items():
            assert numpy.array_equal(together.parameters[name][number], value[0])
        assert [row for row in together.history if row["seed"] == seed] == alone.history


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_a_seed_of_a_stack_comes_out_as_the_seed_alone(stream, dropout):
    cell = short_cell(DEEP, stream=stream, dropout=dropout, weight_decay=0.1, evaluation_interval=10)
    lines = corpus.build(cell)
    stack = loop.train_stack(cell, lines, [8, 1337], "cpu", nothing)
    for number, seed in enumerate([8, 1337]):
        alone = loop.train_stack(cell, lines, [seed], "cpu", nothing, BY_TORCH)
        for name, value in alone.parameters.items():
            numpy.testing.assert_allclose(stack.parameters[name][number], value[0], rtol=0, atol=2e-5)
        losses = [row["stream_loss"] for row in stack.history if row["seed"] == seed]
        assert losses == pytest.approx([row["stream_loss"] for row in alone.history], abs=1e-4)


@pytest.mark.parametrize(("task", "dropout"), [("arithmetic", 0.0), ("facts", 0.2), ("joint", 0.0), ("joint", 0.2)])
@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_every_stream_trains_and_lowers_the_loss(task, stream, dropout, kernel):
    schedule = {"iterations": 40, "evaluation_interval": 40, "batch": 32, "learning_rate": 0.02}
    cell = make_cell(task, TINY, stream=stream, dropout=dropout, facts=3, **schedule)
    history = loop.train(cell, corpus.build(cell), [0], "cpu", nothing, Execution(kernel=kernel)).history
    assert history[-1]["stream_loss"] < history[0]["stream_loss"] - 0.2
    assert all(math.isfinite(row["stream_loss"]) for row in history)


def test_a_history_has_one_row_for_each_seed_and_evaluation():
    cell = short_cell(task="joint")
    history = loop.train(cell, corpus.build(cell), [3, 9], "cpu", nothing).history
    assert [(row["seed"], row["iteration"]) for row in history] == [(s, i) for s in (3, 9) for i in (0, 4, 8, 10)]
    stacked = loop.train_stack(cell, corpus.build(cell), [3, 9], "cpu", nothing).history
    assert [(row["seed"], row["iteration"]) for row in stacked] == [(s, i) for i in (0, 4, 8, 10) for s in (3, 9)]
    for row in history:
        assert row["learning_rate"] == learning_rate(cell, row["iteration"])
        assert (row["training_loss"] is None) == (row["iteration"] == 0)
        for name in ("seen", "held_out", "addition_910", "combined_910", "facts_paper_prompts"):
            assert 0 <= row[name] <= 1
        assert row["held_out_smallest_margin"] <= row["held_out_margin"]


def test_training_neither_reads_nor_moves_the_global_generator():
    cell = short_cell(dropout=0.2, stream="reshuffled", evaluation_interval=10)
    lines = corpus.build(cell)
    results = []
    with torch.random.fork_rng(devices=[]):
        for seed in (1, 2):
            torch.manual_seed(seed)
            before = torch.get_rng_state()
            results.append(loop.train(cell, lines, [3], "cpu", nothing).parameters)
            assert torch.equal(torch.get_rng_state(), before)
    assert all(numpy.array_equal(results[0][name], results[1][name]) for name in results[0])


def break_at(monkeypatch, iteration: int, number: int, value: float) -> list[int]:
    """From an iteration on one network of a stack has a weight that is not finite; gives the updates that torch
    computes, as it does."""
    made: list[int] = []
    update, descend = TorchTraining.update, TorchTraining._descend
    now = [0]

    def broken(self, at):
        now[0] = at
        if at == iteration:
            with torch.no_grad():
                self._tensors["position_embedding"][number, 0, 0] = value
        update(self, at)

    def recording(self, *batch):
        made.append(now[0])
        return descend(self, *batch)

    monkeypatch.setattr(TorchTraining, "update", broken)
    monkeypatch.setattr(TorchTraining, "_descend", recording)
    return made


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_seed_that_diverges_is_marked_and_its_neighbours_do_not_notice(monkeypatch, value):
    cell = short_cell(DEEP, dropout=0.1)
    lines = corpus.build(cell)
    whole = loop.train_stack(cell, lines, [8, 1337, 2], "cpu", nothing)
    break_at(monkeypatch, 5, 1, value)
    found = loop.train_stack(cell, lines, [8, 1337, 2], "cpu", nothing)
    assert whole.diverged_at == [None, None, None]
    assert found.diverged_at == [None, 5, None]
    for name, expected in whole.parameters.items():
        assert numpy.array_equal(found.parameters[name][[0, 2]], expected[[0, 2]])
        assert numpy.isnan(found.parameters[name][1]).all()
    neighbours = [row for row in found.history if row["seed"] != 1337]
    assert neighbours == [row for row in whole.history if row["seed"] != 1337]
    losses = {row["iteration"]: row["stream_loss"] for row in found.history if row["seed"] == 1337}
    assert {iteration: math.isfinite(loss) for iteration, loss in losses.items()} == {
        0: True,
        4: True,
        8: False,
        10: False,
    }


def test_on_a_cpu_nothing_is_computed_for_a_seed_that_diverged_and_the_next_one_is_trained(monkeypatch):
    cell = short_cell()
    lines = corpus.build(cell)
    alone = loop.train(cell, lines, [4], "cpu", nothing, BY_TORCH)
    made = break_at(monkeypatch, 3, 0, math.nan)
    first = loop.train(cell, lines, [3], "cpu", nothing, BY_TORCH)
    assert made == [0, 1, 2, 3]
    assert first.diverged_at == [3]
    monkeypatch.undo()
    both = loop.train(cell, lines, [3, 4], "cpu", nothing, BY_TORCH)
    assert numpy.array_equal(both.parameters["token_embedding"][1], alone.parameters["token_embedding"][0])
    means = [row["training_loss"] for row in first.history]
    assert means[0] is None
    assert math.isfinite(sum(row["stream_loss"] for row in first.history[:1]))
    assert [math.isnan(mean) for mean in means[1:]] == [True, True, True]


def test_a_seed_whose_last_update_breaks_it_has_diverged_then(monkeypatch):
    update = TorchTraining.update

    def broken(self, at):
        update(self, at)
        if at == 9:
            with torch.no_grad():
                self._tensors["token_embedding"][0, 0, 0] = math.nan

    monkeypatch.setattr(TorchTraining, "update", broken)
    cell = short_cell()
    assert loop.train(cell, corpus.build(cell), [3], "cpu", nothing, BY_TORCH).diverged_at == [10]


@pytest.mark.parametrize("kernel", KERNELS)
def test_reports_count_the_updates_of_all_seeds(kernel):
    cell = short_cell(iterations=5, evaluation_interval=5)
    said: list[tuple[int, float]] = []

    def report(done: int, losses: loop.Losses) -> None:
        said.append((done, float(losses().mean())))

    loop.train(cell, corpus.build(cell), [1, 2], "cpu", report, Execution(kernel=kernel))
    counts = [done for done, _ in said]
    assert (counts[0], counts[-1]) == (0, 10)
    assert counts == sorted(counts)
    assert all(math.isfinite(loss) for done, loss in said if done % 5)
