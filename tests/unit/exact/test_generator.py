"""The generator against torch's, draw by draw."""

from __future__ import annotations

import hashlib

import numpy
import pytest
import torch

from capacity.exact.generator import LARGEST_BOUND, Generator

SEEDS = [0, 1, 2, 1337, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**32 + 1337, 2**40 + 3, 2**63 + 5, 2**64 - 1, -1, -1337]
CHECKSUM = "551cdd744a1e89774c3d37b64d4f96287f01cda5d0366f1495517023248b0d37"


def pair(seed: int) -> tuple[Generator, torch.Generator]:
    return Generator(seed), torch.Generator().manual_seed(seed)


def same_integers(ours: Generator, theirs: torch.Generator, bound: int, shape) -> bool:
    drawn, expected = ours.integers(bound, shape), torch.randint(bound, shape, generator=theirs).numpy()
    return drawn.dtype == expected.dtype and drawn.shape == expected.shape and numpy.array_equal(drawn, expected)


def same_permutation(ours: Generator, theirs: torch.Generator, number: int) -> bool:
    drawn, expected = ours.permutation(number), torch.randperm(number, generator=theirs).numpy()
    return drawn.dtype == expected.dtype and numpy.array_equal(drawn, expected)


def furthest_normal(ours: Generator, theirs: torch.Generator, shape, deviation: float) -> float:
    """Return the largest difference from torch's normal numbers, in standard deviations."""
    drawn = ours.normal(shape, deviation)
    expected = torch.empty(shape).normal_(0.0, deviation, generator=theirs).numpy()
    assert drawn.dtype == expected.dtype
    assert drawn.shape == expected.shape
    return float(abs(drawn - expected).max(initial=0.0)) / deviation


@pytest.mark.parametrize("seed", [*SEEDS, *range(3, 40)])
def test_a_seed_gives_torchs_numbers(seed):
    ours, theirs = pair(seed)
    assert same_integers(ours, theirs, 2083, (2000,))
    assert same_permutation(ours, theirs, 200)


def test_the_generators_of_training_have_seeds_of_64_bits():
    for seed in range(50):
        state = numpy.random.SeedSequence([seed, 0]).generate_state(1, numpy.uint64)
        ours, theirs = pair(int(state[0]))
        assert same_integers(ours, theirs, 2083, (700,))


@pytest.mark.parametrize("bound", [1, 2, 3, 1000, 2**16, 2**24 + 1, 2**28 - 1])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 5), (2, 0, 4), (2000,)])
def test_integers_of_every_bound_and_shape(bound, shape):
    ours, theirs = pair(5)
    assert same_integers(ours, theirs, bound, shape)
    assert same_integers(ours, theirs, 10, (4,))


def test_a_shape_may_be_one_number():
    assert numpy.array_equal(Generator(3).integers(10, 6), Generator(3).integers(10, (6,)))
    assert numpy.array_equal(Generator(3).normal(20, 1.0), Generator(3).normal([20], 1.0))


@pytest.mark.parametrize("bound", [0, -1, LARGEST_BOUND + 1, 2**32])
def test_a_bound_for_which_torch_draws_otherwise_is_refused(bound):
    with pytest.raises(ValueError, match=f"bound: {bound} is not from 1 to 268435455"):
        Generator(0).integers(bound, (3,))


@pytest.mark.parametrize("number", [0, 1, 2, 3, 16, 17, 196, 200, 400, 1000, 5000])
def test_permutations_of_every_length(number):
    ours, theirs = pair(number)
    for _ in range(3):
        assert same_permutation(ours, theirs, number)
    assert same_integers(ours, theirs, 10, (4,))


@pytest.mark.parametrize("number", [0, 1, 2, 7, 15, 16, 17, 24, 31, 32, 33, 1000, 3001, 100_003])
def test_normal_numbers_of_every_length(number):
    """torch computes in float32, with functions that differ between processors: up to a few of its roundings."""
    ours, theirs = pair(number)
    for _ in range(2):
        assert furthest_normal(ours, theirs, (number,), 0.02) < 3e-6
    assert same_integers(ours, theirs, 10, (4,))


def test_fewer_than_16_normal_numbers_are_torchs_own():
    """They are computed in float64 in torch too, so hardly one is rounded to another float32."""
    ours, theirs = pair(1)
    drawn, expected = [], []
    for number in [3, 4, 1, 15, 7] * 40:
        drawn.append(ours.normal((number,), 0.02))
        expected.append(torch.empty(number).normal_(0.0, 0.02, generator=theirs).numpy())
    equal = numpy.concatenate(drawn) == numpy.concatenate(expected)
    assert equal.mean() > 0.99


def test_the_second_normal_number_of_a_pair_waits_through_other_draws():
    ours, theirs = pair(9)
    assert furthest_normal(ours, theirs, (3,), 1.0) < 3e-6
    assert furthest_normal(ours, theirs, (40,), 1.0) < 3e-6
    assert same_permutation(ours, theirs, 20)
    assert furthest_normal(ours, theirs, (1,), 1.0) < 3e-6
    assert same_integers(ours, theirs, 1000, (5,))


def test_skipped_numbers_are_those_of_uniform_draws():
    ours, theirs = pair(9)
    for shape in ((), (3,), (14, 42), (17, 14)):
        torch.empty(shape).uniform_(generator=theirs)
        ours.skip(int(numpy.prod(shape)))
        assert same_integers(ours, theirs, 1000, (5,))


def test_raw_outputs_are_those_behind_the_draws():
    raw = Generator(4).raw(1500)
    assert raw.dtype == numpy.uint32
    assert numpy.array_equal(raw % 77, Generator(4).integers(77, (1500,)))


@pytest.mark.parametrize("seed", SEEDS)
def test_draws_of_all_kinds_in_any_order_with_the_state_saved_and_restored_between(seed):
    order = numpy.random.default_rng(3)
    ours, theirs = pair(seed)
    for _ in range(150):
        number = int(order.integers(1, 500))
        assert same_integers(ours, theirs, number, (number, 3))
        if order.random() < 0.7:
            assert same_permutation(ours, theirs, number)
        if order.random() < 0.7:
            assert furthest_normal(ours, theirs, (number % 40,), 0.02) < 3e-6
        if order.random() < 0.4:
            state = ours.state()
            ours.integers(5, (700,))
            ours.normal((3,), 1.0)
            ours = Generator(77)
            ours.restore(state)
            assert numpy.array_equal(ours.state(), state)


def test_a_state_is_a_copy_of_its_own():
    generator = Generator(6)
    state = generator.state()
    assert (state.shape, state.dtype) == ((628,), numpy.uint32)
    kept = state.copy()
    first = generator.normal((1000,), 1.0)
    assert numpy.array_equal(state, kept)
    generator.restore(state)
    assert numpy.array_equal(generator.normal((1000,), 1.0), first)
    assert numpy.array_equal(state, kept)


def test_no_generator_moves_another_or_a_global_one():
    before = numpy.random.get_state()
    one, other = Generator(1), Generator(1)
    one.integers(10, (1000,))
    assert numpy.array_equal(other.state(), Generator(1).state())
    assert numpy.array_equal(numpy.random.get_state()[1], before[1])


def test_draws_have_the_bits_that_they_have_on_every_machine():
    generator = Generator(1337)
    drawn = numpy.concatenate([generator.integers(2083, (10_000,)), *(generator.permutation(196) for _ in range(20))])
    assert hashlib.sha256(drawn.astype("<i8").tobytes()).hexdigest() == CHECKSUM
