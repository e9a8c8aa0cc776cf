"""The archive as one ZIP file, whose manifest has the digest of every other file in it."""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from capacity.errors import InputError
from capacity.storage import files, zip_files

MANIFEST = "manifest.sha256"
LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)")

UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, UnicodeDecodeError, NotImplementedError, RuntimeError, OSError)
"""What zipfile raises for a damaged archive, depending on where it is: some bits ask for ciphers and other methods."""

Files = Mapping[str, Path | bytes]
"""The files of an archive by their paths in it, each as a file on the disk or as its content."""


def digests(archived: Files) -> dict[str, str]:
    """Return the SHA-256 of each file, in hexadecimal, by its path in the archive."""
    return {
        path: hashlib.sha256(source).hexdigest() if isinstance(source, bytes) else files.sha256(source)
        for path, source in archived.items()
    }


def write_bundle(path: Path, archived: Files, sums: Mapping[str, str]) -> None:
    """Write an archive: the manifest first, and then each file in the order of the paths.

    Args:
        path: of the ZIP file.
        archived: its files.
        sums: their digests.
    """
    lines = "".join(f"{sums[name]}  {name}\n" for name in sorted(archived))
    zip_files.write_zip(path, [(MANIFEST, lines.encode()), *((name, archived[name]) for name in sorted(archived))])


def damages(path: Path) -> list[str]:
    """Return what is wrong with the files of an archive, a sentence for each: changed, missing, or not listed.

    Raises InputError naming the archive if it is not a ZIP file with a manifest.
    """
    files.check_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            if MANIFEST not in archive.namelist():
                raise InputError(f"{path} has no {MANIFEST}, so it is not an archive of this workflow")
            return _damages(archive)
    except UNREADABLE as error:
        raise InputError(f"{path} is not a whole ZIP file ({error}); get it again, or make it anew") from error


def count(path: Path) -> int:
    """Return the number of files in an archive."""
    with zipfile.ZipFile(path) as archive:
        return len(archive.namelist())


def _damages(archive: zipfile.ZipFile) -> list[str]:
    listed = {}
    said = []
    for line in _content(archive, MANIFEST).decode("utf-8", "replace").splitlines():
        if match := LINE.fullmatch(line):
            listed[match[2]] = match[1]
        else:
            said.append(f"{MANIFEST}: {line[:100]!r} is not a digest and a path")
    names = [name for name in archive.namelist() if name != MANIFEST]
    said += [f"{name}: the archive has it twice" for name in sorted({each for each in names if names.count(each) > 1})]
    said += [f"{name}: it is missing, and {MANIFEST} lists it" for name in sorted(set(listed) - set(names))]
    for name in sorted(set(names)):
        if name not in listed:
            said.append(f"{name}: {MANIFEST} does not list it")
        elif (why := _difference(archive, name, listed[name])) is not None:
            said.append(f"{name}: {why}")
    return said


def _difference(archive: zipfile.ZipFile, name: str, expected: str) -> str | None:
    try:
        with archive.open(name) as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    except UNREADABLE as error:
        return f"it cannot be read ({error})"
    return None if found == expected else f"its digest is {found[:16]}, and {MANIFEST} says {expected[:16]}"


def _content(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        return file.read()
