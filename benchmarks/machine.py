"""What this machine can do at best: rates of large matrix products, and of a large copy."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import torch

from benchmarks import torch_device
from benchmarks.floor import Rates
from benchmarks.measure import processor_name, timed
from benchmarks.setting import Setting
from capacity.model import products


def enter(setting: Setting) -> Machine:
    torch_device.prepare(setting)
    return Machine(setting.device)


class Machine:
    """Measures what this machine does at best."""

    def __init__(self, device: str) -> None:
        self._device = device

    def rates(self, precisions: Iterable[str]) -> Rates:
        """The largest rates seen, of matrix products of several sizes by each library, and of one large copy."""
        widths = (512, 1024, 2048) if self._device == "cpu" else (2048, 4096, 8192)
        operations = {
            precision: max(self._matrix_rate(width, getattr(torch, precision)) for width in widths)
            for precision in precisions
        }
        return Rates(operations, self._bandwidth())

    def device_name(self) -> str:
        return torch.cuda.get_device_name() if self._device == "cuda" else processor_name()

    def _matrix_rate(self, width: int, precision: torch.dtype) -> float:
        left, right = (torch.rand(width, width, device=self._device).to(precision) for _ in range(2))
        result = torch.empty_like(left)
        rate = 2 * width**3 / self._least_seconds(partial(torch.matmul, left, right, out=result))
        if self._device == "cuda" or precision != torch.float32:
            return rate
        by_onednn = partial(products.multiply, left[None], right[None])
        return max(rate, 2 * width**3 / self._least_seconds(by_onednn))

    def _bandwidth(self) -> float:
        """Bytes read and written per second."""
        source = torch.ones((1 << 30 if self._device == "cuda" else 1 << 28) // 4, device=self._device)
        target = torch.zeros_like(source)
        return 2 * 4 * source.numel() / self._least_seconds(partial(target.copy_, source))

    def _least_seconds(self, operation: partial[torch.Tensor], repeats: int = 10) -> float:
        finish = partial(torch_device.finish, self._device)
        operation()
        return min(timed(operation, finish).seconds for _ in range(repeats))
