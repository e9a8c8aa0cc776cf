"""A long run needs no more memory than a short one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from capacity.corpora import corpus
from capacity.experiment.cell import make_cell
from capacity.paper.protocol import Size
from capacity.storage import parquet
from tests.support.repository import SOURCE

MOST_GROWTH = 6 * 2**20  # bytes; a tensor of the smallest batch kept at every update comes to more


def peak(iterations: int, folder: Path) -> int:
    """Bytes of memory that a training job with so many updates took at most."""
    cell = make_cell("facts", Size(1, 1, 14, 1), iterations=iterations, evaluation_interval=iterations // 10, batch=100)
    parquet.write_parquet(folder / "corpus.parquet", corpus.to_table(corpus.build(cell)), {})
    command = [
        sys.executable,
        "-c",
        "import resource\nfrom capacity.__main__ import main\nmain()\n" + PRINT,
        "train",
        cell.name,
    ]
    command += ["--seeds", "1", "--corpus", folder / "corpus.parquet", "--output", folder / str(iterations)]
    command += ["--device", "cpu", "--snapshot-updates", "50"]
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    return int(done.stdout.split()[-1])


PRINT = "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)"


def test_ten_times_the_updates_and_snapshots_take_no_more_memory(tmp_path):
    assert peak(1000, tmp_path) - peak(100, tmp_path) < MOST_GROWTH
