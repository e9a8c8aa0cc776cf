"""What a command keeps from being loaded, so that a short job is not mostly imports."""

from __future__ import annotations

import sys

NOT_LOADED = {"train": ("pandas", "scipy"), "evaluate": ("pandas", "scipy")}
"""For each command, libraries that others load wherever they find them, and that it does not need: pyarrow does so with
pandas, and Numba with scipy."""


class _Absent:
    """A finder to which some libraries are not installed.

    Args:
        names: of the libraries.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Raise ModuleNotFoundError for one of the libraries; leave any other module to the other finders."""
        if name in self._names:
            raise ModuleNotFoundError(f"{name} is not loaded by this command", name=name)


def keep_from_loading(command: str) -> None:
    """Make the libraries of :data:`NOT_LOADED` look as if they were not installed, for the rest of this process."""
    sys.meta_path.insert(0, _Absent(NOT_LOADED.get(command, ())))
