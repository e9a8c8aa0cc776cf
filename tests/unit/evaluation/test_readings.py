"""What is asked after beginnings of rows, against one text at a time."""

from __future__ import annotations

import numpy
import pytest

from capacity.evaluation import readings
from capacity.evaluation.readings import Readings
from capacity.paper.protocol import Size
from tests.support.networks import networks_of
from tests.support.plain_transformer import random_stack

SIZE = Size(2, 2, 8, 2)


@pytest.mark.parametrize("rows_at_once", [1024, 3])
@pytest.mark.parametrize("asked", [1, 40])
def test_a_character_after_the_beginning_of_a_row_has_its_probability_after_that_text(rows_at_once, asked, monkeypatch):
    monkeypatch.setattr(readings, "ROWS_AT_ONCE", rows_at_once)
    rng = numpy.random.default_rng(0)
    rows = rng.integers(0, 5, (8, 6))
    rows[5] = rows[2]
    row, last, characters = (rng.integers(0, bound, asked) for bound in (8, 6, 5))
    networks = networks_of(random_stack(SIZE, 5, 6, 2), SIZE)
    found = Readings(rows, row, last, characters).log_probabilities(networks)
    after = networks.log_probabilities_after(numpy.stack([rows[row]] * 2), last + 1)
    assert found.shape == (2, asked)
    numpy.testing.assert_allclose(found, after[:, numpy.arange(asked), characters], rtol=0, atol=1e-12)
