"""The same bytes on every processor: LLVM compiles for several, and all of them train and evaluate to these digests."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from llvmlite import binding

from tests.support.repository import SOURCE

PROGRAM = """
import hashlib, json, sys
import numpy
from capacity.corpora import corpus
from capacity.experiment.cell import make_cell
from capacity.paper.protocol import Size
from capacity.training.kernel_training import KernelTraining

CELLS = {
    "one layer": (make_cell("arithmetic", Size(1, 1, 14, 1)), 1000),
    "reshuffled": (make_cell("joint", Size(1, 1, 28, 1), stream="reshuffled", batch=60), 30),
    "deep": (make_cell("arithmetic", Size(2, 2, 12, 3), weight_decay=0.1, batch=100), 30),
}
digests = {}
for name, (cell, updates) in CELLS.items():
    training = KernelTraining(cell, corpus.build(cell), 1337)
    for iteration in range(min(updates, int(sys.argv[1]))):
        training.update(iteration)
    digest = hashlib.sha256()
    for array, value in sorted(training.state().items()):
        digest.update(array.encode() + numpy.ascontiguousarray(value).tobytes())
    measured = training.measure()
    measured.pop("questions_right")  # which follows from the answers that the scores count
    digest.update(json.dumps(measured).encode())
    digests[name] = digest.hexdigest()[:16]
print(json.dumps(digests))
"""

ALL, FEW = 1000, 3

OTHER_MAKER = "skylake-avx512" if binding.get_host_cpu_name().startswith("znver") else "znver4"
"""A processor with AVX-512 of another maker than this one, which the first test is about."""

# Of weights, moments, losses, states of generators, scores and margins after so many updates. Another digest means that
# runs come out with other bytes: it is right only when the arithmetic of training or evaluation was meant to change.
DIGESTS = {
    ALL: {"one layer": "1d082c89383d0d14", "reshuffled": "64f8fabfa3d940fa", "deep": "1578babeb91f126e"},
    FEW: {"one layer": "6cddf13fe073a2b5", "reshuffled": "8c2e73fe5151cc75", "deep": "6f9884de3c1bfb6a"},
}


def digests(updates: int, **environment: str) -> dict[str, str]:
    given = os.environ | environment | {"PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-c", PROGRAM, str(updates)]
    done = subprocess.run(command, env=given, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_this_processor_gives_the_digests():
    assert {updates: digests(updates) for updates in DIGESTS} == DIGESTS


@pytest.mark.parametrize("processor", ["haswell", OTHER_MAKER])
def test_code_for_another_processor_gives_the_same_bytes(processor):
    """Without AVX-512, and with that of another maker."""
    assert digests(ALL, NUMBA_CPU_NAME=processor, NUMBA_CPU_FEATURES="") == DIGESTS[ALL]


def test_a_processor_that_cannot_fuse_a_product_and_a_sum_gives_the_same_bytes():
    """It calls a function for each of them, which takes forty times as long."""
    assert digests(FEW, NUMBA_CPU_NAME="nehalem", NUMBA_CPU_FEATURES="") == DIGESTS[FEW]


def test_libraries_that_use_fewer_instructions_of_the_processor_give_the_same_bytes():
    """NumPy chooses among its functions by the processor."""
    without = "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR AVX2 FMA3"
    assert digests(FEW, NPY_DISABLE_CPU_FEATURES=without) == DIGESTS[FEW]
