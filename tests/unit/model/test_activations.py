from __future__ import annotations

import numpy
import pytest
import torch

from capacity.model.activations import activations
from capacity.model.initialization import initialise
from capacity.model.transformer import forward
from capacity.paper.protocol import Size

TOKENS = numpy.array([[0, 3, 1, 4, 2], [5, 5, 5, 0, 1], [2, 1, 0, 3, 4]])


def parameters_of(size):
    """Of one network far enough from its start that attention is not flat."""
    drawn = initialise(size, 6, 9, [0])
    return {name: value[0] if name.endswith("norm") else 20 * value[0] for name, value in drawn.items()}


@pytest.mark.parametrize("size", [Size(1, 1, 14, 1), Size(3, 2, 12, 4)])
def test_logits_are_those_of_the_transformer(size):
    parameters = parameters_of(size)
    found = activations(parameters, size.heads, TOKENS)
    stack = {name: torch.tensor(value)[None].double() for name, value in parameters.items()}
    logits = forward(stack, torch.tensor(TOKENS)[None], size.heads)[0].view(6, 3, 5)[:, :, -1].T
    assert numpy.allclose(found.logits, logits.numpy(), rtol=1e-9, atol=1e-9)


def test_attention_is_a_weight_for_each_position_of_each_head_of_each_layer():
    found = activations(parameters_of(Size(3, 2, 12, 4)), 2, TOKENS)
    assert found.attention.shape == (3, 2, 3, 5)
    assert numpy.allclose(found.attention.sum(3), 1)
    assert found.attention.std() > 0.05


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
    found = activations(parameters, 1, numpy.array([[0, 2, 1, 0, 3]]))
    assert found.attention[0, 0, 0, 1] > 0.99
