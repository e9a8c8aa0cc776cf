from __future__ import annotations

import io
import json
import math
from types import SimpleNamespace

import numpy
from numpy.typing import NDArray

from capacity.training import progress as progress_module
from capacity.training.progress import Progress
from tests.support.short_cells import short_cell


def not_due() -> NDArray[numpy.float64]:
    raise AssertionError("the losses were asked for between two lines, which waits for a GPU")


def test_progress_is_written_to_its_file_and_its_log(tmp_path, monkeypatch):
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress_module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    cell, log, path = short_cell(), io.StringIO(), tmp_path / "job" / "progress.json"
    progress = Progress(cell, [1, 2, 3], path, log)

    progress(0, lambda: numpy.array([math.nan]))
    expected = {"cell": cell.name, "seeds": "1-3", "updates_in_all": 30, "updates": 0, "loss": None}
    assert json.loads(path.read_text()) == expected | {"updates_per_second": 0.0, "seconds_left": None}

    clock.now = 105.0
    progress(5, not_due)
    assert json.loads(path.read_text())["updates"] == 0
    clock.now = 110.0
    progress(10, lambda: numpy.array([2.0, 4.0]))
    expected |= {"updates": 10, "loss": 3.0}
    assert json.loads(path.read_text()) == expected | {"updates_per_second": 1.0, "seconds_left": 20}
    clock.now = 111.0
    progress(30, lambda: numpy.array([1.0]))
    assert json.loads(path.read_text())["updates"] == 30

    lines = log.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("update 10 of 30, loss 3.0000, 1.0 updates/s, time left 0:20")
