"""How a training job is stopped: by a signal, or by a later run of the same job that takes its place."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from capacity.errors import InputError
from capacity.storage.files import check_file

SECONDS_TO_STOP = 600.0  # for another process to finish its update and save

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

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number


@contextmanager
def only_one(path: Path, say: Say) -> Iterator[bool]:
    """Hold a lock on ``path`` while the block lasts, and yield whether another process had to be stopped for it.

    A Snakemake that is killed leaves its jobs running, and the next Snakemake would delete their outputs. Such a
    process is sent SIGTERM if it runs on this machine, so that it saves a snapshot and exits. Raises InputError if it
    runs on another machine, or does not exit within :data:`SECONDS_TO_STOP`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    check_file(path)
    stopped = False
    while True:
        handle = path.open("a+", encoding="utf-8")
        if not _locks(handle):
            with handle:
                _stop(path, handle, say)
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


def _stop(path: Path, handle: TextIO, say: Say) -> None:
    """Ask the process that holds a lock to stop, and wait until the lock is ours."""
    handle.seek(0)
    pid, _, host = handle.read().strip().partition(" ")
    if not pid:
        time.sleep(0.1)  # it has locked the file and not yet written its number
        return
    if host != socket.gethostname():
        raise InputError(
            f"{path} is locked: process {pid} on {host} still trains this job; wait until it is done, or stop it there"
        )
    say(f"process {pid} still trains this job for an earlier run: it is asked to save and stop")
    with suppress(ProcessLookupError):  # it may just have ended
        os.kill(int(pid), signal.SIGTERM)
    end = time.monotonic() + SECONDS_TO_STOP
    while not _locks(handle):
        if time.monotonic() > end:
            raise InputError(f"{path} is locked: process {pid} does not stop; end it with `kill -9 {pid}`")
        time.sleep(0.1)
