from __future__ import annotations

import pytest
import torch

from capacity.training.losses import prefix_losses, row_losses
from tests.support.plain_transformer import by_position


def test_row_losses_are_means_over_what_counts():
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(2, 5, 3 * 4, generator=generator, dtype=torch.float64)
    targets = torch.randint(5, (2, 3, 4), generator=generator)
    weights = torch.randint(3, (2, 3, 4), generator=generator).double()
    found = row_losses(logits, targets, weights)
    assert found.shape == (2,)
    each = by_position(logits, rows=3)
    for seed in range(2):
        repeated = [
            -each[seed, row, place].log_softmax(0)[targets[seed, row, place]].item()
            for row in range(3)
            for place in range(4)
            for _ in range(int(weights[seed, row, place]))
        ]
        assert float(found[seed]) == pytest.approx(sum(repeated) / len(repeated), rel=1e-12)


def test_prefix_losses_are_means_over_every_target_as_often_as_it_is_counted():
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(3, 5, 7, generator=generator, dtype=torch.float64)
    counts = torch.randint(4, (5, 7), generator=generator)
    found = prefix_losses(logits, counts.float())
    assert found.shape == (3,)
    for seed in range(3):
        repeated = [
            -logits[seed, :, prefix].log_softmax(0)[target].item()
            for target in range(5)
            for prefix in range(7)
            for _ in range(int(counts[target, prefix]))
        ]
        assert float(found[seed]) == pytest.approx(sum(repeated) / len(repeated), rel=1e-12)
