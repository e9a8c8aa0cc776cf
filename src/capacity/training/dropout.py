"""Dropout with a generator of its own for each network of a stack."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from capacity.model import transformer
from capacity.training.randomness import seed_for


def dropout(rate: float, generators: Sequence[torch.Generator]) -> transformer.Dropout | None:
    """Return the dropout of a stack of networks; None at rate 0.

    Args:
        rate: probability that a value is set to 0; the others are divided by 1 - rate.
        generators: S of them. The mask of network s is drawn from ``generators[s]`` alone, so that it does not depend
            on the other networks.
    """
    if rate == 0.0:
        return None

    def drop(x: Tensor) -> Tensor:
        keep = torch.empty_like(x, memory_format=torch.contiguous_format, requires_grad=False)
        for number, each in enumerate(generators):
            keep[number].bernoulli_(1.0 - rate, generator=each)
        return x * keep.div_(1.0 - rate)

    return drop


def dropout_generator(seed: int, device: str) -> torch.Generator:
    """Return the generator of a seed's masks on a device."""
    return torch.Generator(device).manual_seed(seed_for(seed, "dropout"))
