from __future__ import annotations

import pytest

from capacity.experiment import configuration
from tests.support.configuration_slips import GRID, changed, message
from tests.support.repository import REPOSITORY


@pytest.mark.parametrize(
    "grid",
    [
        {"layers": [1], "heads": [2], "width": [7], "mlp_factor": [1]},
        {"layers": [1], "heads": [1, 2], "width": [8, 9], "mlp_factor": [1]},
    ],
)
def test_heads_that_do_not_divide_the_width_of_a_shape_in_a_grid_are_refused(grid):
    found = message(changed(GRID, {"task": ["facts"], **grid}))
    assert found.startswith("studies.one.grids[0].heads: 2 heads do not divide the width ")


@pytest.mark.parametrize("stream", ["aligned", "answer-only"])
def test_a_block_that_is_too_short_for_a_stream_of_lines_is_refused(stream):
    grid = {"task": ["joint"], "size": ["n14"], "stream": [stream], "block": [24]}
    found = message(changed(GRID, grid))
    assert found.startswith(f"studies.one.grids[0].block: 24 is too short for stream '{stream}'; 40 or more")


def test_a_name_too_long_for_a_path_is_refused():
    half = [[a, b] for a in range(10) for b in range(a, 10)][:54]
    grid = changed(f"{GRID}.held_out", [half])
    configuration.validate(grid)
    longer = changed(f"{GRID}.learning_rate", [0.123456789012], grid)
    longer = changed(f"{GRID}.final_learning_rate", [0.0123456789012345], longer)
    found = message(longer)
    assert found.startswith("studies.one.grids[0]: ")
    assert "characters, more than 238; hold out fewer pairs" in found


@pytest.mark.parametrize(
    ("wrong", "right", "path"),
    [("laptob", "laptop", "budget"), ("weigth-decay", "weight-decay", "budgets.laptop.run.0")],
)
def test_a_near_miss_is_told_what_was_meant(wrong, right, path):
    config = configuration.main_configuration(REPOSITORY)
    assert f"did you mean {right!r}?" in message(changed(path, wrong, config))
