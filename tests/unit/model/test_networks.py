"""Networks computed by torch answer as the plain network does, after prefixes and after texts."""

from __future__ import annotations

import numpy
import pytest
import torch

from capacity.corpora.prefixes import prefixes_of
from capacity.model import devices
from capacity.model.networks import networks_of
from capacity.model.torch_networks import TorchNetworks
from capacity.paper.protocol import Size
from tests.support.plain_transformer import plain_from_stack, random_stack

SIZE = Size(2, 2, 8, 2)
ROWS = numpy.random.default_rng(0).integers(0, 5, (7, 6))


@pytest.fixture
def parameters():
    return random_stack(SIZE, 5, 6, 2)


def after_every_place(parameters, seed):
    """(N, T, V), by the plain network."""
    with torch.no_grad():
        logits = plain_from_stack(parameters, seed, SIZE)(torch.as_tensor(ROWS))
    return logits.log_softmax(-1).numpy()


@pytest.mark.parametrize("chosen", [None, [4, 0, 11]])
def test_after_prefixes(parameters, chosen):
    networks = TorchNetworks(parameters, SIZE.heads)
    prefixes = prefixes_of(ROWS)
    found = networks.log_probabilities(prefixes, None if chosen is None else numpy.array(chosen))
    assert found.shape == (len(networks), len(prefixes) if chosen is None else 3, 5)
    for seed in range(2):
        expected = after_every_place(parameters, seed).reshape(-1, 5)[prefixes.ends]
        numpy.testing.assert_allclose(found[seed], expected if chosen is None else expected[chosen], atol=1e-9)


def test_after_texts_of_different_lengths_and_networks(parameters):
    lengths = numpy.array([1, 6, 3, 2, 5, 6, 4])
    texts = numpy.stack([ROWS, ROWS[::-1]])
    found = TorchNetworks(parameters, SIZE.heads).log_probabilities_after(texts, lengths)
    for seed, order in enumerate((slice(None), slice(None, None, -1))):
        expected = after_every_place(parameters, seed)[order][numpy.arange(7), lengths - 1]
        numpy.testing.assert_allclose(found[seed], expected, atol=1e-9)


def test_networks_are_made_of_arrays_on_the_device_asked_for(parameters, monkeypatch):
    prepared = []
    monkeypatch.setattr(devices, "prepare", prepared.append)
    arrays = {name: value.float().numpy() for name, value in parameters.items()}
    networks = networks_of(arrays, SIZE, "torch", "cpu", 3)
    assert prepared == [3]
    found = networks.log_probabilities(prefixes_of(ROWS))
    assert found.dtype == numpy.float32
    exact = TorchNetworks(parameters, SIZE.heads).log_probabilities(prefixes_of(ROWS))
    numpy.testing.assert_allclose(found, exact, atol=1e-4)
