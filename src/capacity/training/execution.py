"""How updates are executed: choices that change speed and rounding, and nothing else."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from dataclasses import asdict, dataclass
from typing import Any

from capacity.errors import InputError
from capacity.model import devices

PRECISIONS = ("float32", "bfloat16")

KERNELS = ("auto", "torch")
"""Programs to ask for: the compiled network where it is the faster one, or torch always."""


@dataclass(frozen=True)
class Execution:
    """The choices of a training job.

    Attributes:
        precision: of matrix products, one of :data:`PRECISIONS`; weights, moments and sums stay in float32.
        compile: whether torch.compile fuses the operations of an update.
        graph: whether a CUDA device replays the update as one captured graph; without effect on a CPU.
        kernel: which program trains, one of :data:`KERNELS`; :mod:`capacity.training.path` says which one that is.
        threads: number of CPU threads of torch.
    """

    precision: str = "float32"
    compile: bool = False
    graph: bool = False
    kernel: str = "auto"
    threads: int = 1

    def check(self, device: str) -> None:
        """Raise InputError if a device or this machine cannot execute updates in this way."""
        if device != "cpu":
            return
        if self.precision == "bfloat16":
            devices.check_bfloat16()
        if self.compile:
            self._check_compiler()

    def _check_compiler(self) -> None:
        compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")  # as torch chooses
        if shutil.which(compiler) is None:
            raise InputError(f"compile: true needs a C++ compiler ({compiler}), and none is found; set it to false")
        torch = importlib.util.find_spec("torch")  # where it is, without the time that it takes to load
        for place in (torch.origin if torch else None, os.environ.get("TORCHINDUCTOR_CACHE_DIR")):
            if re.search(r"\s", place or ""):
                raise InputError(
                    f"compile: true does not work where a path has a space ({place}): torch does not quote the paths "
                    "that it gives to the C++ compiler; set it to false, or move to a folder without one"
                )

    def record(self, device: str) -> dict[str, Any]:
        """Return the choices as they take effect on a device, for the record of a job."""
        return asdict(self) | {"graph": self.graph and device == "cuda"}
