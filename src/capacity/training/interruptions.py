"""How a training job is stopped: by a signal, or by a later run of the same job that takes its place."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from capacity.errors import InputError
from capacity.storage.files import check_file

SECONDS_TO_STOP = 600.0  # for another process to finish its update and save
SECONDS_BETWEEN_LOOKS = 0.1
"""While a job waits: so soon it heeds a signal, and so soon it goes on once the lock is free."""

Say = Callable[[str], None]
"""Takes a line for the log."""


class InterruptedTrainingError(Exception):
    """The job was asked to stop, and has saved a snapshot from which it can resume."""


class Signals:
    """Notes SIGTERM (a time limit, preemption) and SIGINT (Ctrl-C) while a block lasts, instead of dying of them.

    Attributes:
        received: number of the last signal; None if there was none.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def exit_code(self) -> int:
        """The exit code of a shell for the signal, 128 plus its number, so that Snakemake tries the job again."""
        return 128 + (self.received or 0)

    def asked_to_stop(self) -> bool:
        """Return whether there was a signal."""
        return self.received is not None

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number


@contextmanager
def only_one(path: Path, say: Say, asked_to_stop: Callable[[], bool] = lambda: False) -> Iterator[bool]:
    """Hold a lock on ``path`` while the block lasts, and yield whether another process had to be stopped for it.

    A Snakemake that is killed leaves its jobs running, and the next Snakemake would delete their outputs. Such a
    process is sent SIGTERM if it runs on this machine, so that it saves a snapshot and exits, and SIGCONT, because one
    that was stopped (by Ctrl-Z, or by a batch system) heeds nothing else.

    Args:
        path: of the lock.
        say: takes lines for the log.
        asked_to_stop: returns whether this process has to stop; it is asked all the while that the lock is not free.

    Raises InputError if the path is no plain file, or if the other process runs on another machine, is not ours to
    stop, or does not exit within :data:`SECONDS_TO_STOP`, and :class:`InterruptedTrainingError` if this one is asked to
    stop before it has the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    check_file(path)
    if path.is_symlink():
        raise InputError(f"{path} is a link, and the file that it leads to would be emptied; remove it")
    stopped = False
    while True:
        handle = path.open("a+", encoding="utf-8")
        if not _locks(handle):
            with handle:
                _stop(path, handle, say, asked_to_stop)
            stopped = True
        # The process before may have removed the file after we opened it: then the lock is on a file without a name.
        elif path.exists() and os.fstat(handle.fileno()).st_ino == path.stat().st_ino:
            break
        else:
            handle.close()
    with handle:
        handle.truncate(0)
        handle.write(f"{os.getpid()} {socket.gethostname()}\n")
        handle.flush()
        try:
            yield stopped
        finally:
            path.unlink(missing_ok=True)


def _locks(handle: TextIO) -> bool:
    """Try to lock a file without waiting, and return whether that worked."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stop(path: Path, handle: TextIO, say: Say, asked_to_stop: Callable[[], bool]) -> None:
    """Ask the process that holds a lock to stop, and wait until the lock is ours."""
    handle.seek(0)
    pid, _, host = handle.read().strip().partition(" ")
    if not pid:
        _wait(path, asked_to_stop)  # it has locked the file and not yet written its number
        return
    if host != socket.gethostname():
        raise InputError(
            f"{path} is locked: process {pid} on {host} still trains this job; wait until it is done, or stop it there"
        )
    if not re.fullmatch("[1-9][0-9]{0,9}", pid):  # 0 and negative numbers would stop whole groups of processes
        raise InputError(f"{path} is locked by a process that wrote {pid[:40]!r} there, and no number; find and end it")
    say(f"process {pid} still trains this job for an earlier run: it is asked to save and stop")
    _send(int(pid), signal.SIGTERM, path)
    end = time.monotonic() + SECONDS_TO_STOP
    while not _locks(handle):
        if time.monotonic() > end:
            raise InputError(f"{path} is locked: process {pid} does not stop; end it with `kill -9 {pid}`")
        _send(int(pid), signal.SIGCONT, path)  # each time, because whatever stopped it may do so again
        _wait(path, asked_to_stop)


def _send(pid: int, number: int, path: Path) -> None:
    """Send a signal to the process that holds a lock, which may just have ended."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
    except PermissionError as error:
        raise InputError(f"{path} is locked: process {pid} of another user still trains this job; ask them") from error


def _wait(path: Path, asked_to_stop: Callable[[], bool]) -> None:
    """Wait a moment for a lock. Raises InterruptedTrainingError if this process is asked to stop."""
    if asked_to_stop():
        raise InterruptedTrainingError(f"{path} is still held by another process, and nothing was trained")
    time.sleep(SECONDS_BETWEEN_LOOKS)
