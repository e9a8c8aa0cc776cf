"""How updates are executed: choices that change speed and rounding, and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from capacity.errors import InputError

PRECISIONS = ("float32", "bfloat16")
EAGER_UPDATES = 3  # before a CUDA graph is captured, so that every library is initialised

Update = Callable[..., Tensor]
"""Takes the tensors of a batch, changes parameters in place, returns the losses."""


@dataclass(frozen=True)
class Execution:
    """The choices of a training job.

    Attributes:
        precision: of matrix products, one of :data:`PRECISIONS`; weights, moments and sums stay in float32.
        compile: whether torch.compile fuses the operations of an update.
        graph: whether a CUDA device replays the update as one captured graph; without effect on a CPU.
    """

    precision: str = "float32"
    compile: bool = False
    graph: bool = False

    def check(self, device: str) -> None:
        """Raise InputError if a device or this machine cannot execute updates in this way."""
        compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")  # as torch chooses
        if self.compile and device == "cpu" and shutil.which(compiler) is None:
            raise InputError(f"compile: true needs a C++ compiler ({compiler}), and none is found; set it to false")
        for place in (torch.__file__, os.environ.get("TORCHINDUCTOR_CACHE_DIR", "")):
            if self.compile and device == "cpu" and re.search(r"\s", place):
                raise InputError(
                    f"compile: true does not work where a path has a space ({place}): torch does not quote the paths "
                    "that it gives to the C++ compiler; set it to false, or move to a folder without one"
                )

    def record(self, device: str) -> dict[str, Any]:
        """Return the choices as they take effect on a device, for the record of a job."""
        return asdict(self) | {"graph": self.graph and device == "cuda"}


class Replay:
    """An update that is captured once as a CUDA graph and then replayed, which saves many launches of small kernels.

    Args:
        update: the update. It reads its tensor arguments and changes parameters in place, without synchronizing.
        generators: those on the device that the update draws from.
    """

    def __init__(self, update: Update, generators: Sequence[torch.Generator]) -> None:
        self._update = update
        self._generators = generators
        self._done = 0
        self._side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._graph = torch.cuda.CUDAGraph()
        self._arguments: tuple[Tensor, ...] = ()
        self._result: Tensor | None = None

    def __call__(self, *arguments: Tensor) -> Tensor:
        """Make the update for a batch, and return its losses."""
        if self._done < EAGER_UPDATES:
            self._done += 1
            return self._aside(arguments)
        if self._result is None:
            self._capture(arguments)
        for kept, given in zip(self._arguments, arguments, strict=True):
            kept.copy_(given)
        self._graph.replay()
        assert self._result is not None
        return self._result.clone()

    def _aside(self, arguments: tuple[Tensor, ...]) -> Tensor:
        self._side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._side):
            result = self._update(*arguments)
        torch.cuda.current_stream().wait_stream(self._side)
        return result

    def _capture(self, arguments: tuple[Tensor, ...]) -> None:
        self._arguments = tuple(given.clone() for given in arguments)
        for generator in self._generators:
            self._graph.register_generator_state(generator)
        with torch.cuda.graph(self._graph):
            self._result = self._update(*self._arguments)
