"""Random generators. Every seed has a generator of its own for each purpose, so that no two share their draws."""

from __future__ import annotations

import numpy
import torch

PURPOSES = ("data", "dropout")


def generator(seed: int, purpose: str, device: str = "cpu") -> torch.Generator:
    """Return the generator of a seed for one of :data:`PURPOSES`, independent of those for other purposes."""
    state = numpy.random.SeedSequence([seed, PURPOSES.index(purpose)]).generate_state(1, numpy.uint64)
    return torch.Generator(device).manual_seed(int(state[0]))
