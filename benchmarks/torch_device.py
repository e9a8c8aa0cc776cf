"""What the contestants that use torch share: threads, waiting for a GPU, and its memory.

torch is loaded only where it is used, for it takes longer to load than a small network to start.
"""

from __future__ import annotations

from benchmarks.measure import peak_resident_bytes
from benchmarks.setting import Setting


def prepare(setting: Setting) -> None:
    """Use no more threads than were given. Raises RuntimeError if the device is not there."""
    import torch

    torch.set_num_threads(setting.threads)
    if setting.device == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("device: cuda was asked for, but torch sees no CUDA device; use --device cpu")


def finish(device: str) -> None:
    """Wait until a GPU has done all it was given; a CPU always has."""
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


def peak_bytes(device: str) -> int:
    """Most memory held so far: tensors on a GPU, the whole process on a CPU."""
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated()
    return peak_resident_bytes()
