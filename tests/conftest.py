"""What every test shares: torch set up as a job sets it up, one folder for what Numba compiles, and the same hypothesis
examples in every run.

With several processes the files that take longest begin first, so that none is left over at the end, and there is one
process more than cores, because the tests of a batch system mostly wait.

The libraries and 8,000 tests are a million objects that live to the end. Python would look through all of them for
garbage again and again, which took a sixth of the time of the tests, so they are left out of that.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from capacity.corpora import corpus
from capacity.model import devices
from capacity.training.kernel_training import KernelTraining
from tests.support.short_cells import short_cell

pytest_plugins = ["tests.support.clones", "tests.support.installations"]
devices.prepare(threads=1)
# Compiled once, also for the jobs of workflows, and kept from run to run.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "numba"))
settings.register_profile("reproducible", derandomize=True, deadline=None, database=None, max_examples=50)
settings.load_profile("reproducible")

LONGEST = (
    "tests/cluster/test_profiles.py",
    "tests/workflow/test_run.py",
    "tests/workflow/test_places.py",
    "tests/workflow/test_interruptions.py",
    "tests/workflow/test_notebook.py",
    "tests/unit/training/test_loop_execution.py",
    "tests/workflow/test_plan.py",
    "tests/unit/training/test_loop_against_plain_training.py",
    "tests/workflow/test_documents.py",
    "tests/workflow/test_fetched_rules.py",
    "tests/unit/figures/test_style.py",
    "tests/workflow/test_new_task.py",
    "tests/unit/benchmarks/test_compiled.py",
    "tests/workflow/test_module.py",
    "tests/unit/archive/test_archive.py",
    "tests/faults/test_campaign.py",
)
"""Files that take half a minute and more, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the longest files first, and leave their order otherwise."""
    ranks = {path: rank for rank, path in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.nodeid.split("::")[0], len(ranks)))


def pytest_sessionstart() -> None:
    """Where several processes run the tests, let the first one compile the network, as else each of them would."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = Path(os.environ["NUMBA_CACHE_DIR"])
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "one process compiles.lock"):
            cell = short_cell()
            training = KernelTraining(cell, corpus.build(cell), seed=1)
            training.update(0)
            training.measure()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while the tests are collected, and later for none among what is there then."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Count one process more than pytest-xdist would start."""
    return (yield) + 1
