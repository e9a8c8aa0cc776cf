import os
import subprocess
import sys
from dataclasses import replace

import numpy
import pytest

from benchmarks import compiled, yardstick
from benchmarks.child import Child
from benchmarks.compiled import FREE, OURS
from benchmarks.contest import QUICK
from benchmarks.setting import Setting
from capacity.kernel.update import update

EFFORT = replace(QUICK, block_seconds=0.02, evaluations=0, budget_seconds=0.0)
SMALL = Setting("n14", "arithmetic", axes=(("batch", 32),))


def test_a_process_of_the_compiled_network_loads_no_torch():
    program = (
        "import sys; from benchmarks import ours; from benchmarks.setting import Setting; "
        "ours.enter(Setting('n14', 'arithmetic')).update(1); print('torch' in sys.modules, 'pandas' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "False"]


def test_free_contraction_is_another_program_that_computes_the_same():
    with Child(OURS, SMALL) as exact, Child(FREE, SMALL) as free:
        for child in (exact, free):
            child.call("update", 20)
        one, other = (child.call("losses") for child in (exact, free))
    assert one == pytest.approx(other, rel=1e-4)
    assert one != other


def test_two_programs_are_compared_round_by_round():
    ratio = compiled._compare((OURS, replace(SMALL, kernel="torch")), (OURS, SMALL), EFFORT)
    assert ratio.name == "n14-arithmetic-batch-32"
    assert ratio.ratio.median == pytest.approx(ratio.seconds.median / ratio.other_seconds.median, rel=1.0)
    assert ratio.ratio.count == 3


def test_variables_of_the_environment_are_put_back(monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", "before")
    monkeypatch.delenv("ANOTHER", raising=False)
    with compiled._environment(NUMBA_CACHE_DIR="in the meantime", ANOTHER="new"):
        assert (os.environ["NUMBA_CACHE_DIR"], os.environ["ANOTHER"]) == ("in the meantime", "new")
    assert (os.environ["NUMBA_CACHE_DIR"], "ANOTHER" in os.environ) == ("before", False)


def test_yardstick_learns_names_that_end_where_they_say():
    program = yardstick.Yardstick()
    assert program.parameters() == 3_808
    rows = program._rows
    for row in range(20):
        name = rows.codes[rows.starts[row] : rows.starts[row] + rows.end[row] + 1]
        assert name[0] == name[-1] == 26
        assert 3 <= len(name) - 2 <= 8
        assert (name[1:-1] < 26).all()
    drawn = numpy.arange(yardstick.ROWS)
    losses = [
        update(yardstick.SHAPE, program._learner, rows, drawn, yardstick.SETTINGS, yardstick.RATE, 0.85**n, 0.99**n)
        for n in range(1, 60)
    ]
    assert losses[0] == pytest.approx(numpy.log(27), abs=0.05)
    assert losses[-1] < 2.0
