"""Where tensors live: the CPU, or a CUDA device where there is one."""

from __future__ import annotations

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
