from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys

import pytest

from capacity.errors import InputError
from capacity.training import interruptions
from tests.support.repository import SOURCE


def test_signals_are_a_wish_while_the_block_lasts_and_what_they_were_after_it():
    before = signal.getsignal(signal.SIGTERM)
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        with interruptions.Signals() as signals:
            assert signals.received is None
            os.kill(os.getpid(), number)
            assert (signals.received, signals.exit_code) == (number, code)
    assert signal.getsignal(signal.SIGTERM) == before


HOLDER = """
import sys, time
from pathlib import Path
from capacity.training.interruptions import Signals, only_one
with Signals() as signals, only_one(Path(sys.argv[1]), print):
    print("locked", flush=True)
    while signals.received is None:
        time.sleep(0.01)
    print("told to stop", flush=True)
"""


def test_a_process_left_by_an_earlier_run_is_asked_to_leave_and_waited_for(tmp_path):
    path, said = tmp_path / "job" / "training.lock", []
    command, environment = [sys.executable, "-c", HOLDER, path], os.environ | {"PYTHONPATH": str(SOURCE)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with interruptions.only_one(path, said.append) as took_over:
            assert took_over
            assert holder.stdout.readline() == "told to stop\n"
            assert path.read_text() == f"{os.getpid()} {socket.gethostname()}\n"
    assert holder.returncode == 0
    assert f"process {holder.pid} still trains this job" in said[0]
    assert not path.exists()


def test_a_lock_that_nobody_holds_stops_nobody(tmp_path):
    path = tmp_path / "training.lock"
    path.write_text(f"{os.getpid()} {socket.gethostname()}\n")  # of a process that was killed
    with interruptions.only_one(path, print) as took_over:
        assert not took_over


def test_a_process_on_another_machine_is_named_and_left_alone(tmp_path):
    path = tmp_path / "training.lock"
    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write("123 elsewhere\n")
        other.flush()
        with (
            pytest.raises(ValueError, match=r"training\.lock is locked: process 123 on elsewhere"),
            interruptions.only_one(path, print),
        ):
            pass


def test_a_process_that_does_not_leave_is_named(tmp_path, monkeypatch):
    path = tmp_path / "training.lock"
    monkeypatch.setattr(interruptions, "SECONDS_TO_STOP", 0.0)
    monkeypatch.setattr(os, "kill", lambda pid, number: None)
    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(f"123 {socket.gethostname()}\n")
        other.flush()
        with (
            pytest.raises(ValueError, match="process 123 does not stop"),
            interruptions.only_one(path, print),
        ):
            pass


def test_a_lock_that_is_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "lock")
    with pytest.raises(InputError, match="lock is a pipe"), interruptions.only_one(tmp_path / "lock", print):
        pass
