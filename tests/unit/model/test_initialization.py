"""Initial parameters: their numbers against the paper's, their values against nanoGPT's as torch draws them."""

from __future__ import annotations

import hashlib

import numpy
import pytest

from capacity.model import initialization
from capacity.paper.protocol import BLOCK, MLT, SIZES, TASKS, Size
from tests.support.plain_transformer import PlainTransformer, plain_from_seed

VOCABULARY = {"arithmetic": 17, "facts": 51, "joint": 66}
DEEP = Size(layers=2, heads=2, width=12, mlp_factor=3)
NARROW = Size(layers=2, heads=1, width=3, mlp_factor=1)
# Total and without positions, as in the paper.
PARAMETERS = {
    ("n14", "arithmetic"): (1_582, 1_456),
    ("n14", "facts"): (2_268, 1_932),
    ("n14", "joint"): (2_478, 2_142),
    ("n28", "arithmetic"): (5_516, 5_264),
    ("n28", "facts"): (6_888, 6_216),
    ("n28", "joint"): (7_308, 6_636),
    ("n56", "arithmetic"): (20_440, 19_936),
    ("n56", "facts"): (23_184, 21_840),
    ("n56", "joint"): (24_024, 22_680),
    ("mlt", "arithmetic"): (10_631_808, 10_628_352),
    ("mlt", "facts"): (10_650_624, 10_641_408),
    ("mlt", "joint"): (10_656_384, 10_647_168),
}
CHECKSUM = "b715a13c84daab017d4b080d72fad41f2ee7fe03b621c52de7bb7b1075bc3aad"


def test_the_counts_cover_every_size_and_task():
    assert set(PARAMETERS) == {(name, task) for name in SIZES for task in TASKS}


@pytest.mark.parametrize(("name", "task"), PARAMETERS)
def test_parameter_counts_are_the_papers(name, task):
    size, vocabulary = SIZES[name], VOCABULARY[task]
    assert initialization.count_parameters(size, vocabulary, BLOCK[task]) == PARAMETERS[name, task]


@pytest.mark.parametrize("size", [*SIZES.values(), DEEP], ids=lambda size: size.name)
def test_the_count_is_that_of_the_arrays_and_of_the_formula(size):
    total, _ = initialization.count_parameters(size, 17, 9)
    d = size.width
    assert total == 17 * d + 9 * d + size.layers * (4 * d**2 + 2 * size.mlp_factor * d**2 + 2 * d) + d
    parameters = initialization.initialise(size, 17, 9, [0])
    assert sum(value[0].size for value in parameters.values()) == total
    assert {name: value.shape[1:] for name, value in parameters.items()} == initialization.shapes(size, 17, 9)
    assert {value.dtype for value in parameters.values()} == {numpy.dtype(numpy.float32)}
    assert sum(value.numel() for value in PlainTransformer(size, 17, 9).parameters()) == total


@pytest.mark.parametrize("seed", [0, 1337, 2**32 + 5])
@pytest.mark.parametrize(
    ("size", "task"),
    [
        *((SIZES[name], task) for name in ("n14", "n28", "n56") for task in TASKS),
        (DEEP, "joint"),
        (NARROW, "arithmetic"),
        (MLT, "arithmetic"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_seed_starts_with_the_weights_of_nanogpt(size, task, seed):
    """Those of torch.nn modules built and re-drawn in nanoGPT's order from the global generator. They differ by 3e-8 at
    most: torch computes normal numbers in float32, as the processor and its version have it. Two thirds of the values
    have another last bit for that. Matrices of fewer than 16 values, as the narrow network has, torch draws otherwise.
    """
    plain = plain_from_seed(size, VOCABULARY[task], BLOCK[task], seed)
    parameters = initialization.initialise(size, VOCABULARY[task], BLOCK[task], [seed])
    for name, value in plain.named_parameters():
        difference = abs(parameters[name.removesuffix(".weight")][0] - value.detach().numpy())
        assert difference.max() <= 1e-7, name


def test_seeds_of_a_stack_start_as_they_would_alone():
    seeds = (3, 1337, 0, 8)
    stack = initialization.initialise(DEEP, 51, 24, seeds)
    for number, seed in enumerate(seeds):
        alone = initialization.initialise(DEEP, 51, 24, [seed])
        assert all(numpy.array_equal(stack[name][number], alone[name][0]) for name in stack)


def test_initialisation_has_the_papers_deviations():
    parameters = initialization.initialise(MLT, 66, 24, [5])
    for name, value in parameters.items():
        if name.endswith("norm"):
            assert numpy.array_equal(value, numpy.ones_like(value))
        else:
            expected = 0.02 / 12**0.5 if name.endswith("_out") else 0.02
            assert float(value.std()) == pytest.approx(expected, rel=0.03)
            assert abs(float(value.mean(dtype=numpy.float64))) < 5 * expected / value.size**0.5


def test_initial_weights_have_the_bits_that_they_have_on_every_machine():
    parameters = initialization.initialise(SIZES["n14"], 17, 9, [1337])
    values = b"".join(parameters[name].astype("<f4").tobytes() for name in sorted(parameters))
    assert hashlib.sha256(values).hexdigest() == CHECKSUM
