"""An update that a GPU replays."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

EAGER_UPDATES = 3  # before a CUDA graph is captured, so that every library is initialised

Update = Callable[..., Tensor]
"""Takes the tensors of a batch, changes parameters in place, returns the losses."""


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
