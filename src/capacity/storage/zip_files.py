"""ZIP files that are the same bytes whenever they are made of the same files."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path

from capacity.storage import files

DATE = (1980, 1, 1, 0, 0, 0)
"""The date of every file, the earliest that the format can hold, so that the same files make the same archive."""


def write_zip(path: Path, entries: Iterable[tuple[str, Path | bytes]]) -> None:
    """Write a ZIP file, whole or not at all.

    Args:
        path: of the ZIP file.
        entries: the name of each file in it, with the file or its content, in the order in which they are written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.atomic(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, source in entries:
            entry = zipfile.ZipInfo(name, DATE)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            if isinstance(source, bytes):
                archive.writestr(entry, source)
                continue
            entry.file_size = source.stat().st_size
            with source.open("rb") as original, archive.open(entry, "w") as copy:
                shutil.copyfileobj(original, copy, 2**20)
