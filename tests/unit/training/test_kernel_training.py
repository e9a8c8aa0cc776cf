"""Training by the compiled network beside a plain training loop, and what it shares with training by torch."""

from __future__ import annotations

import math
import sys
from dataclasses import replace

import numpy
import pytest
import torch
from torch.nn import functional

from capacity.corpora import corpus
from capacity.corpora.streams import Stream
from capacity.model import initialization
from capacity.paper import protocol
from capacity.paper.protocol import SIZES, STREAMS, Size
from capacity.training.draws import Draws
from capacity.training.execution import Execution
from capacity.training.kernel_training import KernelTraining
from capacity.training.loop import train, train_stack
from capacity.training.torch_training import TorchTraining
from tests.support.plain_training import plain_adam, plain_rate
from tests.support.plain_transformer import plain_from_stack
from tests.support.short_cells import nothing, short_cell

SEED = 21
SIZES_TRAINED = {"width 13": Size(1, 1, 13, 3), "4 heads": Size(1, 4, 16, 2), "3 layers": Size(3, 2, 12, 2)}
STEADY = {"learning_rate": 1e-3, "final_learning_rate": 1e-4}
"""Rates at which rounding errors do not grow, as they do at those of the paper for small networks."""


def plain_training(cell, lines):
    """The losses and the parameters of training in double precision, with the draws of the seed."""
    vocabulary = corpus.vocabulary(lines)
    stream = Stream(corpus.stream_lines(lines), vocabulary, cell.stream, cell.block, cell.mixing)
    draws = Draws(len(stream), cell.batch, SEED)
    initial = initialization.initialise(cell.size, len(vocabulary), cell.block, [cell.seed_of_weights(SEED)])
    start = {name: torch.tensor(value, dtype=torch.float64) for name, value in initial.items()}
    network = plain_from_stack(start, 0, cell.size)
    optimizer = plain_adam(network, cell)
    losses = []
    for iteration in range(cell.iterations):
        if stream.is_reshuffled:
            rows = stream.draw(cell.batch, draws.generator)
        else:
            number = draws.next()
            rows = stream.rows[draws.drawn[number]]
        logits = network(torch.tensor(rows.inputs)).flatten(0, 1)
        each = functional.cross_entropy(logits, torch.tensor(rows.targets).flatten(), reduction="none")
        counted = torch.tensor(rows.counted).flatten()
        loss = (each * counted).sum() / counted.sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), protocol.GRADIENT_CLIP)
        for group in optimizer.param_groups:
            group["lr"] = plain_rate(cell, iteration)
        optimizer.step()
        losses.append(loss.item())
    return losses, {name.removesuffix(".weight"): value.detach().numpy() for name, value in network.named_parameters()}


def updated(training, first, end):
    """The losses of some updates."""
    losses = []
    for iteration in range(first, end):
        training.update(iteration)
        losses.append(training.losses()[0])
    return losses


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("size", SIZES_TRAINED.values(), ids=SIZES_TRAINED)
def test_200_updates_are_those_of_plain_training_in_double_precision(size, stream):
    schedule = {"iterations": 200, "warmup_iterations": 20, "decay_iterations": 150}
    cell = short_cell(size, "arithmetic", stream=stream, batch=64, weight_decay=0.1, **schedule, **STEADY)
    lines = corpus.build(cell)
    training = KernelTraining(cell, lines, SEED)
    initial = training.parameters()
    losses = updated(training, 0, 200)
    plain_losses, plain_parameters = plain_training(cell, lines)
    numpy.testing.assert_allclose(losses, plain_losses, rtol=0, atol=5e-6)
    for name, value in training.parameters().items():
        numpy.testing.assert_allclose(value[0], plain_parameters[name], rtol=0, atol=1e-5, err_msg=name)
        assert abs(value - initial[name]).max() > 5e-3


@pytest.mark.parametrize("task", ["arithmetic", "facts", "joint"])
@pytest.mark.parametrize("stream", ["fixed", "reshuffled"])
def test_updates_at_the_rates_of_the_paper_are_those_of_plain_training(task, stream):
    """Their rounding errors grow fast, so fewer are compared."""
    cell = short_cell(SIZES["n14"], task, stream=stream, batch=64, iterations=20, facts=50)
    lines = corpus.build(cell)
    losses = updated(KernelTraining(cell, lines, SEED), 0, 20)
    plain_losses, _ = plain_training(cell, lines)
    numpy.testing.assert_allclose(losses, plain_losses, rtol=0, atol=2e-6)


CORPORA = {
    "permuted answers": ("arithmetic", {"answers": "permuted"}),
    "a drawn split": ("arithmetic", {"held_out_fraction": 0.7, "split_seed": 1}),
    "larger operands": ("arithmetic", {"largest_operand": 19, "held_out": ((5, 17),)}),
    "larger operands reshuffled": ("arithmetic", {"largest_operand": 12, "stream": "reshuffled"}),
    "larger operands, a line to a row": ("arithmetic", {"largest_operand": 12, "stream": "aligned"}),
    "larger operands beside facts": ("joint", {"largest_operand": 12}),
    "a seed of the weights": ("arithmetic", {"initialisation_seed": 4}),
    "tasks shuffled": ("joint", {"mixing": "shuffled", "facts": 10}),
    "tasks reshuffled": ("joint", {"mixing": "shuffled", "facts": 10, "stream": "reshuffled"}),
    "repeated facts": ("joint", {"arithmetic_share": 0.5, "stream": "reshuffled"}),
    "filler": ("joint", {"fact_kind": "filler"}),
    "synthetic facts": ("facts", {"fact_kind": "synthetic", "facts": 80, "stream": "reshuffled", "block": 14}),
    "strings": ("facts", {"fact_kind": "strings", "facts": 80}),
    "synthetic facts alone": ("facts", {"fact_kind": "synthetic", "facts": 80, "stream": "answer-only"}),
    "synthetic facts beside": ("joint", {"fact_kind": "synthetic", "stream": "reshuffled"}),
}


@pytest.mark.parametrize(("task", "settings"), CORPORA.values(), ids=CORPORA)
def test_whatever_the_corpus_is_updates_are_those_of_plain_training_and_of_torch(task, settings):
    cell = short_cell(SIZES["n14"], task, **{"batch": 64, "facts": 50, **settings}, **STEADY)
    lines = corpus.build(cell)
    losses = updated(KernelTraining(cell, lines, SEED), 0, cell.iterations)
    plain_losses, _ = plain_training(cell, lines)
    numpy.testing.assert_allclose(losses, plain_losses, rtol=0, atol=2e-6)
    by_torch = updated(TorchTraining(cell, lines, [SEED], "cpu"), 0, cell.iterations)
    numpy.testing.assert_allclose(losses, by_torch, rtol=0, atol=2e-6)


@pytest.mark.parametrize("stream", STREAMS)
def test_training_by_torch_is_the_same_to_rounding(stream):
    cell = short_cell(SIZES_TRAINED["width 13"], "arithmetic", stream=stream, weight_decay=0.1, **STEADY)
    lines = corpus.build(cell)
    by_kernel, by_torch = (
        train_stack(cell, lines, [SEED], "cpu", nothing, Execution(kernel=kernel)) for kernel in ("auto", "torch")
    )
    assert list(by_kernel.parameters) == list(by_torch.parameters)
    for name, value in by_kernel.parameters.items():
        assert value.shape == by_torch.parameters[name].shape
        numpy.testing.assert_allclose(value, by_torch.parameters[name], rtol=0, atol=1e-5, err_msg=name)
    for one, other in zip(by_kernel.history, by_torch.history, strict=True):
        assert list(one) == list(other)
        assert one == pytest.approx(other, abs=1e-4)


def test_the_classes_do_the_same_with_losses_and_sums():
    cell = short_cell()
    lines = corpus.build(cell)
    for training in (KernelTraining(cell, lines, SEED), TorchTraining(cell, lines, [SEED], "cpu")):
        assert math.isnan(training.losses()[0])
        assert training.take_sums().tolist() == [0]
        losses = updated(training, 0, 5)
        assert training.take_sums().tolist() == pytest.approx([sum(losses)], rel=1e-6)
        assert training.take_sums().tolist() == [0]
        assert training.diverged_at() == [None]


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("size", [Size(1, 1, 13, 3), Size(2, 2, 8, 2)], ids=["one layer", "two layers"])
@pytest.mark.parametrize("before", [0, 7, 100, 130])
def test_training_that_is_restored_ends_in_the_same_bytes(size, stream, before):
    """Rows of 100 updates are drawn at once: before, at and after the end of these."""
    cell = short_cell(size, stream=stream, iterations=140)
    lines = corpus.build(cell)
    training = KernelTraining(cell, lines, SEED)
    updated(training, 0, before)
    state = {name: value.copy() for name, value in training.state().items()}
    losses = updated(training, before, 140)
    resumed = KernelTraining(cell, lines, SEED)
    resumed.restore(state)
    assert updated(resumed, before, 140) == losses
    for name, value in training.parameters().items():
        numpy.testing.assert_array_equal(resumed.parameters()[name], value)
    for name, value in training.state().items():
        numpy.testing.assert_array_equal(resumed.state()[name], value)
    assert resumed.measure() == training.measure()


def test_a_state_that_is_saved_does_not_change_with_training():
    """A snapshot is written at once, and so may hold arrays of the training; parameters are copies."""
    training = KernelTraining(short_cell(), corpus.build(short_cell()), SEED)
    parameters = training.parameters()
    before = {name: value.copy() for name, value in parameters.items()}
    training.update(0)
    for name, value in parameters.items():
        numpy.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("size", [Size(1, 1, 8, 1), Size(2, 2, 8, 2)], ids=["one layer", "two layers"])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 3, -1])
def test_a_weight_that_is_not_finite_ends_training_at_its_update(size, number, place):
    cell = short_cell(size)
    training = KernelTraining(cell, corpus.build(cell), SEED)
    updated(training, 0, 4)
    state = {name: value.copy() for name, value in training.state().items()}
    state["weights"][place] = number
    training.restore(state)
    losses = updated(training, 4, 10)
    assert not any(math.isfinite(loss) for loss in losses)
    assert training.diverged_at() == [4]
    assert not math.isfinite(training.take_sums()[0])
    assert all(numpy.isnan(value).all() for value in training.parameters().values())
    drawn = training.state()["draws.next"]
    training.update(10)
    numpy.testing.assert_array_equal(training.state()["draws.next"], drawn)


def test_a_moment_that_is_not_finite_is_seen_at_the_next_update():
    cell = short_cell()
    training = KernelTraining(cell, corpus.build(cell), SEED)
    state = {name: value.copy() for name, value in training.state().items()}
    state["first"][5] = math.nan
    training.restore(state)
    assert [math.isfinite(loss) for loss in updated(training, 0, 3)] == [True, False, False]
    assert training.diverged_at() == [1]


@pytest.mark.parametrize("rate", [1e20, 1e38])
def test_a_huge_learning_rate_diverges_at_the_same_update_as_by_torch(rate):
    cell = replace(short_cell(), learning_rate=rate, final_learning_rate=rate / 10)
    lines = corpus.build(cell)
    diverged_at = []
    for kernel in ("auto", "torch"):
        trained = train_stack(cell, lines, [SEED], "cpu", nothing, Execution(kernel=kernel))
        diverged_at += trained.diverged_at
        assert all(numpy.isnan(value).all() for value in trained.parameters.values())
    assert diverged_at[0] == diverged_at[1] < cell.iterations


def broken_at(training, iteration, what, value, monkeypatch):
    """Before an update put a value that is not finite into the weights, a moment or the learning rate of a training."""
    if what == "rate":
        module = sys.modules[type(training).__module__]
        rate = module.learning_rate
        monkeypatch.setattr(module, "learning_rate", lambda cell, at: value if at == iteration else rate(cell, at))
        return updated(training, 0, 10)
    losses = updated(training, 0, iteration)
    state = {name: array.copy() for name, array in training.state().items()}
    if isinstance(training, KernelTraining):
        state[what][5] = value
    else:
        name = "parameter.token_embedding"
        number = [each for each in state if each.startswith("parameter.")].index(name)
        state[name if what == "weights" else f"optimizer.{what}.{number}"].flat[5] = value
    training.restore(state)
    return losses + updated(training, iteration, 10)


# The second moment is never infinite: a gradient is clipped, so no square of it is above 1.
@pytest.mark.parametrize(
    ("what", "value"),
    [
        *((what, value) for what in ("weights", "first", "rate") for value in (math.nan, math.inf, -math.inf)),
        *(("second", value) for value in (math.nan, -math.inf)),
    ],
)
def test_what_is_not_finite_ends_training_at_the_same_update_as_by_torch(what, value, monkeypatch):
    cell = short_cell()
    lines = corpus.build(cell)
    expected = 4 if what == "weights" else 5
    for training in (KernelTraining(cell, lines, SEED), TorchTraining(cell, lines, [SEED], "cpu")):
        losses = broken_at(training, 4, what, value, monkeypatch)
        assert [math.isfinite(loss) for loss in losses] == [True] * expected + [False] * (10 - expected)
        assert training.diverged_at() == [expected]
        assert all(numpy.isnan(array).all() for array in training.parameters().values())


def test_weights_that_only_the_last_update_breaks_have_diverged_then(monkeypatch):
    update = KernelTraining.update

    def broken(self, iteration):
        update(self, iteration)
        if iteration == 9:
            self._learner.weights[3] = math.nan

    monkeypatch.setattr(KernelTraining, "update", broken)
    cell = short_cell()
    assert train(cell, corpus.build(cell), [SEED], "cpu", nothing).diverged_at == [10]


def test_seeds_one_after_another_are_those_trained_alone():
    cell = short_cell()
    lines = corpus.build(cell)
    together = train(cell, lines, [3, 4], "cpu", nothing)
    for number, seed in enumerate((3, 4)):
        alone = train(cell, lines, [seed], "cpu", nothing)
        for name, value in alone.parameters.items():
            numpy.testing.assert_array_equal(together.parameters[name][number], value[0])
        assert [row for row in together.history if row["seed"] == seed] == alone.history
