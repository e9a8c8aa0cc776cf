from __future__ import annotations

from capacity.exact.generator import Generator
from capacity.training import randomness
from capacity.training.dropout import dropout_generator


def start_of(generator: Generator) -> tuple[int, ...]:
    return tuple(generator.raw(4).tolist())


def test_every_seed_has_a_generator_of_its_own_for_each_purpose():
    first = {
        (seed, purpose): start_of(randomness.generator(seed, purpose))
        for seed in (0, 1, 1337, 2**32 - 1)
        for purpose in randomness.PURPOSES
    }
    starts = [start_of(Generator(seed)) for seed in (0, 1, 1337)]
    assert len({*first.values(), *starts}) == 11  # none starts as the initial weights do
    assert start_of(randomness.generator(1, "data")) == first[1, "data"]


def test_torch_draws_masks_with_the_generator_of_dropout():
    masks = dropout_generator(7, "cpu")
    assert masks.initial_seed() == randomness.seed_for(7, "dropout")
