"""TODO training.interruptions."""

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

SECONDS_TO_STOP = 600.0  # what another process is given to finish its update and save

Say = Callable[[str], None]


class InterruptedTrainingError(Exception):
    """The job was asked to stop, and has saved where it is."""


class Signals:
    """SIGTERM (a time limit, preemption) and SIGINT (Ctrl-C) as a wish to be asked for, while the block lasts."""

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
        """128 and the number of the signal, as a shell says it: not zero, so that ``retries`` go on."""
        return 128 + (self.received or 0)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number


@contextmanager
def only_one(path: Path, say: Say) -> Iterator[bool]:
    """Hold a lock for as long as the block lasts; gives whether another process had to be stopped for it.

    A Snakemake that is killed leaves its jobs running, and their outputs would be deleted by the next: such a process,
    if it runs on this machine, is sent SIGTERM, so that it saves and leaves. Raises InputError if it runs elsewhere
    or does not leave.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stopped = False
    while True:
        handle = path.open("a+", encoding="utf-8")
        if not _locks(handle):
            with handle:
                _stop(path, handle, say)
            stopped = True
        # The one before may have removed the file between our opening and locking it: then another can lock anew.
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
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stop(path: Path, handle: TextIO, say: Say) -> None:
    """Ask the process that holds a lock to leave, and wait until it has."""
    handle.seek(0)
    pid, _, host = handle.read().strip().partition(" ")
    if not pid:
        time.sleep(0.1)  # it has locked the file and not yet written its name
        return
    if host != socket.gethostname():
        raise InputError(
            f"{path} is locked: process {pid} on {host} still trains this job; wait until it is done, or stop it there"
        )
    say(f"process {pid} still trains this job for an earlier run: it is asked to save and stop")
    with suppress(ProcessLookupError):  # it may just have left
        os.kill(int(pid), signal.SIGTERM)
    end = time.monotonic() + SECONDS_TO_STOP
    while not _locks(handle):
        if time.monotonic() > end:
            raise InputError(f"{path} is locked: process {pid} does not stop; end it with `kill -9 {pid}`")
        time.sleep(0.1)
