"""Where the repository and the package lie."""

from __future__ import annotations

from pathlib import Path

import capacity

REPOSITORY = Path(__file__).parents[2]
PACKAGE = Path(capacity.__file__).parent
SOURCE = PACKAGE.parent
