from __future__ import annotations

import pytest
import torch

from capacity.training import dropout as training_dropout
from capacity.training.dropout import dropout_generator


def test_a_dropout_mask_does_not_depend_on_the_neighbours():
    def generators(*seeds: int) -> list[torch.Generator]:
        return [dropout_generator(seed, "cpu") for seed in seeds]

    x = torch.ones(3, 50, 20)
    together = training_dropout.dropout(0.3, generators(7, 1, 4))
    alone = training_dropout.dropout(0.3, generators(1))
    for _ in range(3):
        masks = together(x)
        assert torch.equal(masks[1], alone(x[:1])[0])
        assert not torch.equal(masks[0], masks[1])


def test_dropout_drops_its_share_and_keeps_the_mean():
    generators = [dropout_generator(seed, "cpu") for seed in (0, 1)]
    dropped = training_dropout.dropout(0.2, generators)(torch.ones(2, 100_000))
    assert dropped.unique().tolist() == pytest.approx([0.0, 1.25])
    assert (dropped == 0).float().mean(1).tolist() == pytest.approx([0.2, 0.2], abs=0.01)
    assert training_dropout.dropout(0.0, generators) is None
