"""The device that computes: the CPU or a CUDA device, and which one, where there are several.

torch, which takes longer to load than a small network to evaluate, is loaded only where its answer is needed.
"""

from __future__ import annotations

import ctypes
import fcntl
import itertools
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from capacity.errors import InputError

BFLOAT16_FEATURES = ("avx512_bf16", "amx_bf16", "bf16")
"""Features of processors that multiply matrices in bfloat16, as torch names them: two of x86-64, and that of ARM."""

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of malloc.h


def resolve(device: str) -> str:
    """Return ``cpu`` or ``cuda`` for a setting: ``auto`` is CUDA where there is one.

    Raises InputError if CUDA is asked for and there is none.
    """
    if device == "cpu" or (device == "auto" and not has_gpu_driver()):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise InputError("device: cuda was asked for, but torch sees no CUDA device; use device=auto or device=cpu")
    return "cpu"


def has_gpu_driver() -> bool:
    """Whether this machine has a driver without which torch sees no GPU: of NVIDIA, or of AMD."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return Path("/dev/kfd").exists()
    return True


def prepare(threads: int, bfloat16: bool = False) -> None:
    """Set how torch uses the CPU in this process.

    Memory that a tensor gave back stays with the process: an update would otherwise take it from the system anew, page
    by page, which is a tenth of the time of a large one.

    Args:
        threads: number of CPU threads.
        bfloat16: whether matrix products are to be computed in bfloat16, which oneDNN does. It prepares itself anew for
            every shape, so without it is off, but for the large products of :mod:`capacity.model.products`.
    """
    import torch

    torch.set_num_threads(threads)
    torch.backends.mkldnn.set_flags(_enabled=bfloat16)  # type: ignore[no-untyped-call]
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):  # the C library of Linux
        library.mallopt(M_MMAP_MAX, 0)
        library.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def check_bfloat16() -> None:
    """Raise InputError if this processor has no instructions for matrix products in bfloat16."""
    import torch

    features = torch.cpu.get_capabilities()
    onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not (onednn and any(features.get(name) for name in BFLOAT16_FEATURES)):
        raise InputError(
            "precision: bfloat16 on a CPU needs a processor with AVX-512 BF16 or AMX (of ARM: with BF16), and this one "
            "has neither; use precision=float32"
        )


def name(device: str) -> str:
    """Return the name of a device for a record: ``cpu``, or the model of the GPU."""
    if device == "cpu":
        return device
    import torch

    return torch.cuda.get_device_name()


@contextmanager
def placed(device: str) -> Iterator[None]:
    """Make ``cuda`` mean the visible GPU with the fewest jobs of this workflow, while the block lasts.

    Snakemake counts GPUs, but does not tell a job which one to use. A scheduler such as SLURM lets each job see its own
    GPU alone. On a CPU nothing is done.
    """
    if device != "cuda":
        yield
        return
    import torch

    gpus = [str(torch.cuda.get_device_properties(number).uuid) for number in range(torch.cuda.device_count())]
    with least_taken(gpus, Path(tempfile.gettempdir()) / f"capacity-gpus-{os.getuid()}") as number:
        torch.cuda.set_device(number)
        yield


@contextmanager
def least_taken(gpus: Sequence[str], folder: Path) -> Iterator[int]:
    """Yield the index of the GPU that the fewest blocks use, in any process of this machine; the first of several.

    Each block holds the lock of a file in ``folder``, which the system releases however the process ends.

    Args:
        gpus: a name for each GPU, the same in every process.
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
