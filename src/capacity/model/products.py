"""Products of matrices, by the faster of two libraries that torch brings.

On a CPU torch multiplies float32 matrices by MKL, which leaves half of a processor by AMD with AVX-512 unused: on one
core of such a processor, MKL reached 110 billion operations a second, and oneDNN 250. oneDNN prepares itself for every
shape that it has not seen, which only large products are worth.
"""

from __future__ import annotations

import platform
from typing import Any

import torch
from torch import Tensor

LEAST_MULTIPLICATIONS = 2**24
"""Of one product by oneDNN. As measured, updates of networks with smaller products take longer with it than without."""


def multiply(left: Tensor, right: Tensor) -> Tensor:
    """Return the products, (S, I, K), of S pairs of matrices, (S, I, J) and (S, J, K)."""
    if _is_for_onednn(left, right):
        product: Tensor = _Product.apply(left[0], right[0])  # type: ignore[no-untyped-call]
        return product[None]
    return torch.bmm(left, right)


def _is_for_onednn(left: Tensor, right: Tensor) -> bool:
    """Return whether oneDNN multiplies: one pair of large float32 matrices, by a processor of the x86-64 kind."""
    seeds, rows, inner = left.shape
    return (
        seeds == 1
        and rows * inner * right.shape[2] >= LEAST_MULTIPLICATIONS
        and left.device.type == "cpu"
        and left.dtype == right.dtype == torch.float32
        and platform.machine() in ("x86_64", "AMD64")
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    )


class _Product(torch.autograd.Function):
    """The product (I, K) of two matrices, (I, J) and (J, K), by oneDNN."""

    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor) -> Tensor:
        ctx.save_for_backward(left, right)
        return _by_onednn(left, right)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        left, right = ctx.saved_tensors
        return _by_onednn(gradient, right.t()), _by_onednn(left.t(), gradient)


def _by_onednn(left: Tensor, right: Tensor) -> Tensor:
    """Return a product by what torch's compiler calls for linear layers: torch has no public name for it."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(left, right.t(), None, "none", [], "")
    return product
