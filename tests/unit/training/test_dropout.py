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
    assert dropped.unique().tolist() == pytest.approx([0.0, 1.25], rel=1e-5)
    assert (dropped == 0).float().mean(1).tolist() == pytest.approx([0.2, 0.2], abs=0.01)
    assert training_dropout.dropout(0.0, generators) is None


@pytest.mark.parametrize(("rate", "kept"), [(0.5, 0.5), (0.1, 1 - 6553 / 2**16), (0.999999, 2**-16)])
def test_values_that_are_kept_are_divided_by_the_probability_with_which_they_are_drawn(rate, kept):
    drop = training_dropout.dropout(rate, [dropout_generator(0, "cpu")])
    dropped = drop(torch.ones(1, 1_000_003))  # not a multiple of the values that share a draw
    assert dropped.max().item() == pytest.approx(1 / kept, rel=1e-6)
    assert (dropped != 0).float().mean().item() == pytest.approx(kept, rel=0.5, abs=1e-3)


def test_dropout_of_values_in_bfloat16_does_not_round_what_it_divides_by():
    drop = training_dropout.dropout(0.1, [dropout_generator(0, "cpu")])
    dropped = drop(torch.ones(1, 1000, dtype=torch.bfloat16))
    assert dropped.dtype == torch.float32
    assert dropped.max().item() == pytest.approx(1 / 0.9, rel=1e-4)


def test_neighbouring_values_that_share_a_draw_are_dropped_independently():
    drop = training_dropout.dropout(0.2, [dropout_generator(3, "cpu")])
    kept = (drop(torch.ones(1, 4 * 200_000)) != 0).view(-1, 4).double()
    correlations = torch.corrcoef(kept.T)
    assert (correlations - torch.eye(4)).abs().max().item() < 0.01
