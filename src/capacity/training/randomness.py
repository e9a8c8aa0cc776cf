"""Random generators: every seed has one of its own for each purpose, so seeds and purposes never share draws."""

from __future__ import annotations

import numpy
import torch

PURPOSES = ("data", "dropout")


def initialisation_generator(seed: int) -> torch.Generator:
    """Seeded with the number itself, so that seed 1337 starts where the paper's runs start."""
    return torch.Generator().manual_seed(seed)


def generator(seed: int, purpose: str, device: str = "cpu") -> torch.Generator:
    """A generator for one of :data:`PURPOSES`, independent of the others of the same seed."""
    state = numpy.random.SeedSequence([seed, PURPOSES.index(purpose)]).generate_state(1, numpy.uint64)
    return torch.Generator(device).manual_seed(int(state[0]))
