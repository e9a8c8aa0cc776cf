"""Random generators. Every seed has a generator of its own for each purpose, so that no two share their draws."""

from __future__ import annotations

import numpy

from capacity.exact.generator import Generator

PURPOSES = ("data", "dropout")


def generator(seed: int, purpose: str) -> Generator:
    """Return the generator of a seed for one of :data:`PURPOSES`, independent of those for other purposes."""
    return Generator(seed_for(seed, purpose))


def seed_for(seed: int, purpose: str) -> int:
    """Return what the generator of a seed for one of :data:`PURPOSES` is seeded with."""
    state = numpy.random.SeedSequence([seed, PURPOSES.index(purpose)]).generate_state(1, numpy.uint64)
    return int(state[0])
