"""Four runs of one cell, worked out by hand."""

from __future__ import annotations

import pytest

from tests.support.handmade_results import FOUR_RUNS, PAPER, evaluation, frames


@pytest.fixture(scope="module")
def four():
    """The runs and the one summary row of four runs of a cell."""
    runs, summary = frames([evaluation(PAPER, FOUR_RUNS)])
    assert len(summary) == 1
    return runs, summary.iloc[0]
