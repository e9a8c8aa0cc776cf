"""What holds between machines: other processors and numbers of threads round differently, and losses stay near."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.support.repository import SOURCE

TRAIN = """
import json, sys
import torch
from capacity.corpora import corpus
from capacity.experiment.cell import make_cell
from capacity.model import devices
from capacity.paper.protocol import SIZES, TASKS
from capacity.training import loop

devices.prepare(int(sys.argv[1]))
schedule = {"iterations": 40, "warmup_iterations": 20, "decay_iterations": 40, "evaluation_interval": 20}
losses = {}
for task in TASKS:
    for size in ("n14", "n56"):
        cell = make_cell(task, SIZES[size], batch=64, **schedule)
        trained = loop.train(cell, corpus.build(cell), [1337], "cpu", lambda done, losses: None)
        losses[f"{task} {size}"] = [row["stream_loss"] for row in trained.history]
print(json.dumps({"processor": torch.backends.cpu.get_cpu_capability(), "losses": losses}))
"""


def trained(threads: int, **environment: str) -> dict:
    """The losses, in nats per character, before and after 20 and 40 updates."""
    command = [sys.executable, "-c", TRAIN, str(threads)]
    given = os.environ | environment | {"PYTHONPATH": str(SOURCE)}
    done = subprocess.run(command, env=given, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def here():
    return trained(1)["losses"]


# An old processor has no wide vectors: torch and its matrix library then add in another order.
OLD = {"ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}


@pytest.mark.parametrize(("threads", "environment", "processor"), [(1, OLD, "DEFAULT"), (2, {}, None)])
def test_losses_on_another_processor_or_with_other_threads_are_within_a_hundredth(
    here, threads, environment, processor
):
    there = trained(threads, **environment)
    assert processor in (None, there["processor"])
    assert there["losses"].keys() == here.keys()
    for name, losses in here.items():
        before, *after = there["losses"][name]
        assert before == pytest.approx(losses[0], abs=1e-5), name
        assert after == pytest.approx(losses[1:], abs=1e-2), name
