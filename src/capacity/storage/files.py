"""Files: written whole or not at all, each with where it came from."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from capacity.errors import InputError


def write_text(path: Path, text: str) -> None:
    """A page, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


CHECKSUM = "sha256"
REMEDY = "delete it and run the same command again, which makes it anew"
_WHY_NOT_WRITTEN = {
    errno.ENOSPC: "the disk is full; make room and run the same command again",
    errno.EDQUOT: "the quota of the disk is used up; make room and run the same command again",
    errno.EROFS: "its file system is read-only; choose another folder",
    errno.EACCES: "there is no permission to write there",
    errno.EPERM: "there is no permission to write there",
    errno.ENOTDIR: "a part of its path is a file where a folder should be",
    errno.EEXIST: "a part of its path is a file, or a link that leads nowhere, where a folder should be",
}


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that replaces it when the block ends well and vanishes when it does not.

    Raises OSError that says what to do if the disk is full or nothing can be written there.
    """
    path = Path(path)
    with explained(path), _replacement(path) as temporary:
        yield temporary


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Put an error of the system while ``path`` is written into words that say what to do."""
    try:
        yield
    except Exception as error:
        code = _system_error(error)
        if code not in _WHY_NOT_WRITTEN:
            raise
        raise OSError(code, f"{path} cannot be written: {_WHY_NOT_WRITTEN[code]}") from error


def _system_error(error: BaseException | None) -> int | None:
    """The number of the system's error behind one, if any. Libraries in C++ or Rust put it in the text of an error of
    their own, and matplotlib fails anew while it closes a file that it could not write."""
    while error is not None:
        if isinstance(error, OSError) and error.errno:
            return error.errno
        if said := re.search(r"(?:os error|errno) (\d+)", str(error)):
            return int(said[1])
        error = error.__context__
    return None


@contextmanager
def _replacement(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Remove what :func:`atomic` left in a folder when its process was killed. Nobody else may be writing there."""
    for path in folder.glob(".*.*"):
        if path.is_file():
            path.unlink()


def check_writable(folder: Path) -> None:
    """Raises InputError if files cannot be written in a folder, which need not exist yet."""
    place = folder
    while not os.path.lexists(place):
        place = place.parent
    if not place.exists():
        raise InputError(f"{place} is a link to {place.readlink()}, which is not there; mount it, make it or unlink it")
    if not place.is_dir():
        raise InputError(f"{place} is a file, and has to be a folder; rename it")
    if not os.access(place, os.W_OK | os.X_OK):
        raise InputError(f"nothing can be written in {place.resolve()}: it is read-only, or belongs to someone else")


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_checksum(path: str | Path, stored: str | None, found: str) -> None:
    if not stored:
        raise InputError(f"{path} has no checksum, so it was not written by this workflow; {REMEDY}")
    if stored != found:
        raise InputError(f"{path} is damaged: its content does not fit its checksum; {REMEDY}")
