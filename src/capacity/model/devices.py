"""Where tensors live: the CPU, or a CUDA device where there is one; and which one, where there are several."""

from __future__ import annotations

import fcntl
import itertools
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from capacity.errors import InputError


def resolve(wanted: str) -> str:
    """``auto`` is CUDA where there is one. Raises InputError if CUDA is asked for and there is none."""
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise InputError("device: cuda was asked for, but torch sees no CUDA device; use device=auto or device=cpu")
    return wanted


def prepare(threads: int) -> None:
    """Set this process up to compute with so many CPU threads, and without oneDNN.

    oneDNN sets itself up anew for every shape it meets, and no two batches have equally many distinct prefixes.
    """
    torch.set_num_threads(threads)
    torch.backends.mkldnn.set_flags(_enabled=False)  # type: ignore[no-untyped-call]


def name(device: str) -> str:
    """The device as it stands in a record."""
    return torch.cuda.get_device_name() if device == "cuda" else device


@contextmanager
def placed(device: str) -> Iterator[None]:
    """While the block lasts ``cuda`` is the GPU with the fewest of our jobs, of those that this process may see.

    Snakemake counts GPUs and says to no job which one is its own; a scheduler such as SLURM shows each job its own
    alone. On a CPU nothing is done.
    """
    if device != "cuda":
        yield
        return
    gpus = [str(torch.cuda.get_device_properties(number).uuid) for number in range(torch.cuda.device_count())]
    with least_taken(gpus, Path(tempfile.gettempdir()) / f"capacity-gpus-{os.getuid()}") as number:
        torch.cuda.set_device(number)
        yield


@contextmanager
def least_taken(gpus: Sequence[str], folder: Path) -> Iterator[int]:
    """The index of the GPU that the fewest blocks of any process of this machine have taken, taken in turn.

    Each block holds the lock of a file in ``folder``, which the system lets go of however its process ends.

    Args:
        gpus: an identity for each, the same in every process.
        folder: for the locks.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for taken, (number, gpu) in ((taken, each) for taken in itertools.count() for each in enumerate(gpus)):
        handle = (folder / f"{gpu}-{taken}.lock").open("a")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.close()
            continue
        with handle:
            yield number
        return
