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
        rate: probability that a value is set to 0, less than 1; it is rounded down to a multiple of 2**-16. The other
            values are divided by the probability that they are kept.
        generators: S of them. The mask of network s is drawn from ``generators[s]`` alone, so that it does not depend
            on the other networks.
    """
    if rate == 0.0:
        return None
    dropped = int(rate * 2**16)  # of the 2**16 numbers that are drawn with equal probability
    kept = 1.0 - dropped / 2**16

    def drop(x: Tensor) -> Tensor:
        # Four values share a draw of 64 bits: on a CPU that takes a tenth of the time of a Bernoulli draw for each.
        count = x[0].numel()
        bits = torch.empty(len(generators), -(-count // 4), dtype=torch.int64, device=x.device)
        for row, each in zip(bits, generators, strict=True):
            row.random_(-(2**63), None, generator=each)
        numbers = bits.view(torch.int16)[:, :count].view(x.shape)
        mask = torch.empty(x.shape, dtype=torch.promote_types(x.dtype, torch.float32), device=x.device)
        return x * torch.ge(numbers, dropped - 2**15, out=mask).div_(kept)

    return drop


def dropout_generator(seed: int, device: str) -> torch.Generator:
    """Return the generator of a seed's masks on a device."""
    return torch.Generator(device).manual_seed(seed_for(seed, "dropout"))
