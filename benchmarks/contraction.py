"""Our training by the compiled network, with a freedom that it does not take: LLVM fuses products and sums as it likes.

The code says where a product and a sum are rounded once, so that every processor gives the same bytes. What that costs
is the time of this contestant against that of :mod:`benchmarks.ours`.
"""

from __future__ import annotations

import functools
import os
import tempfile
from typing import Any

from llvmlite import ir

from benchmarks.ours import Ours
from benchmarks.setting import Setting
from capacity.imports import keep_from_loading

FLAGS = ("contract",)
_FOLDER = tempfile.TemporaryDirectory(prefix="contraction-")  # gone with the process


def enter(setting: Setting) -> Ours:
    keep_from_loading("train")
    _free_contraction()
    return Ours(setting)


def _free_contraction() -> None:
    """Let sums and products be fused in all that is compiled from now on, and keep it apart from what is exact."""
    os.environ["NUMBA_CACHE_DIR"] = _FOLDER.name  # read when the first function is defined
    builder: Any = ir.IRBuilder
    for name in ("fadd", "fsub", "fmul"):
        setattr(builder, name, _flagged(getattr(builder, name)))
    from capacity.kernel import lanes

    def free(builder: Any, left: Any, right: Any, more: Any) -> Any:
        return builder.fadd(builder.fmul(left, right), more)

    lanes._fma = free


def _flagged(instruction: Any) -> Any:
    @functools.wraps(instruction)
    def flagged(self: Any, left: Any, right: Any, name: str = "", flags: tuple[str, ...] = ()) -> Any:
        return instruction(self, left, right, name, flags=(*flags, *FLAGS))

    return flagged
