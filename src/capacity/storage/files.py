"""Files that are written whole or not at all, and errors of the system in words that say what to do."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from capacity.errors import InputError

CHECKSUM = "sha256"
"""Key under which a file keeps the checksum of its content."""

LONGEST_FOLDER = 3000
"""Bytes of the path of a folder for results. Linux allows 4,096 for a path, and the name of a job is part of some."""

REMEDY = "delete it and run the same command again, which makes it anew"
"""What to do about a damaged file."""

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
    """Yield a temporary path that replaces ``path`` if the block succeeds, and is removed if it raises.

    Raises OSError, with a message that says what to do, if the disk is full or nothing can be written there.
    """
    path = Path(path)
    with explained(path), _replacement(path) as temporary:
        yield temporary


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Say what to do about an error of the system while the block writes ``path``. Raises OSError."""
    try:
        yield
    except Exception as error:
        code = _system_error(error)
        if code not in _WHY_NOT_WRITTEN:
            raise
        raise OSError(code, f"{path} cannot be written: {_WHY_NOT_WRITTEN[code]}") from error


def _system_error(error: BaseException | None) -> int | None:
    """Return the number of the system's error that caused an error, if any.

    Libraries in C++ or Rust put it into the text of an error of their own, and matplotlib raises another error while it
    closes a file that it could not write.
    """
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


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def remove(path: Path) -> None:
    """Remove a file, a folder with all that is in it, or a link but nothing that it leads to, if there is any."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Remove temporary files of :func:`atomic` whose process was killed. No other process may write there."""
    for path in folder.glob(".*.*"):
        if path.is_file():
            path.unlink()


def check_writable(folder: Path) -> None:
    """Raise InputError if files cannot be written in a folder, which need not exist yet."""
    size = len(os.fsencode(folder))
    if size > LONGEST_FOLDER:
        raise InputError(
            f"{folder} is a path of {size:,} bytes, more than {LONGEST_FOLDER:,}: with the names of results below it, "
            "it is longer than the system allows; work in another folder"
        )
    place = folder
    while not os.path.lexists(place):
        place = place.parent
    if not place.exists():
        raise InputError(f"{place} is a link to {place.readlink()}, which is not there; mount it, make it or unlink it")
    if not place.is_dir():
        raise InputError(f"{place} is a file, and has to be a folder; rename it")
    if not os.access(place, os.W_OK | os.X_OK):
        raise InputError(f"nothing can be written in {place.resolve()}: it is read-only, or belongs to someone else")


def check_links(folder: Path) -> None:
    """Raise InputError naming a link below a folder that leads nowhere, or back to itself.

    Snakemake says of such a link that another process has deleted it, or ends in a traceback.
    """
    waiting, seen = [folder], set()
    while waiting:
        place = waiting.pop()
        try:
            status = place.stat()
            entries = list(os.scandir(place))
        except FileNotFoundError:
            continue  # another process has just removed it
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        for entry in entries:
            if entry.is_symlink() and not Path(entry.path).exists():
                what = describe_link(Path(entry.path))
                raise InputError(f"{entry.path} is {what}; remove it, or put back what it led to")
            if entry.is_dir():
                waiting.append(Path(entry.path))


def describe_link(path: Path) -> str:
    """Say of a link where it leads."""
    try:
        path.stat()
    except FileNotFoundError:
        return f"a link to {path.readlink()}, which is not there"
    except OSError:
        return "a link that leads back to itself"
    return f"a link to {path.readlink()}"


def check_file(path: str | Path) -> None:
    """Raise InputError if a path leads to what can be read without end or never: a pipe, a device, a socket.

    A folder, or nothing at all, is left to whoever opens it, whose error says so.
    """
    try:
        kind = Path(path).stat().st_mode
    except OSError:
        return
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
        what = "a pipe" if stat.S_ISFIFO(kind) else "a socket" if stat.S_ISSOCK(kind) else "a device"
        raise InputError(f"{path} is {what}, and has to be a file; remove it or name another one")


def read_text(path: Path, most_bytes: int) -> str:
    """Return the text of a file in UTF-8.

    Raises InputError naming the file if it is no file, is longer than ``most_bytes`` or is not UTF-8.
    """
    check_file(path)
    with path.open("rb") as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise InputError(f"{path} has more than {most_bytes:,} bytes, the most that is read; is it the right file?")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text in UTF-8 ({error})") from error


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal. Raises InputError if it is a pipe or a device."""
    check_file(path)
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_checksum(path: str | Path, stored: str | None, computed: str) -> None:
    """Raise InputError naming the file if the checksum that it keeps is missing, or is not that of its content."""
    if not stored:
        raise InputError(f"{path} has no checksum, so it was not written by this workflow; {REMEDY}")
    if stored != computed:
        raise InputError(f"{path} is damaged: its content does not fit its checksum; {REMEDY}")
