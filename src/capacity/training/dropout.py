"""TODO training.dropout."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from capacity.model import transformer


def dropout(rate: float, generators: Sequence[torch.Generator]) -> transformer.Dropout | None:
    """Dropout that draws the mask of slice s from ``generators[s]``; None at rate 0."""
    if rate == 0.0:
        return None

    def drop(x: Tensor) -> Tensor:
        keep = torch.empty_like(x, memory_format=torch.contiguous_format, requires_grad=False)
        for number, each in enumerate(generators):
            keep[number].bernoulli_(1.0 - rate, generator=each)
        return x * keep.div_(1.0 - rate)

    return drop
