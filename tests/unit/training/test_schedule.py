from __future__ import annotations

import hashlib
import math
import struct

import pytest

from capacity.experiment.cell import make_cell
from capacity.paper.protocol import MLT, SIZES
from capacity.training.schedule import evaluation_count, is_evaluation_due, learning_rate
from tests.support.plain_training import plain_rate
from tests.support.short_cells import short_cell


@pytest.mark.parametrize(
    ("size", "iteration", "rate"),
    [
        (SIZES["n14"], 0, 1e-2 / 2001),
        (SIZES["n14"], 999, 1e-2 * 1000 / 2001),
        (SIZES["n14"], 1999, 1e-2 * 2000 / 2001),
        (SIZES["n14"], 2000, 1e-2),
        (SIZES["n14"], 13_500, (1e-2 + 1e-4) / 2),
        (SIZES["n14"], 25_000, 1e-4),
        (SIZES["n14"], 30_000, 1e-4),
        (MLT, 0, 1e-5 / 2001),
        (MLT, 2000, 1e-5),
        (MLT, 13_500, 5.5e-6),
        (MLT, 25_000, 1e-6),
        (MLT, 29_999, 1e-6),
    ],
)
def test_the_learning_rate_by_pencil(size, iteration, rate):
    assert learning_rate(make_cell("arithmetic", size), iteration) == pytest.approx(rate, rel=1e-12)


@pytest.mark.parametrize("iterations", [30_000, 3_000, 10, 1])
def test_the_learning_rate_rises_to_the_peak_and_falls_without_a_jump(iterations):
    cell = make_cell("facts", SIZES["n28"], iterations=iterations)
    rates = [learning_rate(cell, iteration) for iteration in range(iterations + 1)]
    assert rates == pytest.approx([plain_rate(cell, iteration) for iteration in range(iterations + 1)], rel=1e-12)
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert 0 < min(rates) <= max(rates) <= cell.learning_rate


def test_the_cosine_is_that_of_a_c_library_but_for_the_last_bits():
    cell = make_cell("arithmetic", SIZES["n14"])
    for iteration in range(30_000):
        assert abs(learning_rate(cell, iteration) - plain_rate(cell, iteration)) <= 4 * math.ulp(5e-3)


def test_the_papers_rates_have_the_bits_that_they_have_on_every_machine():
    cell = make_cell("arithmetic", SIZES["n14"])
    rates = [learning_rate(cell, iteration) for iteration in range(30_000)]
    checksum = hashlib.sha256(struct.pack("<30000d", *rates)).hexdigest()
    assert checksum == "e88afd9776e3d28c2d58f1fa400cb26809b5de4ae5ec20be0183d8d640825440"


@pytest.mark.parametrize(
    ("size", "chosen", "total", "digits"),
    [
        (SIZES["n14"], {}, 126.7, 1),
        (SIZES["n28"], {}, 126.7, 1),
        (SIZES["n56"], {}, 126.7, 1),
        (MLT, {}, 0.1415, 4),
        (MLT, {"learning_rate": 1e-6, "iterations": 1_500_000, "warmup_iterations": 2000}, 1.474, 3),
    ],
)
def test_the_learning_rates_of_a_run_add_up_to_the_papers_sum(size, chosen, total, digits):
    long_decay = {"decay_iterations": 10_000_000} if chosen else {}
    cell = make_cell("arithmetic", size, **chosen, **long_decay)
    step = max(1, cell.iterations // 30_000)
    rates = [learning_rate(cell, iteration) for iteration in range(0, cell.iterations, step)]
    assert round(step * math.fsum(rates), digits) == total


def test_the_papers_run_is_evaluated_121_times():
    cell = make_cell("arithmetic", SIZES["n14"])
    assert evaluation_count(cell) == 121
    looks = [iteration for iteration in range(30_001) if is_evaluation_due(cell, iteration)]
    assert looks == list(range(0, 30_001, 250))


def test_the_last_iteration_is_evaluated_even_off_the_interval():
    cell = short_cell()
    assert [iteration for iteration in range(11) if is_evaluation_due(cell, iteration)] == [0, 4, 8, 10]
    assert evaluation_count(cell) == 4
