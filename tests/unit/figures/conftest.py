"""Studies to draw, from tables worked out by hand."""

from __future__ import annotations

import pytest

from capacity.experiment.cell import make_cell
from capacity.paper.protocol import Size
from tests.support.handmade_figures import STUDIES, GeneralizingStudy, TrainedStudy, base_cells, four_cells

WIDTHS = (4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 36, 48, 56)


@pytest.fixture(scope="module")
def studies():
    return {name: GeneralizingStudy(cells) for name, cells in STUDIES.items()}


@pytest.fixture(scope="module")
def one(studies):
    return studies["one"]


@pytest.fixture(scope="module")
def paper():
    return TrainedStudy(base_cells())


@pytest.fixture(scope="module")
def laptop():
    return TrainedStudy(base_cells(short=3000))


@pytest.fixture(scope="module")
def ladder():
    sizes = [Size(1, 1, width, 1) for width in WIDTHS]
    cells = [make_cell(task, size, iterations=3000) for task in ("arithmetic", "joint") for size in sizes]
    return TrainedStudy(cells, (0, 1))


@pytest.fixture(scope="module")
def several():
    """Two sizes, two pairs and two rates."""
    return TrainedStudy(STUDIES["several"])


@pytest.fixture(scope="module")
def four():
    return TrainedStudy(four_cells())
