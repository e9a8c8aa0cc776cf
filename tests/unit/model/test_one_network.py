from __future__ import annotations

import numpy
import pytest
import torch

from capacity.model import transformer
from capacity.model.initialization import initialise
from capacity.model.one_network import forward
from capacity.paper.protocol import Size
from tests.support.plain_transformer import plain_from_stack, random_stack

SIZES = [Size(1, 1, 14, 1), Size(3, 2, 8, 4), Size(2, 1, 12, 1)]
TOKENS = [3, 0, 6, 6, 1]
TEXTS = numpy.array([[0, 3, 1, 4, 2], [5, 5, 5, 0, 1], [2, 1, 0, 3, 4]])


def network_and_oracle(size):
    stack = random_stack(size, vocabulary=7, block=6, seeds=2)
    return {name: value[1].numpy() for name, value in stack.items()}, plain_from_stack(stack, 1, size)


@pytest.mark.parametrize("size", SIZES)
def test_the_logits_are_those_of_a_plain_network(size):
    parameters, oracle = network_and_oracle(size)
    logits = oracle(torch.tensor([TOKENS]))[0].detach().numpy()
    assert forward(parameters, TOKENS, size.heads).logits == pytest.approx(logits, abs=1e-9)


@pytest.mark.parametrize("size", SIZES)
def test_attention_is_shared_out_among_the_characters_so_far(size):
    parameters, _ = network_and_oracle(size)
    attention = forward(parameters, TOKENS, size.heads).attention
    assert attention.shape == (size.layers, size.heads, 5, 5)
    assert attention.sum(3) == pytest.approx(numpy.ones((size.layers, size.heads, 5)))
    assert not numpy.triu(attention, 1).any()
    assert (numpy.tril(attention)[..., numpy.tri(5, dtype=bool)] > 0).all()


def test_a_character_does_not_see_those_after_it():
    parameters, _ = network_and_oracle(SIZES[1])
    whole, beginning = (forward(parameters, TOKENS[:length], 2).logits for length in (5, 3))
    assert whole[:3] == pytest.approx(beginning)


def peaked_parameters(size):
    """Of one network far enough from its start that attention is not flat, in float64."""
    drawn = {name: value[0].astype(numpy.float64) for name, value in initialise(size, 6, 9, [0]).items()}
    return {name: value if name.endswith("norm") else 20 * value for name, value in drawn.items()}


@pytest.mark.parametrize("size", [Size(1, 1, 14, 1), Size(3, 2, 12, 4)])
def test_the_logits_of_several_texts_are_those_of_the_transformer(size):
    parameters = peaked_parameters(size)
    logits = forward(parameters, TEXTS, size.heads).logits
    stack = {name: torch.tensor(value)[None] for name, value in parameters.items()}
    expected = transformer.forward(stack, torch.tensor(TEXTS)[None], size.heads)[0].view(6, 3, 5).permute(1, 2, 0)
    assert numpy.allclose(logits, expected.numpy(), rtol=1e-9, atol=1e-9)


def test_attention_is_a_weight_for_each_position_of_each_head_of_each_layer_and_text():
    attention = forward(peaked_parameters(Size(3, 2, 12, 4)), TEXTS, 2).attention
    assert attention.shape == (3, 3, 2, 5, 5)
    assert numpy.allclose(attention.sum(-1), 1)
    assert attention[..., -1, :].std() > 0.05


def test_a_head_attends_to_the_key_that_its_query_points_at():
    """One layer in which every query is the same, and the key of character 2 alone points the same way."""
    width = 4
    parameters = {
        "token_embedding": numpy.eye(6, width) * 3,
        "position_embedding": numpy.zeros((9, width)),
        "blocks.0.attention_norm": numpy.ones(width),
        "blocks.0.attention_in": numpy.zeros((3 * width, width)),
        "blocks.0.attention_out": numpy.zeros((width, width)),
        "blocks.0.mlp_norm": numpy.ones(width),
        "blocks.0.mlp_in": numpy.zeros((width, width)),
        "blocks.0.mlp_out": numpy.zeros((width, width)),
        "final_norm": numpy.ones(width),
    }
    parameters["blocks.0.attention_in"][0, 3] = 10  # feature 0 of the query: 10 times feature 3 of character 3
    parameters["blocks.0.attention_in"][width, 2] = 10  # feature 0 of the key: 10 times feature 2 of character 2
    attention = forward(parameters, numpy.array([[0, 2, 1, 0, 3]]), 1).attention
    assert attention[0, 0, 0, -1, 1] > 0.99
