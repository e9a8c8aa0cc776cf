"""Stage 2: train the seeds of a cell.

AdamW with warm-up and a cosine, gradients clipped per seed, exactly as in the paper (section 3.3), except that all
seeds of a job are one stack of networks. Each seed has generators of its own, so its result does not depend on which
seeds share its job. On a CPU the seeds of a job run one after another, which is as fast there, needs the memory of
one, and makes that independence exact.
"""

from __future__ import annotations

import argparse

from capacity.commands.arguments import add_job_arguments
from capacity.experiment.cell import parse_cell
from capacity.experiment.seeds import parse_seeds
from capacity.model import devices
from capacity.training.execution import PRECISIONS, Execution
from capacity.training.job import run_job


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    add_job_arguments(parser)
    parser.add_argument("--precision", default="float32", choices=PRECISIONS, help="of matrix products")
    parser.add_argument("--compile", action="store_true", help="fuse the operations of an update with torch.compile")
    parser.add_argument("--cuda-graph", action="store_true", help="replay updates as one CUDA graph, on a GPU")
    parser.add_argument("--snapshot-seconds", type=float, default=0, help="between snapshots; 0 is never by time")
    parser.add_argument("--snapshot-updates", type=int, default=0, help="of a stack between snapshots; 0 is never")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    devices.prepare(arguments.threads)
    device = devices.resolve(arguments.device)
    with devices.placed(device):
        run_job(
            parse_cell(arguments.cell),
            parse_seeds(arguments.seeds),
            arguments.corpus,
            arguments.output,
            device,
            arguments.threads,
            Execution(arguments.precision, arguments.compile, arguments.cuda_graph),
            arguments.snapshot_seconds,
            arguments.snapshot_updates,
        )
