from __future__ import annotations

import numpy
import pytest
import torch

from capacity.model.one_network import forward
from capacity.paper.protocol import Size
from tests.support.plain_transformer import plain_from_stack, random_stack

SIZES = [Size(1, 1, 14, 1), Size(3, 2, 8, 4), Size(2, 1, 12, 1)]
TOKENS = [3, 0, 6, 6, 1]


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
