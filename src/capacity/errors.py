"""What a user can put right, said in one line: bad settings, damaged files, a full disk, a missing device."""

from __future__ import annotations

import sys
from collections.abc import Callable


class InputError(ValueError):
    """Something that was given cannot be used; the message names it and says what would be right."""


def run(main: Callable[[], None]) -> None:
    """Run the ``main`` of a stage. What a user can put right ends it with one line, anything else with a traceback."""
    try:
        main()
    except (InputError, OSError) as error:
        sys.exit(f"error: {error}")
