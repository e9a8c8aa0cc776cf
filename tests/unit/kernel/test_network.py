"""Loss, gradients and answers of the compiled network beside those of the plain network in double precision."""

from __future__ import annotations

import math

import numpy
import pytest
import torch

from capacity.corpora.prefixes import prefixes_of
from capacity.kernel.memory import Parameters, split
from capacity.model.kernel_networks import KernelNetworks, flatten, network_shape, unflatten
from capacity.paper.protocol import SIZES, STREAMS, Size
from tests.support.kernel_learners import example
from tests.support.plain_transformer import plain_from_stack, random_stack
from tests.support.short_cells import short_cell

ODD = Size(1, 1, 13, 3)  # no multiple of the width of a vector
FOUR_HEADS, FOUR_WIDE_HEADS = Size(1, 4, 12, 2), Size(1, 4, 16, 1)


def distance(one, other):
    """In shares of the norm of the other."""
    return numpy.linalg.norm(one - other) / numpy.linalg.norm(other)


def compare(cell, drawn):
    """Compare the loss and the gradient of some rows, the whole of it and that of each kind of parameter."""
    compiled = example(cell)
    loss, gradient = compiled.loss_and_gradient(drawn)
    exact_loss, exact_gradient = compiled.plain_loss_and_gradient(drawn)
    assert loss == pytest.approx(exact_loss, rel=1e-7)
    assert distance(gradient, exact_gradient) < 2e-6
    for one, other in zip(split(gradient, compiled.shape), split(exact_gradient, compiled.shape), strict=True):
        assert distance(one, other) < 1e-5


def some_rows(number, of):
    """Numbers of rows, some of them twice."""
    drawn = numpy.random.default_rng(5).integers(0, of, number)
    drawn[1] = drawn[0]
    return drawn


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("size", [ODD, FOUR_HEADS, FOUR_WIDE_HEADS], ids=["width 13", "width 12", "width 16"])
def test_one_layer(size, stream):
    cell = short_cell(size, "facts", stream=stream, batch=30, **({"block": 64} if stream in STREAMS[2:] else {}))
    compare(cell, some_rows(30, len(example(cell).stream)))


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("layers", [2, 3, 6])
def test_several_layers(layers, stream):
    cell = short_cell(Size(layers, 2, 14, 3), "arithmetic", stream=stream, batch=40)
    compare(cell, some_rows(40, len(example(cell).stream)))


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("number", [1, 2, 65])
def test_batches_that_fill_no_block(layers, number):
    cell = short_cell(Size(layers, 1, 13, 1), "arithmetic", batch=number)
    compare(cell, some_rows(max(number, 2), len(example(cell).stream))[:number])


@pytest.mark.parametrize("task", ["arithmetic", "joint"])
def test_a_size_of_the_paper(task):
    cell = short_cell(SIZES["n28"], task, batch=100)
    compare(cell, some_rows(100, len(example(cell).stream)))


def test_a_block_of_one_place_and_rows_longer_than_a_vector():
    for block in (1, 33):
        cell = short_cell(ODD, "facts", batch=20, block=block)
        compare(cell, some_rows(20, len(example(cell).stream)))


def test_what_earlier_batches_leave_behind_changes_nothing():
    """Every array of a network is used again: for few distinct rows after many too."""
    for layers in (1, 3):
        cell = short_cell(Size(layers, 2, 12, 1), "arithmetic", batch=50)
        used, fresh = example(cell), example(cell)
        used.loss_and_gradient(some_rows(50, len(used.stream)))
        drawn = some_rows(50, 7)
        loss, gradient = used.loss_and_gradient(drawn)
        assert loss == fresh.loss_and_gradient(drawn)[0]
        numpy.testing.assert_array_equal(gradient, fresh.learner.gradient)


def test_the_order_of_a_batch_changes_no_loss_beyond_rounding():
    cell = short_cell(ODD, "facts", batch=40)
    one, other = example(cell), example(cell)
    drawn = some_rows(40, len(one.stream))
    assert one.loss_and_gradient(drawn)[0] == pytest.approx(other.loss_and_gradient(drawn[::-1].copy())[0], rel=1e-6)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("number", [numpy.nan, numpy.inf, -numpy.inf])
@pytest.mark.parametrize("name", Parameters._fields)
def test_a_weight_that_is_not_finite_is_seen_in_the_loss_and_makes_all_weights_nan(layers, name, number):
    compiled = example(short_cell(Size(layers, 1, 13, 1), "facts", batch=20))
    drawn = some_rows(20, len(compiled.stream))
    character = compiled.stream.rows.inputs[drawn[0], 0]
    part = getattr(compiled.learner.parameters, name)
    part[(character, 5) if name == "token_embedding" else (0,) * (part.ndim - 1) + (5,)] = number
    loss, _ = compiled.loss_and_gradient(drawn)
    assert not math.isfinite(loss)
    assert numpy.isnan(compiled.learner.weights).all()


def parameters_of(size, characters, block, seeds):
    drawn = random_stack(size, characters, block, seeds)
    return {name: value.float() for name, value in drawn.items()}


SIZES_ASKED = [ODD, FOUR_HEADS, Size(2, 4, 16, 2), Size(3, 1, 13, 1)]
ROWS = numpy.random.default_rng(0).integers(0, 5, (40, 6))


def answers(parameters, size, number):
    """(N, T, V), by the plain network in double precision."""
    exact = {name: value.double() for name, value in parameters.items()}
    with torch.no_grad():
        return plain_from_stack(exact, number, size)(torch.tensor(ROWS)).log_softmax(-1).numpy()


def networks(parameters, size):
    shape = network_shape(size, 5, 6)
    arrays = {name: value.numpy() for name, value in parameters.items()}
    return KernelNetworks(shape, [flatten(arrays, shape, number) for number in range(3)])


@pytest.mark.parametrize("size", SIZES_ASKED, ids=str)
@pytest.mark.parametrize("chosen", [None, [4], [0, 11, 3, 3], list(range(70, 0, -1))], ids=["all", "one", "four", "70"])
def test_answers_after_prefixes(size, chosen):
    parameters = parameters_of(size, 5, 6, 3)
    prefixes = prefixes_of(ROWS)
    asked = numpy.arange(len(prefixes)) if chosen is None else numpy.array(chosen)
    compiled = networks(parameters, size).log_probabilities(prefixes, None if chosen is None else asked)
    assert compiled.shape == (3, len(asked), 5)
    assert compiled.dtype == numpy.float32
    for number in range(3):
        exact = answers(parameters, size, number).reshape(-1, 5)[prefixes.ends[asked]]
        numpy.testing.assert_allclose(compiled[number], exact, atol=1e-5)


@pytest.mark.parametrize("size", SIZES_ASKED, ids=str)
def test_answers_after_texts_of_different_lengths_and_networks(size):
    parameters = parameters_of(size, 5, 6, 3)
    lengths = numpy.random.default_rng(1).integers(1, 7, 40)
    orders = [numpy.random.default_rng(number).permutation(40) for number in range(3)]
    compiled = networks(parameters, size).log_probabilities_after(numpy.stack([ROWS[each] for each in orders]), lengths)
    for number, order in enumerate(orders):
        exact = answers(parameters, size, number)[order][numpy.arange(40), lengths - 1]
        numpy.testing.assert_allclose(compiled[number], exact, atol=1e-5)


def test_an_answer_has_the_same_bytes_whatever_else_is_asked():
    for size in (ODD, Size(2, 4, 16, 2)):
        parameters = parameters_of(size, 5, 6, 3)
        prefixes = prefixes_of(ROWS)
        together = networks(parameters, size).log_probabilities(prefixes)
        alone = networks(parameters, size)
        for number in (0, 7, len(prefixes) - 1):
            one = alone.log_probabilities(prefixes, numpy.array([number]))
            numpy.testing.assert_array_equal(one[:, 0], together[:, number])
        texts = numpy.stack([ROWS[:1]] * 3)
        after = alone.log_probabilities_after(texts, numpy.array([6]))
        numpy.testing.assert_array_equal(after[:, 0], together[:, prefixes.rows[0, 5]])


def test_weights_are_flat_in_one_order():
    size = Size(2, 2, 8, 3)
    arrays = {name: value.numpy() for name, value in parameters_of(size, 5, 6, 1).items()}
    shape = network_shape(size, 5, 6)
    again = unflatten(flatten(arrays, shape), shape)
    assert list(again) == list(arrays)
    for name, value in arrays.items():
        numpy.testing.assert_array_equal(again[name], value)
