from __future__ import annotations

import torch

from capacity.training import randomness


def test_every_seed_has_a_generator_of_its_own_for_each_purpose():
    first = {
        (seed, purpose): torch.rand(4, generator=randomness.generator(seed, purpose)).tolist()
        for seed in (0, 1, 1337, 2**32 - 1)
        for purpose in randomness.PURPOSES
    }
    starts = [torch.rand(4, generator=torch.Generator().manual_seed(seed)).tolist() for seed in (0, 1, 1337)]
    assert len({tuple(values) for values in [*first.values(), *starts]}) == 11  # none starts as the initial weights do
    assert torch.rand(4, generator=randomness.generator(1, "data")).tolist() == first[1, "data"]
